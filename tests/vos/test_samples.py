"""Sample CSRs are made like those of nodes, under names for examples, with keys that are used once."""

from __future__ import annotations

from ca_service.authority.issuance.examination import Options
from ca_service.pki import csr
from ca_service.vos.destinations import Hint
from ca_service.vos.samples import HOSTS, sample_csrs
from tests.support.factories import OPERATOR, Lab


def test_the_samples_pass_the_review_without_a_finding() -> None:
    files = sample_csrs()
    hints = [Hint(name) for name, _ in files]

    found = Lab().initialised().issuance.check(OPERATOR, [data for _, data in files], Options(), hints)

    assert [each.findings for each in found] == [()] * len(HOSTS)
    assert [each.host for each in found] == [f"{host}.example.com" for host in HOSTS]


def test_no_sample_is_made_twice_with_one_key() -> None:
    keys = {csr.read_request(data).subject_public_key_info for _ in range(2) for _, data in sample_csrs()}

    assert len(keys) == 2 * len(HOSTS)
