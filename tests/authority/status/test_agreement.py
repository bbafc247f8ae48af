"""Whatever is done in whatever order: lists, deltas and OCSP answers agree, and tell what was done."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cryptography import x509
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.errors import Conflict
from ca_service.pki.reasons import FOR_LEAVES, Reason
from tests.support.factories import OPERATOR, Lab, actor
from tests.support.ocsp import question, told
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER, UCCX_SUBSCRIBER

ISSUER: Final = "intermediate-g1"
FINAL: Final = [reason for reason in FOR_LEAVES if reason is not Reason.CERTIFICATE_HOLD]
numbers = st.integers(0, 2)


def entries(data: bytes) -> dict[str, str]:
    """Serial number -> reason, of a list."""
    return {
        f"{entry.serial_number:040x}": next(
            (each.value.reason.value for each in entry.extensions if isinstance(each.value, x509.CRLReason)),
            "unspecified",
        )
        for entry in x509.load_der_x509_crl(data)
    }


class Agreement(RuleBasedStateMachine):
    """Three leaves, to which anything happens; and a client that fetched a full list some time ago."""

    def __init__(self) -> None:
        super().__init__()
        self.lab = Lab().initialised()
        requests = (UCCX_PUBLISHER, UCCX_SUBSCRIBER, SOCIALMINER)
        issued = [self.lab.issuance.issue(actor(), [each.data], Options()) for each in requests]
        self.leaves: list[CertificateRecord] = [each.certificates[0] for each in issued]
        self.expected: dict[str, str] = {}
        self.numbers: list[int] = []
        self.held: tuple[x509.CertificateRevocationList, dict[str, str]] = self._fetch()

    def _fetch(self) -> tuple[x509.CertificateRevocationList, dict[str, str]]:
        data = self.lab.crl_publisher.current(ISSUER).data.full
        return x509.load_der_x509_crl(data), entries(data)

    @rule(number=numbers, reason=st.sampled_from(FINAL))
    def revoke(self, number: int, reason: Reason) -> None:
        """For good; what is revoked already stays."""
        serial = self.leaves[number].serial_number
        self.lab.revocation.revoke(OPERATOR, Selection((serial,)), reason)
        if self.expected.get(serial, "certificateHold") == "certificateHold":
            self.expected[serial] = reason.value

    @rule(number=numbers)
    def hold(self, number: int) -> None:
        """For now."""
        serial = self.leaves[number].serial_number
        self.lab.revocation.revoke(OPERATOR, Selection((serial,)), Reason.CERTIFICATE_HOLD)
        self.expected.setdefault(serial, "certificateHold")

    @rule(number=numbers)
    def release(self, number: int) -> None:
        """Ends a hold, and nothing else."""
        serial = self.leaves[number].serial_number
        try:
            self.lab.revocation.release(OPERATOR, Selection((serial,)))
        except Conflict:
            assert self.expected.get(serial) != "certificateHold"
        else:
            assert self.expected.pop(serial) == "certificateHold"

    @rule()
    def publish(self) -> None:
        """Though it may not be due."""
        self.lab.crl_publisher.publish(OPERATOR, ISSUER)

    @rule(hours=st.integers(0, 40))
    def wait(self, hours: int) -> None:
        """Time passes; nobody outlives a certificate."""
        self.lab.clock.advance(hours=hours)

    @rule()
    def fetch(self) -> None:
        """The client takes the full list."""
        self.held = self._fetch()

    @invariant()
    def they_agree(self) -> None:
        """Full list, delta upon what the client holds, and OCSP."""
        published = self.lab.crl_publisher.current(ISSUER)
        asked = {
            leaf.serial_number: told(self.lab.ocsp_responder.answer(question(self.lab, leaf))) for leaf in self.leaves
        }
        assert entries(published.data.full) == self.expected
        assert {serial: said for serial, said in asked.items() if said != "good"} == self.expected
        self.numbers.append(published.record.number)
        assert self.numbers == sorted(self.numbers)

    @invariant()
    def the_delta_leads_from_an_old_list_to_the_new_one(self) -> None:
        """As a client puts them together (RFC 5280, 5.2.4), while its list has not lapsed."""
        old, told_then = self.held
        published = self.lab.crl_publisher.current(ISSUER)
        if old.next_update_utc is None or old.next_update_utc <= published.record.this_update:
            return
        assert published.data.delta is not None
        delta = x509.load_der_x509_crl(published.data.delta)
        base = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number
        assert base <= old.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        merged = told_then | entries(published.data.delta)
        assert {serial: said for serial, said in merged.items() if said != "removeFromCRL"} == self.expected


Agreement.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=timedelta(seconds=5))
TestAgreement = Agreement.TestCase
