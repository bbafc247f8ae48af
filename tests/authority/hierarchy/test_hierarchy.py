"""The root and the intermediate: what `initialise` makes, refuses and leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import Event
from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.plan import HierarchyPlan
from ca_service.authority.key_custody import own_key
from ca_service.errors import Conflict, InvalidInput, NotReady
from ca_service.pki import chain, keys, names
from tests.support import certificates
from tests.support.external_roots import certify, ec_root
from tests.support.factories import PLAN, Lab
from tests.support.fakes import NOON, InMemoryIssuerStore


def test_initialise_makes_a_root_and_an_intermediate_that_can_stand_above_leaves(lab: Lab, operator: Actor) -> None:
    root, intermediate = lab.creation.initialise(operator, PLAN)
    active = lab.hierarchy.active()
    chain.check_authorities(active.chain, NOON)
    assert active.chain == (certificate_of(intermediate), certificate_of(root))
    assert active.root == certificate_of(root)
    assert lab.hierarchy.list_issuers() == (root, intermediate)


def test_the_names_carry_the_generation(lab: Lab, operator: Actor) -> None:
    subjects = [names.name_text(certificate_of(each).subject) for each in lab.creation.initialise(operator, PLAN)]
    assert subjects == [
        "O=Example Lab, CN=Example Lab EC Root CA G1",
        "O=Example Lab, CN=Example Lab EC Intermediate CA G1",
    ]


def test_curves_and_lifetimes_are_those_of_the_plan(lab: Lab, operator: Actor) -> None:
    plan = HierarchyPlan("Lab", root_curve="P-384", root_days=100, intermediate_curve="P-256", intermediate_days=50)
    root, intermediate = (certificate_of(each) for each in lab.creation.initialise(operator, plan))
    found = [
        (keys.kind_name(each.public_key()), each.not_valid_after_utc - each.not_valid_before_utc)
        for each in (root, intermediate)
    ]
    second = timedelta(seconds=1)
    assert found == [("EC P-384", timedelta(days=100) - second), ("EC P-256", timedelta(days=50) - second)]


def test_an_intermediate_ends_with_its_root(lab: Lab, operator: Actor) -> None:
    plan = replace(PLAN, root_days=10, intermediate_days=20)
    root, intermediate = (certificate_of(each) for each in lab.creation.initialise(operator, plan))
    assert intermediate.not_valid_after_utc == root.not_valid_after_utc


def test_a_plan_without_a_name_gives_names_that_differ_between_installations() -> None:
    plan = replace(PLAN, name="")
    roots = {Lab().initialised(plan).hierarchy.active().root.subject for _ in range(3)}
    assert len(roots) > 1


def test_a_second_initialise_changes_nothing(lab: Lab, operator: Actor) -> None:
    before = lab.creation.initialise(operator, PLAN)
    assert lab.creation.initialise(operator, PLAN) == ()
    assert lab.creation.initialise(operator, replace(PLAN, name="")) == ()
    assert lab.hierarchy.list_issuers() == before


def test_a_second_initialise_under_another_name_is_refused(lab: Lab, operator: Actor) -> None:
    before = lab.creation.initialise(operator, PLAN)
    with pytest.raises(Conflict) as caught:
        lab.creation.initialise(operator, replace(PLAN, name="Other Lab"))
    assert caught.value.rule == "authority.exists"
    assert lab.hierarchy.list_issuers() == before


def test_an_imported_authority_does_not_clash_with_the_name_in_the_settings(lab: Lab, operator: Actor) -> None:
    imported = certificates.intermediate("P-256", "P-256")
    lab.external.import_authority(operator, imported.chain, imported.key)
    assert lab.creation.initialise(operator, PLAN) == ()


def test_initialise_is_refused_while_an_intermediate_waits_for_its_certificate(lab: Lab, operator: Actor) -> None:
    lab.external.request_intermediate(operator, "Example Lab", "P-256")
    with pytest.raises(Conflict) as caught:
        lab.creation.initialise(operator, PLAN)
    assert caught.value.rule == "authority.pending"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"name": "Käse"}, "authority.name"),
        ({"name": "x" * 41}, "authority.name"),
        ({"name": "O'Brien"}, "authority.name"),
        ({"name": "Lab "}, "authority.name"),
        ({"root_curve": "P-521"}, "authority.curve"),
        ({"intermediate_curve": "secp256k1"}, "authority.curve"),
        ({"root_days": 0}, "authority.days"),
        ({"root_days": 30 * 365 + 1}, "authority.days"),
        ({"intermediate_days": -1}, "authority.days"),
        ({"intermediate_days": 20 * 365 + 1}, "authority.days"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_before_anything_is_made(
    lab: Lab, operator: Actor, change: dict[str, object], rule: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.creation.initialise(operator, replace(PLAN, **change))  # type: ignore[arg-type]
    assert caught.value.rule == rule
    assert lab.hierarchy.list_issuers() == ()
    assert not lab.keystore.has("root-g1")


def test_a_key_on_another_curve_that_an_earlier_run_has_left_is_not_replaced(lab: Lab, operator: Actor) -> None:
    left = lab.keystore.generate("root-g1", "P-384").public_key()
    with pytest.raises(Conflict) as caught:
        lab.creation.initialise(operator, PLAN)
    assert caught.value.rule == "authority.key-curve"
    assert lab.keystore.signer("root-g1").public_key() == left


def test_a_key_that_an_earlier_run_has_left_is_used(lab: Lab) -> None:
    left = own_key(lab.keystore, "some", "P-256").public_key()
    assert own_key(lab.keystore, "some", "P-256").public_key() == left


def test_there_is_no_active_authority_before_there_is_one(lab: Lab) -> None:
    assert lab.hierarchy.find_active() is None
    with pytest.raises(NotReady) as caught:
        lab.hierarchy.active()
    assert caught.value.rule == "authority.missing"


def test_an_authority_that_another_process_has_made_counts_at_once(lab: Lab, operator: Actor) -> None:
    assert lab.hierarchy.find_active() is None
    Lab(issuers=lab.issuers, keystore=lab.keystore).creation.initialise(operator, PLAN)
    assert lab.hierarchy.find_active() is not None


def test_an_authority_is_parsed_once_as_long_as_nothing_changes(lab: Lab) -> None:
    lab.initialised()
    assert lab.hierarchy.active() is lab.hierarchy.active()


def test_the_chain_of_an_issuer_leads_to_its_root(lab: Lab) -> None:
    active = lab.initialised().hierarchy.active()
    assert lab.hierarchy.chain_of("intermediate-g1") == active.chain
    assert lab.hierarchy.chain_of("root-g1") == active.chain[1:]


def test_the_signing_key_is_that_of_the_issuing_authority(lab: Lab) -> None:
    active = lab.initialised().hierarchy.active()
    assert lab.hierarchy.signing_key(active).public_key() == active.issuer.public_key


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [("", ""), ("http://ca.example.com", "http://ca.example.com/ca/intermediate-g1.der")],
)
def test_leaves_are_told_where_their_issuer_is_if_there_is_an_address(base_url: str, expected: str) -> None:
    assert Lab(base_url=base_url).initialised().hierarchy.active().issuer.certificate_url == expected


@pytest.mark.parametrize(
    ("base_url", "expected"), [("", []), ("http://ca.example.com", ["http://ca.example.com/ca/root-g1.crl"])]
)
def test_the_intermediate_is_told_where_the_list_of_the_root_is(base_url: str, expected: list[str]) -> None:
    intermediate, root = Lab(base_url=base_url).initialised().hierarchy.active().chain
    kinds = {type(extension.value): extension.value for extension in intermediate.extensions}
    points = kinds.get(x509.CRLDistributionPoints, ())
    assert [name.value for point in points for name in point.full_name] == expected
    assert x509.AuthorityInformationAccess not in kinds
    assert x509.CRLDistributionPoints not in {type(extension.value) for extension in root.extensions}


def test_the_active_authority_is_valid_only_as_long_as_all_of_its_chain(lab: Lab, operator: Actor) -> None:
    key = lab.keystore.generate("probe", "P-256")
    short = certify(
        ec_root(), certificates.common_name("Long Lived"), key.public_key(), not_after=NOON + timedelta(9999)
    )
    own = Lab()
    own.external.import_authority(operator, [short, ec_root().certificate], key)
    assert own.hierarchy.active().validity.not_after == ec_root().certificate.not_valid_after_utc


def test_what_was_created_is_recorded_with_its_fingerprint(lab: Lab, operator: Actor) -> None:
    lab.creation.initialise(operator, PLAN)
    assert isinstance(lab.issuers, InMemoryIssuerStore)
    created = [
        (event.event, event.actor, event.subject, len(str(event.details["fingerprint"])))
        for event in lab.issuers.events
    ]
    assert created == [
        (Event.AUTHORITY_CREATED, "operator", "root-g1", 64),
        (Event.AUTHORITY_CREATED, "operator", "intermediate-g1", 64),
    ]


def test_the_certificates_are_valid_a_little_before_they_were_made(lab: Lab) -> None:
    chain_: tuple[x509.Certificate, ...] = lab.initialised().hierarchy.active().chain
    assert all(certificate.not_valid_before_utc == NOON - timedelta(minutes=5) for certificate in chain_)
