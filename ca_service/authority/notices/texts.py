"""Texts of a notice: subject, short text with the next step, and the same for a program."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from ca_service.authority.notices.records import Expiring, Kind, Message, days_left
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible

#: The noun for each kind, in the middle of a sentence.
NOUNS: Final = {
    Kind.LEAF: "certificate",
    Kind.INTERMEDIATE: "intermediate",
    Kind.ROOT: "root",
    Kind.REVOCATION_LIST: "revocation list",
    Kind.OCSP_SIGNER: "certificate of the OCSP signer",
}
_EVENT: Final = "certificate.expiring"
_TEXT: Final = """\
The {noun} of {name} expires in {days}, on {end:%Y-%m-%d} at {end:%H:%M} UTC.

Next: {next_step}
{url}

{id_name}: {id}
"""
_SIGNATURE: Final = """
--
ca_service at {base_url}
"""


def notice_message(expiring: Expiring, threshold: int, to: tuple[str, str], base_url: str, now: datetime) -> Message:
    """Return the notice to one (channel, recipient). Its id does not depend on when and where it is built."""
    name, left = visible(expiring.name), _days(days_left(expiring.not_after, now))
    noun, url = NOUNS[expiring.kind], base_url + expiring.path
    text = _TEXT.format(
        noun=noun,
        name=name,
        days=left,
        end=expiring.not_after,
        next_step=expiring.next_step,
        url=url,
        id_name="Serial number" if expiring.kind is Kind.LEAF else "Id",
        id=expiring.id,
    )
    return Message(
        message_id=_message_id(expiring, threshold, to),
        channel=to[0],
        recipient=to[1],
        subject=f"{name}: {noun} expires in {left}",
        text=signed(text, base_url),
        event=_event(expiring, threshold, url, now),
        created_at=now,
        next_try_at=now,
    )


def trial_message(message_id: str, to: tuple[str, str], base_url: str, now: datetime) -> Message:
    """Return a test message, which shows that the channel works."""
    text = "This is a test. Notices about expiring certificates arrive in the same way."
    return Message(
        message_id=message_id,
        channel=to[0],
        recipient=to[1],
        subject="Test of ca_service",
        text=signed(f"{text}\n{base_url}/notices\n", base_url),
        event={"type": "notices.test", "timestamp": time_text(now), "data": {"url": f"{base_url}/notices"}},
        created_at=now,
        next_try_at=now,
    )


def signed(text: str, base_url: str) -> str:
    """Return the text of a message with the line that says where it comes from."""
    return text + _SIGNATURE.format(base_url=base_url)


def _event(expiring: Expiring, threshold: int, url: str, now: datetime) -> Mapping[str, object]:
    """Return the members that Standard Webhooks recommends (type, timestamp, data)."""
    data = {
        "kind": expiring.kind.value,
        "id": expiring.id,
        "name": expiring.name,
        "not_after": time_text(expiring.not_after),
        "days_left": days_left(expiring.not_after, now),
        "threshold_days": threshold,
        "next_step": str(expiring.next_step),
        "url": url,
    }
    return {"type": _EVENT, "timestamp": time_text(now), "data": data}


def _message_id(expiring: Expiring, threshold: int, to: tuple[str, str]) -> str:
    said = "\0".join((*map(str, expiring.key), str(threshold), *to))
    return f"notice-{hashlib.sha256(said.encode()).hexdigest()[:40]}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
