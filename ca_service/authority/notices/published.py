"""Knows when what the authority publishes lapses: its revocation lists and the signer of its OCSP answers.

Both are renewed long before by whoever asks first, so whoever is told of one has something to mend: a root whose
key is offline, a key that is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ca_service.authority.access.permissions import SERVICE
from ca_service.authority.hierarchy.records import IssuerRecord
from ca_service.authority.notices.records import Expiring, Kind
from ca_service.authority.revocation.records import CRLRecord, ResponderRecord
from ca_service.authority.status.crl_publisher import CRLPublisher
from ca_service.authority.status.responders import Responders
from ca_service.vos.phrases import phrase

_LIST_STEP = (
    "It is made anew by itself where the key of its authority is here. Where that is offline, sign the next one: "
    "`ca-service crl sign-root`."
)
_SIGNER_STEP = "It is made anew by itself. Where it is not, `ca-service doctor` tells why."


class Published:
    """The newest list of each authority, and the signer of its OCSP answers."""

    def __init__(self, publishing: CRLPublisher, responders: Responders) -> None:
        self._publishing = publishing
        self._responders = responders

    def between(self, after: datetime, until: datetime) -> Iterator[Expiring]:
        """See the port; there are only a few."""
        lists = [_of_list(*each) for each in self._publishing.list_newest(SERVICE) if each[1] is not None]
        found = [*lists, *map(_of_signer, self._responders.list_current())]
        yield from sorted((each for each in found if after < each.not_after <= until), key=lambda each: each.not_after)


def _of_list(issuer: IssuerRecord, newest: CRLRecord | None) -> Expiring:
    if newest is None:
        raise ValueError("there is no list")
    name, path = f"list of {issuer.name} ({issuer.role})", f"/ca/{issuer.id}.crl"
    return Expiring(
        Kind.REVOCATION_LIST, issuer.id, name, newest.this_update, newest.next_update, path, phrase(_LIST_STEP)
    )


def _of_signer(record: ResponderRecord) -> Expiring:
    name = f"OCSP signer of {record.issuer_id}"
    return Expiring(
        Kind.OCSP_SIGNER, record.serial_number, name, record.not_before, record.not_after, "/ca/", phrase(_SIGNER_STEP)
    )
