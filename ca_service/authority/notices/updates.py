"""Updates: requests that wait, decisions on them, and certificates that their node does not serve yet.

Each is announced once. What was submitted together, or decided together, is one message: its first record has the
messages of the group, the others have none; all are written in one transaction. People whom a request concerns get
the mail at the address of their account, beside the configured recipients.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from ca_service.authority.access.credentials import is_mail_address
from ca_service.authority.access.permissions import SERVICE, Action, may
from ca_service.authority.fleet.clusters import Fleet, cluster_pages
from ca_service.authority.fleet.records import ClusterRecord
from ca_service.authority.fleet.states import Slot
from ca_service.authority.fleet.states import State as SlotState
from ca_service.authority.issuance.records import RequestPage, RequestQuery, RequestRecord, State
from ca_service.authority.notices.ports import Channel, NoticeStore, recipients_of
from ca_service.authority.notices.records import Announcement, Kind, Message, Notice
from ca_service.authority.notices.texts import signed
from ca_service.authority.people.records import AccountRecord
from ca_service.authority.ports import Clock
from ca_service.pki.encodings import time_text
from ca_service.pki.visible_text import visible

MAIL: Final = "mail"  # the name of the channel
SUBMITTED: Final = "request.submitted"
_PAGE: Final = 200
REMEMBERED: Final = timedelta(days=90)  # how long a decision on an announced request is waited for
LOOKED_BACK: Final = timedelta(days=30)  # an older certificate that is not served was left so on purpose
_NOT_SERVED: Final = frozenset({SlotState.ISSUED, SlotState.UPLOADED})
_OUTCOMES: Final = {
    State.ISSUED: ("approved", "download the bundle and upload it to the node."),
    State.REFUSED: ("refused", "change what the note says, and submit again."),
}
_SHOWN: Final = 20


class RequestReader(Protocol):
    """The questions about requests."""

    def find_request(self, request_id: int) -> RequestRecord | None: ...

    def list_requests(self, query: RequestQuery) -> RequestPage: ...


class AccountReader(Protocol):
    """The question about accounts."""

    def list_reachable(self) -> tuple[AccountRecord, ...]: ...


@dataclass(frozen=True, slots=True)
class Update:
    """One message about some things of one kind: `subjects` are their ids and moments, which identify them."""

    kind: Kind
    subjects: tuple[tuple[str, datetime], ...]
    subject: str
    text: str
    path: str
    event: str
    data: Mapping[str, object]


class Updates:
    """Announces what is new. `requests` and `unserved_after` are None where they are no news."""

    def __init__(
        self,
        requests: RequestReader | None,
        fleet: Fleet,
        store: NoticeStore,
        channels: Sequence[Channel],
        clock: Clock,
        *,
        accounts: AccountReader,
        base_url: str,
        unserved_after: timedelta | None,
    ) -> None:
        self._requests = requests
        self._fleet = fleet
        self._store = store
        self._channels = channels
        self._clock = clock
        self._accounts = accounts
        self._base_url = base_url
        self._unserved_after = unserved_after

    def announce_requests(self) -> int:
        """Announce requests that wait, and decisions on those that were announced; return how many records are new."""
        if self._requests is None or not recipients_of(self._channels):
            return 0
        return self._announce([*self._waiting(self._requests), *self._decided(self._requests)])

    def announce_unserved(self) -> int:
        """Announce certificates in slots that were issued days ago and are not served; return how many are new."""
        return self._announce([*self._unserved()]) if recipients_of(self._channels) else 0

    def _waiting(self, requests: RequestReader) -> Iterator[Update]:
        new = sorted(self._untold(requests), key=lambda each: each.id)
        return map(_waiting_update, _grouped(new, lambda each: each.submission))

    def _untold(self, requests: RequestReader) -> Iterator[RequestRecord]:
        """Yield the newest requests, up to those that were announced: many that wait hide no new one."""
        query = RequestQuery(state=State.SUBMITTED, limit=_PAGE)
        while True:
            page = requests.list_requests(query)
            told = self._told(Kind.REQUEST, [_id(each) for each in page.items])
            yield from (each for each in page.items if _id(each) not in told)
            if len(told) == len(page.items) or not page.next_cursor:
                return
            query = replace(query, cursor=page.next_cursor)

    def _decided(self, requests: RequestReader) -> Iterator[Update]:
        """Yield the decisions on announced requests; one that is approved waits until its certificate is there."""
        announced = self._store.list_newer({Kind.REQUEST}, self._clock() - REMEMBERED)
        told = self._told(Kind.DECISION, [each.subject_id for each in announced])
        numbers = [int(each.subject_id) for each in announced if each.subject_id not in told]
        found = [record for number in numbers if (record := requests.find_request(number))]
        decided = [each for each in found if each.state in _OUTCOMES]
        return map(_decided_update, _grouped(decided, lambda each: (each.submitted_by, each.decided_by, each.state)))

    def _unserved(self) -> Iterator[Update]:
        if self._unserved_after is None:
            return
        now = self._clock()
        for page in cluster_pages(self._fleet, SERVICE):
            for cluster, slots in zip(page, self._fleet.list_slots(SERVICE, page), strict=True):
                late = [slot for slot in slots if _is_late(slot, now, self._unserved_after)]
                told = self._told(Kind.NOT_SERVED, [_serial(slot) for slot in late])
                new = [slot for slot in late if _serial(slot) not in told]
                if new:
                    yield _unserved_update(cluster, new, now)

    def _told(self, kind: Kind, ids: Sequence[str]) -> set[str]:
        return {each.subject_id for each in self._store.list_notices(set(ids)) if each.kind is kind}

    def _announce(self, updates: Iterable[Update]) -> int:
        now, made = self._clock(), list[Announcement]()
        for update in updates:
            messages = tuple(_message(update, to, self._base_url, now) for to in self._recipients(update))
            for number, (subject_id, moment) in enumerate(update.subjects):
                notice = Notice(update.kind, subject_id, moment, 0, now)
                made.append(Announcement(notice, () if number else messages))
        return self._store.announce(made) if made else 0

    def _recipients(self, update: Update) -> Iterator[tuple[str, str]]:
        """Yield the configured recipients, and the people whom the update concerns, each mail address once."""
        configured = recipients_of(self._channels)
        yield from configured
        if any(channel.name == MAIL for channel in self._channels):
            known = {address.casefold() for name, address in configured if name == MAIL}
            own = personal_addresses(update.event, update.data, self._accounts.list_reachable())
            yield from ((MAIL, each) for folded, each in own.items() if folded not in known)


def personal_addresses(event: str, data: Mapping[str, object], accounts: Iterable[AccountRecord]) -> dict[str, str]:
    """Return the addresses of those accounts that the event of requests concerns, by their case-folded form.

    What waits concerns all who may decide on it, a decision the requester.
    """

    def is_concerned(account: AccountRecord) -> bool:
        is_requester = account.name == data.get("submitted_by")
        return is_requester if event != SUBMITTED else may(account.actor, Action.DECIDE) and not is_requester

    addresses = (each.mail_address for each in accounts if is_concerned(each))
    return {address.casefold(): address for address in addresses if is_mail_address(address)}


def _id(record: RequestRecord) -> str:
    return str(record.id)


def _serial(slot: Slot) -> str:
    return slot.certificate.serial_number if slot.certificate else ""


def _is_late(slot: Slot, now: datetime, after: timedelta) -> bool:
    record = slot.certificate
    return record is not None and slot.state in _NOT_SERVED and after <= now - record.issued_at <= LOOKED_BACK


def _grouped(
    records: Iterable[RequestRecord], key: Callable[[RequestRecord], Hashable]
) -> Iterator[list[RequestRecord]]:
    groups = dict[Hashable, list[RequestRecord]]()
    for each in records:
        groups.setdefault(key(each), []).append(each)
    return iter(groups.values())


def _waiting_update(records: Sequence[RequestRecord]) -> Update:
    who = visible(records[0].submitted_by)
    return Update(
        Kind.REQUEST,
        tuple((_id(each), each.submitted_at) for each in records),
        f"{_hosts(records)}: requested by {who}, waiting for a decision",
        f"{who} asks for {_certificates(records)}:\n{_lines(records)}\n\nNext: approve or refuse.",
        _path(records),
        SUBMITTED,
        _data(records),
    )


def _decided_update(records: Sequence[RequestRecord]) -> Update:
    first = records[0]
    word, step = _OUTCOMES[first.state]
    by = f" by {visible(first.decided_by)}" if first.decided_by else ""
    notes = "".join(f"\n\nNote: {note}" for note in dict.fromkeys(visible(each.note) for each in records if each.note))
    return Update(
        Kind.DECISION,
        tuple((_id(each), each.submitted_at) for each in records),
        f"{_hosts(records)}: {word}{by}",
        f"For {visible(first.submitted_by)}: {_certificates(records)} {word}{by}.\n{_lines(records)}{notes}"
        f"\n\nNext: {step}",
        _path(records),
        "request.decided",
        {**_data(records), "state": first.state.value, "decided_by": first.decided_by, "note": first.note},
    )


def _unserved_update(cluster: ClusterRecord, slots: Sequence[Slot], now: datetime) -> Update:
    records = [slot.certificate for slot in slots if slot.certificate]
    days = min((now - each.issued_at).days for each in records)
    lines = "\n".join(f"  {visible(slot.node.fqdn)}, {slot.purpose.service}: {slot.state.value}" for slot in slots)
    return Update(
        Kind.NOT_SERVED,
        tuple((each.serial_number, each.issued_at) for each in records),
        f"{visible(cluster.name)}: issued {days} days ago and not yet presented",
        f"These certificates are issued, and it is not known that their node presents them:\n{lines}\n\n"
        "Next: go on with the steps, or look at the ports of the node.",
        f"/clusters/{cluster.id}",
        "certificate.not-served",
        {
            "cluster": cluster.name,
            "certificates": [
                {"serial_number": each.serial_number, "host": each.host, "issued_at": time_text(each.issued_at)}
                for each in records
            ],
        },
    )


def _hosts(records: Sequence[RequestRecord]) -> str:
    more = f" and {len(records) - 1} more" if len(records) > 1 else ""
    return f"{visible(records[0].host)}{more}"


def _certificates(records: Sequence[RequestRecord]) -> str:
    return "a certificate" if len(records) == 1 else f"{len(records)} certificates"


def _lines(records: Sequence[RequestRecord]) -> str:
    more = [f"  and {len(records) - _SHOWN} more"] if len(records) > _SHOWN else []
    return "\n".join([*(_line(each) for each in records[:_SHOWN]), *more])


def _line(record: RequestRecord) -> str:
    return "  " + ", ".join(filter(None, (visible(record.host), record.options.destination.purpose)))


def _path(records: Sequence[RequestRecord]) -> str:
    return f"/requests/{records[0].id}" if len(records) == 1 else "/requests"


def _data(records: Sequence[RequestRecord]) -> dict[str, object]:
    return {
        "requests": [
            {
                "id": each.id,
                "host": each.host,
                "purpose": each.options.destination.purpose,
                "serial_number": each.serial_number,
            }
            for each in records
        ],
        "submitted_by": records[0].submitted_by,
        "submitted_at": time_text(records[0].submitted_at),
    }


def _message(update: Update, to: tuple[str, str], base_url: str, now: datetime) -> Message:
    said = "\0".join((update.kind.value, *(each for each, _ in update.subjects), *to))
    url = base_url + update.path
    return Message(
        message_id=f"update-{hashlib.sha256(said.encode()).hexdigest()[:40]}",
        channel=to[0],
        recipient=to[1],
        subject=update.subject,
        text=signed(f"{update.text}\n{url}\n", base_url),
        event={"type": update.event, "timestamp": time_text(now), "data": {**update.data, "url": url}},
        created_at=now,
        next_try_at=now,
    )
