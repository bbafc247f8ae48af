"""Rules for automatic approval: when one holds, and how it explains itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.access.grants import Grant
from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.issuance.approval import DEFAULT_RULES, Approval, ApprovalRule, Asked, find_approval, in_words
from ca_service.authority.issuance.examination import Options
from ca_service.vos.destinations import Destination
from tests.support import pkcs10, requests
from tests.support.asn1 import UTF8_STRING
from tests.support.factories import OPERATOR, Lab, actor
from tests.support.requests import PURPOSES, UCCX_PUBLISHER

ANNA = Actor(7, "anna", Role.REQUESTER, token="renewal")
NODE = Asked("vos", ("DNS:lab.example.com", "DNS:uccx1.lab.example.com"), ("uccx1.lab.example.com",))
LAB = ("*.lab.example.com", "lab.example.com")


def approval(rule: ApprovalRule, asked: Asked = NODE, who: Actor = ANNA) -> Approval | None:
    return find_approval((rule,), who, asked)


@pytest.mark.parametrize(
    "rule",
    [
        ApprovalRule("r", profiles=("server", "vos")),
        ApprovalRule("r", names=LAB),
        ApprovalRule("r", names=("*.example.com",)),
        ApprovalRule("r", roles=(Role.REQUESTER,)),
        ApprovalRule("r", accounts=("bob", "anna")),
        ApprovalRule("r", tokens=("renewal",)),
        ApprovalRule("r", ("vos",), LAB, (Role.REQUESTER,), ("anna",), ("renewal",)),
    ],
)
def test_a_rule_holds_where_all_its_conditions_are_met(rule: ApprovalRule) -> None:
    assert approval(rule)


@pytest.mark.parametrize(
    "rule",
    [
        ApprovalRule("r", profiles=("server",)),
        ApprovalRule("r", names=("*.other.example.com",)),
        ApprovalRule("r", names=("*.lab.example.com",)),  # the parent domain itself is not below it
        ApprovalRule("r", names=("lab.example.com",)),
        ApprovalRule("r", names=("*.b.example.com", "example.com")),
        ApprovalRule("r", roles=(Role.APPROVER,)),
        ApprovalRule("r", accounts=("bob",)),
        ApprovalRule("r", tokens=("other",)),
        ApprovalRule("r", ("vos",), LAB, (Role.REQUESTER,), ("bob",)),
    ],
)
def test_a_rule_does_not_hold_where_one_of_them_is_not(rule: ApprovalRule) -> None:
    assert approval(rule) is None


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("DNS:uccx1.lab.example.com", "DNS:www.bank.example"),
        ("DNS:notlab.example.com",),
        ("DNS:xlab.example.com",),
        ("IP:192.0.2.1", "DNS:uccx1.lab.example.com"),
        ("email:x@lab.example.com",),
        ("URI:https://x.lab.example.com",),
        ("DNS:*.example.com",),
        ("DNS:a b.lab.example.com",),
        ("DNS:x..lab.example.com",),
    ],
)
def test_names_are_covered_all_or_not_at_all(names: tuple[str, ...]) -> None:
    assert approval(ApprovalRule("r", names=LAB), Asked("vos", names)) is None


@pytest.mark.parametrize("name", ["DNS:UCCX1.LAB.example.com", "DNS:*.lab.example.com", "DNS:a.b.lab.example.com"])
def test_names_are_compared_without_regard_to_case_and_at_any_depth(name: str) -> None:
    assert approval(ApprovalRule("r", names=LAB), Asked("server", (name,)))


@pytest.mark.parametrize("host", ["www.bank.example", "Jane Doe", ""])
def test_a_common_name_has_to_be_covered_too(host: str) -> None:
    assert approval(ApprovalRule("r", names=LAB), Asked("vos", NODE.names, (host,))) is None


CLAIMING = Asked("client", ("DNS:uccx1.lab.example.com",), ("uccx1.lab.example.com",), ("O=admins",))


def test_a_rule_for_host_names_covers_no_other_part_of_the_subject_of_a_client() -> None:
    assert approval(ApprovalRule("r", names=LAB), replace(CLAIMING, claims=()))
    assert approval(ApprovalRule("r", names=LAB), CLAIMING) is None
    assert approval(ApprovalRule("r", roles=(Role.REQUESTER,)), CLAIMING)


def test_nor_does_any_rule_cover_it_for_a_token_that_is_limited_to_host_names() -> None:
    limited = replace(ANNA, grant=Grant(1, frozenset({"submit"}), names=LAB))
    rule = ApprovalRule("r", roles=(Role.REQUESTER,))
    assert approval(rule, replace(CLAIMING, claims=()), limited)
    assert approval(rule, CLAIMING, limited) is None
    assert approval(rule, CLAIMING, replace(ANNA, grant=Grant(1, frozenset({"submit"}))))


def test_the_first_rule_that_holds_decides() -> None:
    rules = (
        ApprovalRule("no", accounts=("bob",)),
        ApprovalRule("first", accounts=("anna",)),
        ApprovalRule("second", accounts=("anna",)),
    )
    found = find_approval(rules, ANNA, NODE)
    assert found
    assert found.rule == "first"


def test_a_rule_explains_itself() -> None:
    found = approval(ApprovalRule("lab-hosts", ("vos",), LAB, (Role.REQUESTER,), ("anna",), ("renewal",)))
    assert found
    assert in_words(found.reasons) == (
        "every name is covered by *.lab.example.com, lab.example.com and the requester is anna and the requester has "
        "the role requester and the request was sent with the token \u201crenewal\u201d and the profile is one of vos"
    )


@pytest.mark.parametrize(
    ("role", "expected"), [(Role.REQUESTER, ""), (Role.APPROVER, "approvers"), (Role.ADMINISTRATOR, "approvers")]
)
def test_by_default_who_may_approve_gets_their_own_at_once(role: Role, expected: str) -> None:
    found = find_approval(DEFAULT_RULES, actor(role), NODE)
    assert (found.rule if found else "") == expected


def test_the_operator_of_the_machine_needs_no_rule() -> None:
    found = find_approval((), OPERATOR, NODE)
    assert found
    assert found.rule == "operator"


def test_a_check_tells_that_a_person_has_to_decide() -> None:
    lab = Lab(rules=(ApprovalRule("r", names=("*.example.com", "example.com")),)).initialised()
    foreign = requests.node("www-EC.bank.example", "uccx9.example.com", curve=ec.SECP256R1)
    found = lab.issuance.check(actor(), [UCCX_PUBLISHER.data, pkcs10.pem(foreign.der())], Options())
    assert [(each.needs_decision, "approval.needed" in {f.rule for f in each.findings}) for each in found] == [
        (False, False),
        (True, True),
    ]


@pytest.mark.parametrize(
    ("profile", "purposes", "part", "waits"),
    [
        ("client", ("clientAuth",), ("O", "admins"), True),
        ("client", ("clientAuth",), ("OU", "admins"), True),
        ("client", ("clientAuth",), ("UID", "root"), True),
        ("client", ("clientAuth",), ("emailAddress", "root@example.com"), True),
        ("client", ("clientAuth",), ("serialNumber", "1"), True),
        ("client", ("clientAuth",), ("L", "Frankfurt"), False),
        ("server", ("serverAuth", "clientAuth"), ("O", "admins"), True),
        ("server", ("serverAuth",), ("O", "admins"), False),
        ("vos", PURPOSES, ("O", "admins"), False),
        ("vos", PURPOSES, ("UID", "root"), True),
    ],
)
def test_parts_of_a_subject_that_may_grant_rights_to_a_client_wait_for_a_person(
    profile: str, purposes: tuple[str, ...], part: tuple[str, str], waits: bool
) -> None:
    host = "uccx1.example.com"
    subject = pkcs10.name((part[0], UTF8_STRING, part[1]), ("CN", UTF8_STRING, host))
    extensions = (*requests.usages(("digitalSignature",), purposes), pkcs10.hosts("example.com", host))
    data = pkcs10.Recipe(requests.key(host), subject, extensions).der()
    options = Options(profile=profile, destination=Destination("tomcat-ECDSA" if profile == "vos" else ""))
    lab = Lab(rules=(ApprovalRule("hosts", names=("example.com", host)), *DEFAULT_RULES)).initialised()

    (asked,) = lab.issuance.check(actor(), [data], options)
    assert (asked.needs_decision, "subject.claims" in {each.rule for each in asked.findings}) == (waits, waits)
    (own,) = lab.issuance.check(actor(Role.APPROVER), [data], options)
    assert own.approval
