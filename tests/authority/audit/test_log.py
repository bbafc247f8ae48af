"""Who may read what of the record; and that no secret ever is in it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.entries import EVERYTHING, EventQuery
from ca_service.authority.audit.events import Event
from ca_service.authority.audit.queries import asked
from ca_service.authority.audit.verifying import Anchor, Expected, verify
from ca_service.authority.audit.wording import About
from ca_service.authority.issuance.examination import Options
from ca_service.authority.people.records import Visit
from ca_service.errors import InvalidInput, NotAuthenticated, Refused
from tests.support.factories import OPERATOR, PASSWORD, Lab, actor
from tests.support.fakes import NOON
from tests.support.fleet import PUBLISHER
from tests.support.requests import UCCX_PUBLISHER

AUDITOR = actor(Role.AUDITOR)


def names(lab: Lab, query: EventQuery = EVERYTHING) -> list[str]:
    return [each.event for each in lab.audit_log.list_events(AUDITOR, query).items]


def test_a_certificate_and_its_event_name_one_another(lab: Lab) -> None:
    lab.initialised()
    [record] = lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates
    [event] = lab.audit_log.history(AUDITOR, About.CERTIFICATE, record.serial_number, record.issued_at)
    [delivery] = lab.receipts.attached([lab.issuance.delivery(record)])
    receipt = json.loads(delivery.receipt)
    assert event.details["fingerprint"] == receipt["certificate"]["fingerprint"]
    assert event.subject == receipt["certificate"]["serial_number"]


def test_others_are_told_who_did_what_and_when_but_not_from_where_or_why(lab: Lab) -> None:
    vera = Actor(1, "vera", Role.APPROVER, "192.0.2.7")
    lab.fleet.create(vera, "Lab", [PUBLISHER])
    for reader, origin, details in (
        (AUDITOR, "192.0.2.7", {"nodes": "uccx1.example.com"}),
        (actor(Role.REQUESTER), "", {}),
    ):
        [event] = lab.audit_log.history(reader, About.CLUSTER, "Lab", NOON)
        assert (event.event, event.actor, event.at) == ("cluster.created", "vera", NOON)
        assert (event.origin, dict(event.details)) == (origin, details)


def test_the_history_of_a_cluster_goes_back_over_its_names_and_not_to_another_of_the_same_name(lab: Lab) -> None:
    lab.fleet.create(OPERATOR, "One", [])
    lab.fleet.remove(OPERATOR, 1)
    lab.clock.advance(hours=1)
    made = lab.fleet.create(OPERATOR, "One", [])
    for name in ("Two", "Three", "One"):
        lab.fleet.rename(OPERATOR, made.id, name)
    found = lab.audit_log.history(AUDITOR, About.CLUSTER, "One", made.created_at)
    assert [(each.event, each.subject) for each in found] == [
        ("cluster.changed", "One"),
        ("cluster.changed", "Three"),
        ("cluster.changed", "Two"),
        ("cluster.created", "One"),
    ]


def test_an_account_that_is_called_like_a_cluster_has_no_part_in_its_history(lab: Lab) -> None:
    lab.fleet.create(OPERATOR, "lab", [])
    lab.accounts.create(OPERATOR, "lab", Role.AUDITOR, PASSWORD)
    assert len(lab.audit_log.history(AUDITOR, About.CLUSTER, "lab", NOON)) == 1


def test_an_export_is_an_event_itself_and_everything_is_sealed_before(lab: Lab) -> None:
    lab.accounts.create(OPERATOR, "vera", Role.AUDITOR, PASSWORD)
    assert lab.audit_log.has_unsealed(AUDITOR)
    assert lab.audit_log.head(AUDITOR) is None
    checked = verify(lab.audit_log.export(AUDITOR, EVERYTHING))
    assert not lab.audit_log.has_unsealed(AUDITOR)
    assert names(lab)[0] == Event.AUDIT_LOG_EXPORTED.value
    found = lab.audit_log.head(AUDITOR)
    assert found is not None
    assert (found.anchor, found.key, checked.events) == (checked.head, checked.key, 2)
    assert lab.audit_log.verify(AUDITOR, Expected(found.anchor, found.key)) == checked


def test_what_is_expected_of_the_record_is_looked_for(lab: Lab) -> None:
    lab.accounts.create(OPERATOR, "vera", Role.AUDITOR, PASSWORD)
    lab.audit_log.seal(AUDITOR)
    with pytest.raises(Refused) as caught:
        lab.audit_log.verify(AUDITOR, Expected(Anchor(1, "0" * 64)))
    assert caught.value.rule == "audit.anchor-rewritten"


# What is asked


@pytest.mark.parametrize(
    ("since", "until", "first", "end"),
    [
        ("2026-11-23", "2026-11-23", NOON.replace(hour=0), NOON.replace(hour=0) + timedelta(days=1)),
        ("20261123", "20261123", NOON.replace(hour=0), NOON.replace(hour=0) + timedelta(days=1)),
        ("2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z", NOON, NOON + timedelta(seconds=1)),
        ("2026-11-23T13:00:00+01:00", "2026-11-23T12:00", NOON, NOON + timedelta(seconds=1)),
        ("2026-11-23T13:00:00 01:00", "", NOON, None),
    ],
)
def test_days_and_moments_are_both_included(since: str, until: str, first: object, end: object) -> None:
    query = asked({"since": since, "until": until})
    assert (query.since, query.before) == (first, end)


@pytest.mark.parametrize("spelled", ["51" * 19, "5A" * 20, "51:" * 18 + "51", "1" * 39])
def test_a_serial_number_may_be_spelled_as_other_tools_do(spelled: str) -> None:
    assert asked({"subject": spelled}).subject == spelled.replace(":", "").lower().zfill(40)


@pytest.mark.parametrize("subject", ["vera", "7", "ABBA", "intermediate-g1", "A" * 64])
def test_another_subject_stays_as_it_is(subject: str) -> None:
    assert asked({"subject": subject}).subject == subject


@pytest.mark.parametrize("text", ["x", "2026-02-30", "9999-12-31", "0001-01-01T00:00:00+14:00", "12:00", "\u0661"])
def test_what_is_no_time_is_refused_with_all_else_that_is_wrong(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        asked({"until": text, "since": "?", "event": "birthday"})
    found = [(each.rule, each.pointer) for each in caught.value.findings]
    assert found[:2] == [("audit.event-unknown", "/event"), ("audit.time", "/since")]
    assert found[2:] in ([("audit.time", "/until")], [])
    if text != "0001-01-01T00:00:00+14:00":
        assert found[2:]


def test_a_category_stands_for_its_events_and_a_null_character_for_nothing() -> None:
    assert set(asked({"event": "clusters"}).events) >= {"cluster.created", "step.done"}
    assert "signed-in" not in asked({"event": "clusters"}).events
    assert asked({"event": "signed-in"}).events == ("signed-in",)
    assert asked({"q": "a\0b ", "actor": "\0"}) == EventQuery(text="ab")


def test_a_serial_number_may_be_typed_with_colons_but_an_address_keeps_them() -> None:
    assert asked({"subject": " 7A:12:DF:0F:14 "}).subject == "7a12df0f14"
    assert asked({"q": "2001:db8::7"}).text == "2001:db8::7"


# Secrets


def test_no_secret_of_a_whole_walk_through_the_product_is_in_the_record(lab: Lab) -> None:
    link = lab.accounts.make_setup_link()
    assert link
    vera = lab.accounts.create_first(link, "vera", "first words of the boss", "192.0.2.1").actor
    lab.initialised()
    copy = lab.root_key.export(OPERATOR, b"a passphrase that is long")
    lab.root_key.remove(OPERATOR, copy, b"a passphrase that is long")
    lab.accounts.create(vera, "anna", Role.REQUESTER, "first words of her own")
    lab.accounts.set_password(vera, "vera", "second words of the boss")
    token = lab.tokens.create(vera, "anna", "renewal", 30)
    lab.tokens.authenticate(token.secret)
    for name, tried in (("anna", "what anna typed"), ("four random words typed as a name", "x")):
        with pytest.raises(NotAuthenticated):
            lab.signing_in.with_password(name, tried, Visit("192.0.2.2"))
    entered = lab.signing_in.with_password("anna", "first words of her own", Visit("192.0.2.2"))
    made = lab.fleet.create(vera, "Lab", [PUBLISHER])
    [issued] = lab.issuance.issue(vera, [UCCX_PUBLISHER.data], Options(), "an-idempotency-key").certificates
    lab.tokens.revoke(vera, "anna", token.record.id)
    lab.fleet.remove(vera, made.id)
    session = lab.sessions.find(entered.secret)
    assert session
    lab.sessions.sign_out(session, Visit("192.0.2.2"))

    lines = b"".join(lab.audit_log.export(AUDITOR, EVERYTHING)).decode()
    assert issued.serial_number in lines
    hashes = [record.password_hash for record in lab.account_store.list_accounts()]
    secrets = [
        link, token.secret, token.secret[len(token.record.prefix):], token.record.hash, "a passphrase that is long",
        "first words", "second words", "typed as a name", "what anna typed", "an-idempotency-key", copy.decode()[40:80],
        "PRIVATE", *hashes,
    ]  # fmt: skip
    assert [secret for secret in secrets if secret in lines] == []
