"""Knows the one signing path: requests in, certificates out, through the use case that every door calls."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final

from cryptography import x509

from ca_service.authority.hierarchy.plan import HierarchyPlan
from ca_service.authority.issuance.examination import Options, Policy
from ca_service.vos.destinations import NOWHERE, Destination
from tests.support.factories import Lab, actor
from tests.support.fakes import FixedClock

BASE_URL: Final = "http://ca.example.com"  # so that certificates say where their issuer is
STARTED: Final = datetime.now(UTC).replace(microsecond=0)  # GnuTLS can judge nothing but the present


@cache
def lab(intermediate_curve: str = "P-384", root_curve: str = "P-384") -> Lab:
    """An authority on these curves that also signs P-521; the same one within a process."""
    plan = HierarchyPlan("Example Lab", root_curve=root_curve, intermediate_curve=intermediate_curve)
    return Lab(clock=FixedClock(STARTED), policy=Policy(allow_p521=True), base_url=BASE_URL).initialised(plan)


def signed(authority: Lab, request: bytes, profile: str = "vos") -> x509.Certificate:
    """A new certificate for this request; raises Refused where it is not granted."""
    destination = Destination("tomcat-ECDSA") if profile == "vos" else NOWHERE
    options = Options(profile=profile, new=True, destination=destination)
    issued = authority.issuance.issue(actor(), [request], options)
    [record] = issued.certificates
    return x509.load_der_x509_certificate(record.der)
