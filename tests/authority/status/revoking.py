"""Issues and revokes, and takes the key away, for tests of what clients are told of it."""

from __future__ import annotations

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.pki.reasons import Reason
from tests.support.factories import OPERATOR, PLAN, Lab, actor
from tests.support.requests import UCCX_PUBLISHER, Request


def issue(lab: Lab, request: Request = UCCX_PUBLISHER) -> CertificateRecord:
    """A new certificate."""
    return lab.issuance.issue(actor(), [request.data], Options(new=True)).certificates[0]


def revoke(lab: Lab, leaf: CertificateRecord, reason: Reason = Reason.SUPERSEDED) -> None:
    """Revoke it."""
    lab.revocation.revoke(OPERATOR, Selection((leaf.serial_number,)), reason)


def give_another_key(lab: Lab, key_id: str) -> None:
    """Put a key beside its certificate that does not belong to it."""
    lab.keystore.remove(key_id)
    lab.keystore.generate(key_id, PLAN.intermediate_curve)
