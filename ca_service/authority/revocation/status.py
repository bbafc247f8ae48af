"""Knows what revocation means for a new request: a key that was lost, a key on hold, an authority that is revoked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ca_service.authority.hierarchy.hierarchy import ActiveAuthority, certificate_of
from ca_service.authority.hierarchy.records import IssuerRecord
from ca_service.authority.revocation.records import RevocationRecord, RevocationStatus, Selection, State
from ca_service.authority.revocation.store import RevocationStore
from ca_service.errors import Finding, Rule
from ca_service.pki import encodings
from ca_service.pki.reasons import Reason

AUTHORITY_REVOKED: Final = Rule(
    "authority.revoked",
    "The authority {issuer} is revoked since {date}: nobody would accept what it issues.",
    "Set up another authority, in another instance folder.",
)
CSR_KEY_COMPROMISED: Final = Rule(
    "csr.key.compromised",
    "The key of the request was reported as compromised on {date}.",
    "Make a new CSR on the host: that makes a new key.",
)
CSR_KEY_HELD: Final = Rule(
    "csr.key.held",
    "The certificate {serial} with the key of the request is on hold.",
    "Have the hold released, or made final; or make a new CSR, which makes a new key.",
)


def about_revoked(
    store: RevocationStore, issuers: Sequence[IssuerRecord], active: ActiveAuthority | None, key_fingerprint: str
) -> Iterator[Finding]:
    """Why nothing is issued for this key, or by this authority; `issuers` are all that there are."""
    yield from _about_key(store.list_selected(Selection(key_fingerprint=key_fingerprint)))
    found = find_revoked(store, issuers, active.record) if active else None
    if found is not None:
        yield AUTHORITY_REVOKED.at(issuer=found[0].id, date=found[1].revoked_at.date().isoformat())


def revocation_of(store: RevocationStore, issuer: IssuerRecord) -> RevocationRecord | None:
    """The revocation of an authority by the one above it."""
    if issuer.parent_id is None:
        return None
    return store.find_revocation(issuer.parent_id, encodings.serial_text(certificate_of(issuer).serial_number))


def find_revoked(
    store: RevocationStore, records: Sequence[IssuerRecord], issuer: IssuerRecord
) -> tuple[IssuerRecord, RevocationRecord] | None:
    """The authority in the chain of this one that is revoked or on hold, if there is one."""
    by_id, each = {record.id: record for record in records}, issuer
    while each.parent_id is not None:
        found = revocation_of(store, each)
        if found is not None and not found.is_good:
            return each, found
        each = by_id[each.parent_id]
    return None


def _about_key(standings: Sequence[RevocationStatus]) -> Iterator[Finding]:
    """Whether the key was reported as lost, or is on hold; `standings` are the certificates that have it."""
    for each in standings:
        found = each.revocation
        if found is None or found.is_good:
            continue
        if found.reason is Reason.KEY_COMPROMISE:
            yield CSR_KEY_COMPROMISED.at("/public_key", date=found.changed_at.date().isoformat())
            return
        if found.state is State.HELD:
            yield CSR_KEY_HELD.at("/public_key", serial=found.serial_number)
            return
