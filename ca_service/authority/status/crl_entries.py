"""Contents of the next CRL: all entries, or those of the last CRL with the additions since.

Reading 100,000 entries takes longer than everything else, and usually few were added since the last
CRL. So its entries are reused, as bytes, unless something else has happened since: a hold was made
final or released, many certificates were revoked together, or old entries have to be omitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ca_service.authority.revocation.records import CRLRecord
from ca_service.authority.revocation.store import CRLStore, RevocationStore
from ca_service.pki import crl

_TRIES: Final = 5
_MANY: Final = 50  # additions; the last CRL is searched for each


@dataclass(frozen=True, slots=True)
class Material:
    """The contents of a CRL as of one `version`. `entries` are DER, one or many in a piece; `count` is their number.

    A delta has the `changes` since `base`; without a CRL that a client may hold there is no base.
    """

    version: int
    entries: Sequence[bytes]
    count: int
    base: CRLRecord | None
    changes: Sequence[bytes]


def gather(
    crls: CRLStore, revocations: RevocationStore, issuer_id: str, newest: CRLRecord | None, at: datetime
) -> Material:
    """Return the contents of this issuer's CRL at `at`. The entries of its `newest` CRL are reused; None reuses none.

    They are read again after a concurrent change, so that CRL and delta agree. If changes go on and on,
    they may contain changes after their `version`, but never fewer. The next CRL, which is then due,
    contains them again.
    """
    material = _read(crls, revocations, issuer_id, newest, at)
    for _ in range(_TRIES):
        if revocations.version(issuer_id) == material.version:
            break
        material = _read(crls, revocations, issuer_id, newest, at)
    return material


def _read(
    crls: CRLStore, revocations: RevocationStore, issuer_id: str, newest: CRLRecord | None, at: datetime
) -> Material:
    version = revocations.version(issuer_id)  # first, so that everything else is at least as new
    base = crls.find_base(issuer_id, at)
    entries, count = _entries(crls, issuer_id, newest, base)
    return Material(version, entries, count, base, crls.list_changes(issuer_id, base.version if base else version))


def _entries(
    crls: CRLStore, issuer_id: str, newest: CRLRecord | None, base: CRLRecord | None
) -> tuple[Sequence[bytes], int]:
    if newest is not None and base is not None and base == crls.find_base(issuer_id, newest.this_update):
        added = crls.list_changes(issuer_id, newest.version)
        data = crls.read_crl(issuer_id, newest.number) if 0 < len(added) <= _MANY else None
        body = crl.entries_of(data.full) if data else None
        if body is not None and not any(crl.is_in(entry, body) for entry in added):
            new = [entry for entry in added if not crl.is_removal(entry)]
            return (body, *new), newest.count + len(new)
    entries = crls.read_entries(issuer_id, base)
    return (entries.der,), entries.count
