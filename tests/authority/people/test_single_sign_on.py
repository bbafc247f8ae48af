"""Signing in elsewhere: who gets which account and role, and who gets none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.records import AccountRecord, Visit
from ca_service.authority.people.single_sign_on import Answer, Attempt, ClaimRules, SingleSignOn
from ca_service.authority.people.throttle import Throttle
from ca_service.errors import CAServiceError, Conflict, NotAuthenticated, TooManyAttempts
from tests.support.factories import OPERATOR, PASSWORD, Lab
from tests.support.fakes import FixedClock, InMemoryAccountStore
from tests.support.openid import PERSON, FakeProvider, InMemoryIdentityStore
from tests.support.people import can_sign_in

BACK = "https://ca.example.com/oidc/callback"
HERE = Visit("192.0.2.1", "Browser/1")
ROLES = {"ca-admins": Role.ADMINISTRATOR, "voice": Role.REQUESTER, "audit": Role.AUDITOR}


@dataclass(slots=True)
class Desk:
    """The use case in front of a fake provider."""

    lab: Lab
    provider: FakeProvider
    sign_on: SingleSignOn

    def sign_in(self, **claims: Any) -> AccountRecord:
        """Somebody signs in of whom the provider says this, beside what it says of everybody."""
        told = {name: value for name, value in (PERSON | claims).items() if value is not None}
        self.provider.claims = told
        attempt, _ = self.sign_on.begin(BACK)
        return self.sign_on.finish(attempt, Answer(attempt.state, "code"), BACK, HERE)

    def rule(self, **claims: Any) -> str:
        """The rule by which that is refused."""
        with pytest.raises(CAServiceError) as caught:
            self.sign_in(**claims)
        return caught.value.rule

    @property
    def events(self) -> list[AuditEvent]:
        """What was recorded."""
        assert isinstance(self.lab.account_store, InMemoryAccountStore)
        return self.lab.account_store.events


def desk_of(lab: Lab, name_claim: str = "preferred_username", roles: Mapping[str, Role] = ROLES) -> Desk:
    provider, store = FakeProvider(), lab.account_store
    rules = ClaimRules(name_claim, "groups", roles)
    identities = InMemoryIdentityStore(store)
    throttle = Throttle(lab.edges.attempts, lab.clock)
    sign_on = SingleSignOn(
        provider=provider, identities=identities, accounts=store, throttle=throttle, rules=rules, clock=lab.clock
    )
    return Desk(lab, provider, sign_on)


@pytest.fixture
def desk(lab: Lab) -> Desk:
    """A desk in an installation that has an administrator."""
    lab.accounts.create(OPERATOR, "root", Role.ADMINISTRATOR, PASSWORD)
    return desk_of(lab)


def test_the_first_sign_in_makes_an_account_with_the_role_of_the_group(desk: Desk) -> None:
    account = desk.sign_in()
    assert (account.name, account.role) == ("vera", Role.REQUESTER)
    made = desk.events[-1]
    assert (made.event, made.actor, made.origin) == (Event.ACCOUNT_CREATED, "vera", "192.0.2.1")
    assert made.details == {"role": "requester", "by": "https://idp.example.com"}


def test_the_same_person_gets_the_same_account_under_whatever_name(desk: Desk) -> None:
    first = desk.sign_in()
    assert desk.sign_in(preferred_username="married") == first
    assert desk.sign_in(preferred_username=None) == first


def test_a_person_is_known_by_the_subject_alone(desk: Desk) -> None:
    desk.sign_in()
    assert desk.rule(sub="another person") == "oidc.name-taken"


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["audit"], Role.AUDITOR),
        (["audit", "voice", "ca-admins"], Role.ADMINISTRATOR),
        (["audit", "voice"], Role.REQUESTER),
        ("voice", Role.REQUESTER),
        (["voice", 5, None, {}], Role.REQUESTER),
    ],
)
def test_the_first_group_of_the_settings_decides(desk: Desk, groups: object, role: Role) -> None:
    assert desk.sign_in(groups=groups).role is role


@pytest.mark.parametrize("groups", [None, [], ["Voice"], "voice,audit", {"voice": True}, 5, [["voice"]]])
def test_without_a_group_that_has_a_role_nobody_gets_in(desk: Desk, groups: object) -> None:
    assert desk.rule(groups=groups) == "oidc.no-role"
    assert desk.lab.account_store.find_account("vera") is None


def test_without_any_role_in_the_settings_nobody_gets_in(lab: Lab) -> None:
    assert desk_of(lab, roles={}).rule() == "oidc.no-role"


def test_the_role_is_that_of_today_and_sessions_under_the_old_one_end(desk: Desk) -> None:
    before = desk.sign_in()
    after = desk.sign_in(groups=["audit"])
    assert after == replace(before, role=Role.AUDITOR, session_epoch=before.session_epoch + 1)
    changed = next(event for event in desk.events if event.event is Event.ACCOUNT_CHANGED)
    assert (changed.details["before"], changed.details["role"]) == ("requester", "auditor")


def test_the_mail_address_is_the_verified_one_of_today_and_the_event_does_not_contain_it(desk: Desk) -> None:
    first = {"email": "vera@example.com", "email_verified": True}
    assert desk.sign_in(**first).mail_address == "vera@example.com"
    again = desk.sign_in(email="v.new@example.com", email_verified=True)
    assert again == desk.lab.account_store.find_account("vera")
    assert (again.mail_address, again.session_epoch) == ("v.new@example.com", 0)
    changed = next(event for event in desk.events if event.event is Event.ACCOUNT_CHANGED)
    assert changed.details == {"mail_address": "changed", "by": "https://idp.example.com"}
    count = len(desk.events)
    assert desk.sign_in(email="v.new@example.com", email_verified=True) == again
    assert len(desk.events) == count


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "vera@example.com"},
        {"email": "vera@example.com", "email_verified": "true"},
        {"email": "vera@example.com", "email_verified": False},
        {"email": "vera@example.com\nBcc: x@example.com", "email_verified": True},
        {"email": "=?utf-8?b?DQpCY2M6IHhAeQ==?=@example.com", "email_verified": True},
        {"email": ["vera@example.com"], "email_verified": True},
    ],
)
def test_another_mail_address_of_the_provider_is_not_taken(desk: Desk, claims: dict[str, object]) -> None:
    desk.sign_in(**({"email": None, "email_verified": None} | claims))
    assert desk.lab.accounts.get("vera").mail_address == ""
    desk.lab.accounts.set_mail_address(OPERATOR, "vera", "own@example.com")
    assert desk.sign_in(**({"email": None, "email_verified": None} | claims)).mail_address == "own@example.com"


def test_who_has_lost_every_group_is_refused(desk: Desk) -> None:
    desk.sign_in()
    assert desk.rule(groups=[]) == "oidc.no-role"


def test_a_local_account_is_never_taken_over(desk: Desk) -> None:
    desk.lab.accounts.create(OPERATOR, "vera", Role.AUDITOR, PASSWORD)
    with pytest.raises(Conflict) as caught:
        desk.sign_in(groups=["ca-admins"])
    assert caught.value.rule == "oidc.name-taken"
    assert can_sign_in(desk.lab.signing_in, "vera", PASSWORD)
    assert desk.lab.accounts.get("vera").role is Role.AUDITOR


def test_a_disabled_account_stays_out(desk: Desk) -> None:
    desk.sign_in()
    desk.lab.accounts.set_disabled(OPERATOR, "vera", disabled=True)
    assert desk.rule() == "oidc.disabled"
    assert desk.rule(groups=["ca-admins"]) == "oidc.disabled"
    assert desk.lab.accounts.get("vera").role is Role.REQUESTER


def test_no_password_opens_the_account(desk: Desk) -> None:
    desk.sign_in()
    for password in ("", " ", PASSWORD, "*"):
        assert not can_sign_in(desk.lab.signing_in, "vera", password)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (None, "oidc.no-name"),
        (5, "oidc.no-name"),
        (["vera"], "oidc.no-name"),
        ("", "account.name"),
        ("V\u00e9ra", "account.name"),
        ("x" * 65, "account.name"),
        ("cli:root", "account.name"),
        ("operator", "account.reserved"),
        ("Anonymous", "account.reserved"),
    ],
)
def test_a_name_that_no_account_can_have_is_refused(desk: Desk, name: object, rule: str) -> None:
    assert desk.rule(preferred_username=name) == rule


@pytest.mark.parametrize("verified", [None, False, "true", 1])
def test_an_address_of_mail_names_an_account_only_if_it_is_verified(lab: Lab, verified: object) -> None:
    lab.accounts.create(OPERATOR, "root", Role.ADMINISTRATOR, PASSWORD)
    desk = desk_of(lab, name_claim="email")
    assert desk.rule(email="vera@example.com", email_verified=verified) == "oidc.email"
    assert desk.sign_in(email="vera@example.com", email_verified=True).name == "vera@example.com"


@pytest.mark.parametrize("subject", ["", "x" * 256])
def test_a_subject_that_cannot_be_one_is_refused(desk: Desk, subject: str) -> None:
    assert desk.rule(sub=subject) == "oidc.token"


def test_the_set_up_link_is_not_used_up_by_somebody_who_may_not_administer(lab: Lab) -> None:
    desk, secret = desk_of(lab), lab.accounts.make_setup_link()
    assert desk.rule() == "oidc.set-up-first"
    lab.accounts.check_setup_link(secret or "")
    assert desk.sign_in(groups=["ca-admins"]).role is Role.ADMINISTRATOR


# The attempt


def answer_to(attempt: Attempt, **changes: str) -> Answer:
    return replace(Answer(attempt.state, "code"), **changes)


def test_the_browser_is_sent_to_the_provider_with_the_state(desk: Desk) -> None:
    attempt, url = desk.sign_on.begin(BACK)
    assert parse_qs(urlsplit(url).query) == {"state": [attempt.state], "redirect_uri": [BACK]}
    assert len({attempt.state, attempt.nonce, attempt.verifier}) == 3
    assert 43 <= len(attempt.verifier) <= 128


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"state": "another"}, "oidc.state"),
        ({"state": ""}, "oidc.state"),
        ({"state": "\u00fc\udc80"}, "oidc.state"),
        ({"error": "access_denied"}, "oidc.refused"),
        ({"error": "<script>"}, "oidc.refused"),
        ({"code": ""}, "oidc.refused"),
        ({"issuer": "https://evil.example"}, "oidc.token"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_and_recorded(desk: Desk, changes: dict[str, str], rule: str) -> None:
    attempt, _ = desk.sign_on.begin(BACK)
    with pytest.raises(CAServiceError) as caught:
        desk.sign_on.finish(attempt, answer_to(attempt, **changes), BACK, HERE)
    assert caught.value.rule == rule
    assert "<script>" not in str(caught.value)
    failed = desk.events[-1]
    assert (failed.event, failed.actor, failed.details["reason"], failed.origin) == (
        Event.SIGN_IN_FAILED,
        "anonymous",
        rule,
        "192.0.2.1",
    )


def test_an_answer_without_an_attempt_is_refused(desk: Desk) -> None:
    with pytest.raises(NotAuthenticated) as caught:
        desk.sign_on.finish(None, Answer("x", "code"), BACK, HERE)
    assert caught.value.rule == "oidc.state"


def test_an_attempt_is_good_for_ten_minutes(desk: Desk, clock: FixedClock) -> None:
    attempt, _ = desk.sign_on.begin(BACK)
    clock.advance(minutes=10, seconds=-1)
    assert desk.sign_on.finish(attempt, answer_to(attempt), BACK, HERE)
    clock.advance(seconds=1)
    with pytest.raises(NotAuthenticated) as caught:
        desk.sign_on.finish(attempt, answer_to(attempt), BACK, HERE)
    assert caught.value.rule == "oidc.state"


def test_the_issuer_that_the_provider_tells_with_its_answer_is_taken(desk: Desk) -> None:
    attempt, _ = desk.sign_on.begin(BACK)
    assert desk.sign_on.finish(attempt, answer_to(attempt, issuer="https://idp.example.com"), BACK, HERE)


@pytest.mark.parametrize(
    ("seconds", "is_taken"), [(0, True), (-60, True), (-61, False), (-3600, False), (None, False), ("now", False)]
)
def test_where_somebody_has_to_show_it_again_an_older_sign_in_there_does_not_do(
    desk: Desk, seconds: object, is_taken: bool
) -> None:
    now = int(desk.lab.clock().timestamp())
    desk.provider.claims["auth_time"] = now + seconds if isinstance(seconds, int) else seconds
    attempt, _ = desk.sign_on.begin(BACK, afresh=True)
    if is_taken:
        assert desk.sign_on.finish(attempt, answer_to(attempt), BACK, HERE).name == "vera"
        return
    with pytest.raises(NotAuthenticated) as caught:
        desk.sign_on.finish(attempt, answer_to(attempt), BACK, HERE)
    assert caught.value.rule == "oidc.token"


def test_it_is_known_who_signs_in_elsewhere(desk: Desk) -> None:
    assert desk.sign_on.is_external(desk.sign_in().id)
    assert not desk.sign_on.is_external(desk.lab.accounts.get("root").id)


def test_answers_without_an_attempt_which_any_page_can_send_lock_nobody_out_and_write_nothing(desk: Desk) -> None:
    before = len(desk.events)
    for _ in range(60):
        with pytest.raises(NotAuthenticated):
            desk.sign_on.finish(None, Answer("x", "code"), BACK, HERE)
    assert len(desk.events) == before
    assert desk.sign_in().name == "vera"


def test_forged_answers_from_one_address_write_a_bounded_number_of_events(desk: Desk) -> None:
    forged, _ = desk.sign_on.begin(BACK)
    for _ in range(200):
        with pytest.raises(NotAuthenticated):
            desk.sign_on.finish(forged, Answer("x", "code"), BACK, HERE)
    failed = [each for each in desk.events if each.event is Event.SIGN_IN_FAILED]
    assert len(failed) == 50
    with pytest.raises(TooManyAttempts):
        desk.sign_in()
    elsewhere = Visit("192.0.2.2", "Browser/1")
    attempt, _ = desk.sign_on.begin(BACK)
    desk.provider.claims = dict(PERSON)
    assert desk.sign_on.finish(attempt, answer_to(attempt), BACK, elsewhere)


def test_sign_ins_that_succeed_are_not_counted(desk: Desk) -> None:
    assert {desk.sign_in().name for _ in range(60)} == {"vera"}
