"""Batches: each CSR is judged alone, groups are committed one after the other, and a repetition goes on."""

from __future__ import annotations

from collections import Counter

import pytest

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.approval import ApprovalRule
from ca_service.authority.issuance.batches import GROUP, Outcome, Verdict, issue_batch
from ca_service.authority.issuance.conflicts import MAX_REQUESTS
from ca_service.authority.issuance.examination import Options
from ca_service.errors import InvalidInput, NotAllowed, NotReady
from tests.support import pkcs10, requests
from tests.support.factories import Lab, actor
from tests.support.fakes import FixedClock
from tests.support.requests import THREE_NODES

REQUESTER = actor(Role.REQUESTER)
NODES = [request.data for request in THREE_NODES]


def csr(number: int) -> bytes:
    """The CSR of a node."""
    recipe = requests.node(f"n{number}-EC.example.com", f"n{number}.example.com")
    return pkcs10.pem(recipe.der())


def batch(lab: Lab, csrs: list[bytes], options: Options | None = None, who: Actor = REQUESTER) -> list[Verdict]:
    """The verdicts about all of them."""
    return [each for group in issue_batch(lab.issuance, who, csrs, options or Options()) for each in group]


def stored(lab: Lab) -> int:
    """How many certificates there are."""
    found, cursor = 0, ""
    while True:
        page = lab.inventory.list_certificates(REQUESTER, CertificateQuery(sort="oldest", cursor=cursor, limit=100))
        found, cursor = found + len(page.certificates), page.next_cursor
        if not cursor:
            return found


def test_each_csr_has_a_verdict_of_its_own_in_its_place(lab: Lab) -> None:
    lab.initialised()
    [before] = lab.issuance.issue(REQUESTER, [NODES[1]], Options()).certificates
    verdicts = batch(lab, [b"hello", *NODES, b"\x00"])
    assert [(each.number, each.outcome.value) for each in verdicts] == [
        (0, "refused"),
        (1, "issued"),
        (2, "issued-before"),
        (3, "issued"),
        (4, "refused"),
    ]
    assert verdicts[2].certificate == before
    assert [each.certificate.host for each in verdicts if each.certificate] == [
        f"{request.name}.example.com" for request in THREE_NODES
    ]
    assert [found.rule for found in verdicts[0].findings] == ["csr.unreadable"]
    assert [found.rule for found in verdicts[4].findings] == ["csr.empty"]
    assert stored(lab) == 3


def test_what_no_rule_approves_waits_and_the_rest_is_issued(clock: FixedClock) -> None:
    rules = (ApprovalRule(name="two", names=("n1.example.com", "n3.example.com", "example.com")),)
    lab = Lab(clock=clock, rules=rules).initialised()
    csrs = [csr(1), csr(2), csr(3)]
    verdicts = batch(lab, csrs)
    assert [each.outcome for each in verdicts] == [Outcome.ISSUED, Outcome.WAITING, Outcome.ISSUED]
    assert verdicts[1].request is not None
    assert verdicts[1].request.host == "n2.example.com"
    assert verdicts[1].certificate is None
    again = batch(lab, csrs)
    assert [each.outcome for each in again] == [Outcome.ISSUED_BEFORE, Outcome.WAITING, Outcome.ISSUED_BEFORE]
    assert again[1].request == verdicts[1].request


def test_a_batch_of_refused_csrs_issues_nothing(lab: Lab) -> None:
    lab.initialised()
    assert {each.outcome for each in batch(lab, [b"hello", b""])} == {Outcome.REFUSED}
    assert stored(lab) == 0


@pytest.mark.fault("processes", "A batch is cut off", "whole groups are issued; sent again, the rest")
def test_a_batch_that_is_cut_off_has_issued_whole_groups_and_a_repetition_issues_the_rest(lab: Lab) -> None:
    lab.initialised()
    csrs = [csr(number) for number in range(GROUP + 20)]
    cut = issue_batch(lab.issuance, REQUESTER, csrs, Options())
    first = next(cut)  # the client hangs up here
    assert stored(lab) == GROUP
    verdicts = batch(lab, csrs)
    assert [each.certificate for each in verdicts[:GROUP]] == [each.certificate for each in first]
    assert Counter(each.outcome for each in verdicts) == {Outcome.ISSUED_BEFORE: GROUP, Outcome.ISSUED: 20}
    assert [each.number for each in verdicts] == list(range(GROUP + 20))
    assert stored(lab) == GROUP + 20


@pytest.mark.parametrize("count", [0, MAX_REQUESTS + 1])
def test_no_csr_and_too_many_are_refused_at_once(lab: Lab, count: int) -> None:
    lab.initialised()
    with pytest.raises(InvalidInput) as caught:
        issue_batch(lab.issuance, REQUESTER, [b"x"] * count, Options())
    assert caught.value.rule == "csr.count"


def test_a_batch_cannot_ask_for_new_certificates(lab: Lab) -> None:
    lab.initialised()
    with pytest.raises(InvalidInput) as caught:
        issue_batch(lab.issuance, REQUESTER, NODES, Options(new=True))
    assert caught.value.rule == "batch.new"


def test_an_auditor_issues_no_batch(lab: Lab) -> None:
    lab.initialised()
    with pytest.raises(NotAllowed):
        issue_batch(lab.issuance, actor(Role.AUDITOR), NODES, Options())
    with pytest.raises(NotAllowed):
        lab.issuance.issue_possible(actor(Role.AUDITOR), NODES, Options())


def test_without_an_authority_a_batch_ends_at_its_first_group(lab: Lab) -> None:
    with pytest.raises(NotReady):
        batch(lab, NODES)


@pytest.mark.parametrize("place", [1, GROUP + 5], ids=["in one group", "in two groups"])
@pytest.mark.parametrize("is_same", [True, False], ids=["the same CSR", "another name"])
def test_a_key_that_is_there_twice_is_refused_wherever_it_is(lab: Lab, place: int, is_same: bool) -> None:
    lab.initialised()
    csrs = [csr(number) for number in range(GROUP + 10)]
    other = requests.node("n0-EC.example.com", "other.example.com")  # keys belong to common names
    csrs[place] = csrs[0] if is_same else pkcs10.pem(other.der())
    refused = [each for each in batch(lab, csrs) if each.outcome is Outcome.REFUSED]
    assert [each.number for each in refused] == [0, place]
    assert {found.rule for each in refused for found in each.findings} == {"csr.repeated"}
    assert stored(lab) == GROUP + 8


def test_a_csr_that_cannot_be_read_shares_its_key_with_none(lab: Lab) -> None:
    lab.initialised()
    assert [each.findings[0].rule for each in batch(lab, [b"hello", b"hello", b""])] == [
        *("csr.unreadable", "csr.unreadable", "csr.empty")
    ]
