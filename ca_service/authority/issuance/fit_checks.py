"""Fit checks: whether a node would accept a certificate now."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.ports import Clock
from ca_service.pki import csr
from ca_service.pki.profiles import VOS
from ca_service.vos.fit import Files, Fit, judge_files
from ca_service.vos.fit_request import judge_issued


class FitChecks:
    """Judges certificates of any authority. Nothing is stored."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def check(self, actor: Actor, files: Files) -> Fit:
        """Return how a node would judge these files now. Raises InvalidInput or Refused for one that cannot be read."""
        require(actor, Action.CHECK)
        return judge_files(files, self._clock())

    def of_record(self, record: CertificateRecord, authorities: Sequence[x509.Certificate]) -> Fit | None:
        """Return how a node would judge one of our certificates now, or None for that of a plain server.

        The authorities: the issuing one first, the root last.
        """
        if record.profile != VOS.name:
            return None
        certificate = x509.load_der_x509_certificate(record.der)
        request = csr.verify_stored(record.csr_der)
        return judge_issued(request, certificate, authorities, self._clock(), record.purpose)
