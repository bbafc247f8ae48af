"""API tokens: who acts with them, how they end, what they are limited to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ca_service.authority.access.credentials import MAX_LABEL, MAX_TOKEN_DAYS
from ca_service.authority.access.grants import Grant
from ca_service.authority.access.permissions import PERMISSIONS, SCOPES, Action, Actor, Role, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.records import AccountRecord
from ca_service.authority.people.token_limits import DEFAULT_SCOPES, MAX_ENTRIES, known_scopes
from ca_service.authority.people.tokens import MAX_TOKENS, TokenLimits, Tokens
from ca_service.errors import CAServiceError, Conflict, InvalidInput, NotAllowed, NotAuthenticated, NotFound
from tests.support.factories import Lab, actor, token_record
from tests.support.fakes import FixedClock, InMemoryAccountStore


def events(lab: Lab) -> list[AuditEvent]:
    """What was recorded."""
    assert isinstance(lab.account_store, InMemoryAccountStore)
    return lab.account_store.events


def with_scopes(role: Role, *scopes: str) -> Actor:
    """Somebody who acts with a token."""
    return replace(actor(role), grant=Grant(1, frozenset(scopes)))


def test_a_token_acts_for_its_account_and_is_kept_as_a_hash_only(tokens: Tokens, alice: AccountRecord) -> None:
    token = tokens.create(alice.actor, "alice", " renewal ", 30)
    assert tokens.authenticate(token.secret).account_id == alice.id
    assert token.secret.startswith("ca_")
    assert token.secret.startswith(token.record.prefix)
    assert len(token.record.prefix) == 10
    assert token.record.label == "renewal"
    assert token.secret not in str(token.record)


def test_an_administrator_makes_tokens_for_others(tokens: Tokens, operator: Actor, alice: AccountRecord) -> None:
    token = tokens.create(operator, "alice", "script", 1)
    assert tokens.authenticate(token.secret).account_id == alice.id


@pytest.mark.parametrize("secret", ["", "ca_", "ca_unknown", "\udc80", "x" * 100_000])
def test_an_unknown_token_is_refused(tokens: Tokens, alice: AccountRecord, secret: str) -> None:
    tokens.create(alice.actor, "alice", "script", 1)
    with pytest.raises(NotAuthenticated) as caught:
        tokens.authenticate(secret)
    assert caught.value.rule == "token.invalid"


def test_a_token_ends_when_its_time_is_over(tokens: Tokens, alice: AccountRecord, clock: FixedClock) -> None:
    token = tokens.create(alice.actor, "alice", "script", 1)
    clock.advance(days=1, seconds=-1)
    assert tokens.authenticate(token.secret)
    clock.advance(seconds=1)
    with pytest.raises(NotAuthenticated):
        tokens.authenticate(token.secret)


def test_a_revoked_token_ends_at_once(tokens: Tokens, alice: AccountRecord) -> None:
    token = tokens.create(alice.actor, "alice", "script", 1)
    tokens.revoke(alice.actor, "ALICE", token.record.id)
    with pytest.raises(NotAuthenticated):
        tokens.authenticate(token.secret)


def test_a_token_is_revoked_once(lab: Lab, alice: AccountRecord, clock: FixedClock) -> None:
    token = lab.tokens.create(alice.actor, "alice", "script", 1)
    lab.tokens.revoke(alice.actor, "alice", token.record.id)
    revoked_at = clock()
    clock.advance(hours=1)
    lab.tokens.revoke(alice.actor, "alice", token.record.id)
    assert lab.tokens.list_of(alice.actor, "alice")[0].revoked_at == revoked_at
    assert [event.event for event in events(lab)].count(Event.TOKEN_REVOKED) == 1


def test_the_token_of_another_is_not_found(tokens: Tokens, alice: AccountRecord, bob: AccountRecord) -> None:
    token = tokens.create(bob.actor, "bob", "script", 1)
    with pytest.raises(NotFound) as caught:
        tokens.revoke(alice.actor, "alice", token.record.id)
    assert caught.value.rule == "token.unknown"
    assert "`ca-service token list`" in caught.value.findings[0].remedy
    assert tokens.authenticate(token.secret).account_id == bob.id


@pytest.mark.parametrize("label", ["", "   ", "x" * (MAX_LABEL + 1), "a\nb", "\u202eevil"])
def test_a_token_needs_a_label(tokens: Tokens, alice: AccountRecord, label: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        tokens.create(alice.actor, "alice", label, 1)
    assert caught.value.rule == "token.label"


@pytest.mark.parametrize("days", [-1, 0, MAX_TOKEN_DAYS + 1, "", "many", "1.5", "9" * 5000, "\u0665"])
def test_a_token_needs_an_end(tokens: Tokens, alice: AccountRecord, days: int | str) -> None:
    with pytest.raises(InvalidInput) as caught:
        tokens.create(alice.actor, "alice", "script", days)
    assert caught.value.rule == "token.days"


def test_the_last_use_of_a_token_is_written_every_ten_minutes(
    tokens: Tokens, alice: AccountRecord, clock: FixedClock
) -> None:
    token, start = tokens.create(alice.actor, "alice", "script", 1), clock()
    seen = []
    for _ in range(4):
        tokens.authenticate(token.secret)
        seen.append(tokens.list_of(alice.actor, "alice")[0].last_used_at)
        clock.advance(minutes=5)
    later = start + timedelta(minutes=10)
    assert seen == [start, start, later, later]


def test_the_token_of_an_account_that_is_gone_is_refused(lab: Lab, alice: AccountRecord) -> None:
    token = lab.tokens.create(alice.actor, "alice", "script", 1)
    assert isinstance(lab.account_store, InMemoryAccountStore)
    lab.account_store._accounts.clear()
    with pytest.raises(CAServiceError, match="unknown, revoked or expired"):
        lab.tokens.authenticate(token.secret)


# All of them at once


def test_all_tokens_of_an_account_end_at_once_with_an_event_for_each(
    lab: Lab, operator: Actor, alice: AccountRecord, bob: AccountRecord, clock: FixedClock
) -> None:
    other = lab.tokens.create(bob.actor, "bob", "script", 1)
    made = [lab.tokens.create(alice.actor, "alice", "script", days) for days in (1, 2, 3, 4)]
    lab.tokens.revoke(alice.actor, "alice", made[3].record.id)
    clock.advance(days=1)  # the first has expired
    assert lab.tokens.revoke_all(operator, "alice") == 2
    ended = [event.details["prefix"] for event in events(lab) if event.event is Event.TOKEN_REVOKED]
    assert sorted(ended) == sorted(token.record.prefix for token in made[1:])
    assert lab.tokens.revoke_all(operator, "alice") == 0
    with pytest.raises(NotAuthenticated):
        lab.tokens.authenticate(made[1].secret)
    assert lab.tokens.list_of(operator, "bob") == (other.record,)


def test_a_new_password_does_not_end_tokens(lab: Lab, alice: AccountRecord) -> None:
    token = lab.tokens.create(alice.actor, "alice", "script", 1)
    lab.accounts.set_password(alice.actor, "alice", "another long password")
    assert lab.tokens.authenticate(token.secret).account_id == alice.id


def test_there_can_be_so_many_valid_tokens_and_no_more(tokens: Tokens, alice: AccountRecord) -> None:
    made = [tokens.create(alice.actor, "alice", "script", 1) for _ in range(MAX_TOKENS)]
    with pytest.raises(Conflict) as caught:
        tokens.create(alice.actor, "alice", "script", 1)
    assert caught.value.rule == "token.too-many"
    tokens.revoke(alice.actor, "alice", made[0].record.id)
    assert tokens.create(alice.actor, "alice", "script", 1)


# Scopes


def test_a_token_is_made_with_the_usual_scopes(tokens: Tokens, alice: AccountRecord) -> None:
    token = tokens.create(alice.actor, "alice", "script", 1)
    assert token.record.scopes == DEFAULT_SCOPES == ("check", "submit", "read")
    assert tokens.authenticate(token.secret).grant == Grant(token.record.id, frozenset(DEFAULT_SCOPES))


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_opens_its_actions_and_no_other(scope: str, action: Action) -> None:
    who = with_scopes(Role.ADMINISTRATOR, scope)
    if action in SCOPES[scope].actions or action is Action.OWN_TOKEN:
        require(who, action)
        return
    is_for_people = not any(action in each.actions for each in SCOPES.values())
    with pytest.raises(NotAllowed, match=scope) as caught:
        require(who, action)
    assert caught.value.rule == ("token.no-scope" if is_for_people else "token.scope")


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_a_token_with_every_scope_does_no_more_than_its_role(role: Role, action: Action) -> None:
    if role not in PERMISSIONS[action]:
        with pytest.raises(NotAllowed) as caught:
            require(with_scopes(role, *SCOPES), action)
        assert caught.value.rule == "permission.missing"


@pytest.mark.parametrize("action", [Action.OWN_ACCOUNT, Action.ACCOUNTS, Action.AUTHORITY])
def test_no_scope_opens_what_only_people_do(action: Action) -> None:
    with pytest.raises(NotAllowed, match="Sign in and use the pages"):
        require(with_scopes(Role.ADMINISTRATOR, *SCOPES), action)


def test_a_scope_that_this_program_does_not_know_opens_nothing(lab: Lab, alice: AccountRecord) -> None:
    with pytest.raises(NotAllowed):
        require(with_scopes(Role.ADMINISTRATOR, "from the future"), Action.CHECK)
    older = lab.account_store.add_token(
        token_record(alice.id, scopes=("decide-something", "check")), events(lab)[0], at_most=9
    )
    assert known_scopes(older) == ("check",)


def test_no_token_makes_another_one(tokens: Tokens, alice: AccountRecord) -> None:
    token = tokens.create(alice.actor, "alice", "script", 1, TokenLimits(tuple(SCOPES)))
    who = tokens.authenticate(token.secret)
    for act in (lambda: tokens.create(who, "alice", "x", 1), lambda: tokens.revoke_all(who, "alice")):
        with pytest.raises(NotAllowed) as caught:
            act()
        assert caught.value.rule == "token.no-scope"


def test_the_record_tells_the_token_and_the_address(tokens: Tokens, alice: AccountRecord) -> None:
    token = tokens.create(alice.actor, "alice", "script", 1)
    assert tokens.authenticate(token.secret, "10.0.0.5").origin == f"token {token.record.prefix}, 10.0.0.5"
    assert tokens.authenticate(token.secret).origin == f"token {token.record.prefix}"


def test_the_event_tells_the_limits_that_there_are(lab: Lab, alice: AccountRecord) -> None:
    limits = TokenLimits(("read",), names=("*.Example.com",), networks=("10.0.0.0/8", "::1"))
    token = lab.tokens.create(alice.actor, "alice", "script", 1, limits)
    assert events(lab)[-1].details == {
        "prefix": token.record.prefix,
        "scopes": "read",
        "names": "*.example.com",
        "networks": "10.0.0.0/8, ::1",
    }


def test_a_token_finds_itself(tokens: Tokens, alice: AccountRecord) -> None:
    token, _ = (tokens.create(alice.actor, "alice", label, 1) for label in ("own", "other"))
    assert tokens.get_own(tokens.authenticate(token.secret)).label == "own"
    with pytest.raises(NotFound) as caught:
        tokens.get_own(alice.actor)
    assert caught.value.rule == "token.none"


# Networks


@pytest.mark.parametrize(
    ("networks", "address", "is_allowed"),
    [
        (("10.0.0.0/8",), "10.1.2.3", True),
        (("10.0.0.0/8",), "11.0.0.1", False),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", True),
        (("192.0.2.7",), "192.0.2.7", True),
        (("192.0.2.7",), "192.0.2.8", False),
        (("10.0.0.0/8", "2001:db8::/32"), "2001:db8::5", True),
        (("2001:db8::/32",), "2001:db9::5", False),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("0.0.0.0/0",), "::1", False),
        (("10.0.0.0/8",), "", False),
        (("10.0.0.0/8",), "unix:", False),
        ((), "", True),
    ],
)
def test_a_token_is_used_from_its_networks_only(
    tokens: Tokens, alice: AccountRecord, networks: tuple[str, ...], address: str, is_allowed: bool
) -> None:
    token = tokens.create(alice.actor, "alice", "script", 1, TokenLimits(networks=networks))
    if is_allowed:
        assert tokens.authenticate(token.secret, address)
        return
    with pytest.raises(NotAllowed) as caught:
        tokens.authenticate(token.secret, address)
    assert caught.value.rule == "token.network"
    assert not any(network in str(caught.value) for network in networks)
    assert tokens.list_of(alice.actor, "alice")[0].last_used_at is None


# How limits are written


def test_limits_are_kept_in_one_way_of_writing(tokens: Tokens, alice: AccountRecord) -> None:
    limits = TokenLimits(
        scopes=("read", "check", "read"),
        names=(" *.UC.example.com. ", "*.uc.example.com", "2001:DB8::0:5", "10.0.0.5/32"),
        profiles=("server", "vos"),
        networks=(" 10.0.0.0/8 ", "10.0.0.0/255.0.0.0", "::1/128"),
    )
    record = tokens.create(alice.actor, "alice", "script", 1, limits).record
    assert record.scopes == ("check", "read")
    assert record.names == ("*.uc.example.com", "2001:db8::5", "10.0.0.5")
    assert record.profiles == ("vos", "server")
    assert record.networks == ("10.0.0.0/8", "::1")


@pytest.mark.parametrize(
    ("limits", "rule", "pointer"),
    [
        (TokenLimits(scopes=()), "token.scopes", "/scopes"),
        (TokenLimits(scopes=("everything",)), "token.scope-unknown", "/scopes"),
        (TokenLimits(scopes=("fleet",), names=("a.example.com",)), "token.fleet-bounded", "/scopes"),
        (TokenLimits(scopes=("fleet",), profiles=("vos",)), "token.fleet-bounded", "/scopes"),
        (TokenLimits(scopes=("read", "audit"), names=("a.example.com",)), "token.fleet-bounded", "/scopes"),
        (TokenLimits(scopes=("metrics",), names=("a.example.com",)), "token.fleet-bounded", "/scopes"),
        (TokenLimits(names=("a.example.com", "*")), "token.names", "/names/1"),
        (TokenLimits(names=("uccx*.example.com",)), "token.names", "/names/0"),
        (TokenLimits(names=("*.*.example.com",)), "token.names", "/names/0"),
        (TokenLimits(names=("b\u00fccher.example",)), "token.names", "/names/0"),
        (TokenLimits(names=("10.0.0.5/8",)), "token.names", "/names/0"),
        (TokenLimits(names=("a b",)), "token.names", "/names/0"),
        (TokenLimits(names=("",)), "token.names", "/names/0"),
        (TokenLimits(names=("a.example.com",) * (MAX_ENTRIES + 1)), "token.too-many-names", "/names"),
        (TokenLimits(profiles=("root",)), "token.profiles", "/profiles"),
        (TokenLimits(networks=("10.0.0.5/8",)), "token.networks", "/networks/0"),
        (TokenLimits(networks=("anywhere",)), "token.networks", "/networks/0"),
        (TokenLimits(networks=("fe80::1%eth0",)), "token.networks", "/networks/0"),
        (TokenLimits(networks=("10.0.0.0/33",)), "token.networks", "/networks/0"),
    ],
)  # fmt: skip
def test_a_limit_that_cannot_be_is_refused_where_it_stands(
    tokens: Tokens, alice: AccountRecord, limits: TokenLimits, rule: str, pointer: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        tokens.create(alice.actor, "alice", "script", 1, limits)
    assert [(found.rule, found.pointer) for found in caught.value.findings] == [(rule, pointer)]
    assert not tokens.list_of(alice.actor, "alice")


def test_everything_that_is_wrong_is_told_at_once(tokens: Tokens, alice: AccountRecord) -> None:
    limits = TokenLimits(("x",), names=("*",), profiles=("y",), networks=("z",))
    with pytest.raises(InvalidInput) as caught:
        tokens.create(alice.actor, "alice", " ", "many", limits)
    pointers = [found.pointer for found in caught.value.findings]
    assert pointers == ["/label", "/days", "/scopes", "/names/0", "/profiles", "/networks/0"]
