"""Knows what somebody looks at who decides: the request against the profile, and against what its host has now."""

from __future__ import annotations

from dataclasses import dataclass

from ca_service.authority.access.permissions import Actor
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.examination import Examination
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.issuance.records import Moment, RequestRecord, timeline
from ca_service.authority.issuance.store import Ledger
from ca_service.authority.ports import Clock
from ca_service.pki import csr
from ca_service.vos.comparison import Difference, compare


@dataclass(frozen=True, slots=True)
class Review:
    """An application, examined now. `current` is the certificate that its host has, `difference` what the request
    changes against the one that it answers; both are None where there is none."""

    application: RequestRecord
    examination: Examination
    moments: tuple[Moment, ...]
    current: CertificateRecord | None = None
    difference: Difference | None = None


class Reviewing:
    """Lays applications out for a person. Nothing is stored."""

    def __init__(self, issuance: Issuance, ledger: Ledger, clock: Clock) -> None:
        self._issuance = issuance
        self._ledger = ledger
        self._clock = clock

    def of(self, actor: Actor, application: RequestRecord) -> Review:
        """The application beside the certificate that its host has now, if that is not its own."""
        (examination,) = self._issuance.check(actor, [application.csr_der], application.options)
        moments = tuple(timeline(application))
        current = self._ledger.find_current(application.host, self._clock())
        if current is None or current.serial_number == application.serial_number:
            return Review(application, examination, moments)
        difference = compare(csr.verify(current.csr_der), csr.verify(application.csr_der))
        return Review(application, examination, moments, current, difference)
