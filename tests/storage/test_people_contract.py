"""The contracts of the stores for signing in, for the fakes, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.people.records import (
    AccountLink,
    AccountRecord,
    ChallengeRecord,
    Counter,
    PeopleQuery,
    PeopleSort,
    TotpRecord,
)
from ca_service.errors import Conflict, InvalidInput, NotFound
from ca_service.storage.accounts import SQLAccountStore
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from ca_service.storage.factors import SQLFactorStore
from ca_service.storage.schema import attempt
from ca_service.storage.sessions import SQLAttemptStore, SQLSessionStore
from tests.support.factories import account_record, event
from tests.support.fakes import NOON, InMemoryAccountStore
from tests.support.people import PeopleStores, passkey_record, session_record, stores_on
from tests.support.record import newest

LATER = NOON + timedelta(minutes=1)
LINK = AccountLink(0, "hash of a link", NOON + timedelta(days=1))


@dataclass(frozen=True, slots=True)
class House:
    """The stores, and what they have recorded."""

    edges: PeopleStores
    record: SQLEventStore | None

    def events(self) -> list[AuditEvent]:
        """All of them, oldest first within a store."""
        if self.record is not None:
            return list(reversed(newest(self.record, 100)))
        edges: Any = self.edges
        return [
            each for store in (edges.accounts, edges.attempts, edges.sessions, edges.factors) for each in store.events
        ]


@pytest.fixture(params=["fake", "real"])
def house(request: pytest.FixtureRequest) -> House:
    """Stores with nothing in them."""
    if request.param == "fake":
        return House(stores_on(InMemoryAccountStore()), None)
    database = request.getfixturevalue("database")
    stores = PeopleStores(
        SQLAccountStore(database), SQLAttemptStore(database), SQLSessionStore(database), SQLFactorStore(database)
    )
    return House(stores, SQLEventStore(database))


@pytest.fixture
def alice(house: House) -> AccountRecord:
    """An account that is stored."""
    return house.edges.accounts.add_account(account_record("alice"), event())


@pytest.fixture
def bob(house: House, alice: AccountRecord) -> AccountRecord:
    """Another."""
    assert alice.id
    return house.edges.accounts.add_account(account_record("bob"), event())


# Attempts


def counter(key: str = "a", subject: str = "alice", free: int = 2) -> Counter:
    """One that lets two fail, and then says wait a minute."""
    return Counter(key, subject, lambda failures: timedelta(minutes=1 if failures >= free else 0))


def test_attempts_are_counted_until_one_counter_says_wait(house: House) -> None:
    store, delayed = house.edges.attempts, event("x", Event.SIGN_IN_DELAYED)
    assert store.count([counter("a"), counter("b", free=9)], NOON, delayed) is None
    assert delayed not in house.events()
    assert store.count([counter("a"), counter("c")], NOON, delayed) is None
    assert house.events() == [delayed]
    assert store.count([counter("a"), counter("b")], NOON, delayed) == NOON + timedelta(minutes=1)
    assert store.count([counter("b")], NOON, delayed) is None
    assert store.waits_until("alice", NOON) == NOON + timedelta(minutes=1)
    assert store.waits_until("bob", NOON) is None


def test_what_is_refused_is_counted_nowhere(house: House) -> None:
    store = house.edges.attempts
    store.count([counter("a", free=1)], NOON, event())
    for _ in range(5):
        assert store.count([counter("a"), counter("b")], NOON, event())
    assert store.count([counter("b")], NOON, event()) is None


def test_a_wait_ends_by_itself_and_a_day_makes_all_forgotten(house: House) -> None:
    store = house.edges.attempts
    for minutes in (0, 0, 1, 2):
        at = NOON + timedelta(minutes=minutes)
        assert store.count([counter()], at, event()) is None
    assert store.waits_until("alice", at)
    tomorrow = NOON + timedelta(days=1, minutes=2)
    assert store.count([counter()], tomorrow, event()) is None
    assert store.waits_until("alice", tomorrow) is None


def test_a_good_attempt_counts_no_more(house: House) -> None:
    store = house.edges.attempts
    for _ in range(9):
        assert store.count([counter(free=1)], NOON, event()) is None
        store.take_back([counter()])
    store.count([counter()], NOON, event())
    store.clear([counter()])
    assert store.count([counter()], NOON, event()) is None
    assert store.waits_until("alice", NOON) is None


def test_unlocking_forgets_what_failed_for_one_account_alone(house: House) -> None:
    store = house.edges.attempts
    store.count([counter("a", free=1), counter("b", free=1), counter("c", "bob", free=1)], NOON, event())
    store.unlock("alice", event("x", Event.ACCOUNT_UNLOCKED))
    assert store.waits_until("alice", NOON) is None
    assert store.waits_until("a", NOON) is None
    assert store.waits_until("bob", NOON) == store.waits_until("c", NOON) == NOON + timedelta(minutes=1)
    assert store.count([counter("a"), counter("b")], NOON, event()) is None
    assert house.events()[-1].event is Event.ACCOUNT_UNLOCKED


# Sessions


def test_a_session_is_found_with_its_account_while_its_epoch_lasts(house: House, alice: AccountRecord) -> None:
    store, record = house.edges.sessions, session_record(alice.id)
    store.add_session(record, "browser", event("x", Event.SIGNED_IN))
    found = store.find_session("hash")
    assert found
    assert (found.account, found.record) == (alice, replace(record, id=found.record.id))
    assert house.events()[-1].event is Event.SIGNED_IN
    assert store.find_session("other") is None
    house.edges.accounts.update_account(replace(alice, session_epoch=1), event())
    assert store.find_session("hash") is None
    assert store.list_sessions(alice.id, 1) == ()


def test_the_session_of_a_disabled_account_is_not_found(house: House, alice: AccountRecord) -> None:
    house.edges.sessions.add_session(session_record(alice.id, epoch=1), "browser", event())
    house.edges.accounts.update_account(replace(alice, session_epoch=1, disabled_at=NOON), event())
    assert house.edges.sessions.find_session("hash") is None


def test_sessions_are_listed_by_when_they_were_used(house: House, alice: AccountRecord, bob: AccountRecord) -> None:
    store = house.edges.sessions
    for name in ("first", "second"):
        store.add_session(session_record(alice.id, hash=name), "browser", event())
    store.add_session(session_record(alice.id, hash="half", is_complete=False), "browser", None)
    store.add_session(session_record(bob.id, hash="theirs"), "browser", event())
    store.note_seen("first", LATER)
    assert [each.hash for each in store.list_sessions(alice.id, 0)] == ["first", "second"]
    assert store.list_sessions(alice.id, 0)[0].seen_at == LATER


def test_a_confirmation_is_kept(house: House, alice: AccountRecord) -> None:
    house.edges.sessions.add_session(session_record(alice.id), "browser", event())
    house.edges.sessions.note_confirmed("hash", LATER, event("x", Event.SIGN_IN_CONFIRMED))
    found = house.edges.sessions.find_session("hash")
    assert found
    assert found.record.confirmed_at == LATER
    assert house.events()[-1].event is Event.SIGN_IN_CONFIRMED


@pytest.mark.parametrize(("how", "left"), [("only", ["b"]), ("but", ["a"]), ("all", [])])
def test_sessions_are_ended(house: House, alice: AccountRecord, bob: AccountRecord, how: str, left: list[str]) -> None:
    store, ended = house.edges.sessions, event("x", Event.SESSIONS_ENDED)
    for name in ("a", "b"):
        store.add_session(session_record(alice.id, hash=name), "browser", event())
    store.add_session(session_record(bob.id, hash="theirs"), "browser", event())
    first = store.list_sessions(alice.id, 0)[-1]
    choices: dict[str, dict[str, Any]] = {"only": {"only": first.id}, "but": {"but": "a"}, "all": {}}
    options = choices[how]
    assert store.end_sessions(alice.id, ended, **options) == 2 - len(left)
    assert [each.hash for each in store.list_sessions(alice.id, 0)] == left
    assert store.find_session("theirs")
    assert ended in house.events()


def test_ending_what_is_anothers_or_gone_ends_nothing(house: House, alice: AccountRecord, bob: AccountRecord) -> None:
    store, ended = house.edges.sessions, event("x", Event.SESSIONS_ENDED)
    store.add_session(session_record(bob.id, hash="theirs"), "browser", event())
    assert store.end_sessions(alice.id, ended, only=store.list_sessions(bob.id, 0)[0].id) == 0
    assert ended not in house.events()


def test_what_can_count_no_more_is_swept(house: House, alice: AccountRecord) -> None:
    store = house.edges.sessions
    store.add_session(session_record(alice.id, hash="half", is_complete=False), "browser", None)
    store.add_session(session_record(alice.id, hash="old", created_at=NOON - timedelta(days=8)), "browser", event())
    new = session_record(alice.id, hash="new", created_at=NOON + timedelta(minutes=11))
    store.add_session(new, "browser", event())
    store.add_session(replace(new, hash="newest"), "browser", event(), replaces="new")
    assert [each.hash for each in store.list_sessions(alice.id, 0)] == ["newest"]
    assert store.find_session("half") is None


def test_a_browser_is_known_to_the_account_that_came_in_from_it(
    house: House, alice: AccountRecord, bob: AccountRecord
) -> None:
    store = house.edges.sessions
    store.add_session(session_record(alice.id, hash="half", is_complete=False), "browser", None)
    assert not store.knows_browser(alice.id, "browser")
    for name in ("a", "b"):
        store.add_session(session_record(alice.id, hash=name), "browser", event())
    assert store.knows_browser(alice.id, "browser")
    assert not store.knows_browser(bob.id, "browser")
    later = session_record(alice.id, hash="c", created_at=NOON + timedelta(days=181))
    store.add_session(later, "another", event())
    assert not store.knows_browser(alice.id, "browser")
    store.forget_browsers(alice.id)
    assert not store.knows_browser(alice.id, "another")


# Second factors


def test_an_app_is_offered_confirmed_and_removed_once(house: House, alice: AccountRecord) -> None:
    store, offer = house.edges.factors, TotpRecord(alice.id, b"second")
    assert store.offer_totp(TotpRecord(alice.id, b"first"))
    assert store.offer_totp(offer)
    assert store.find_totp(alice.id) == offer
    assert store.with_factor([alice.id]) == frozenset()
    confirmed = replace(offer, last_step=7, confirmed_at=NOON)
    assert not store.confirm_totp(replace(confirmed, sealed=b"first"), ["code"], event())
    assert store.confirm_totp(confirmed, ["code"], event("x", Event.FACTOR_ADDED))
    assert not store.confirm_totp(confirmed, ["other"], event())
    assert not store.offer_totp(offer)
    assert store.find_totp(alice.id) == confirmed
    assert store.with_factor([alice.id, 99]) == frozenset({alice.id})
    assert store.remove_totp(alice.id, event("x", Event.FACTOR_REMOVED))
    assert not store.remove_totp(alice.id, event())
    assert store.count_codes(alice.id) == 0
    assert [each.event for each in house.events()[-2:]] == [Event.FACTOR_ADDED, Event.FACTOR_REMOVED]


def test_a_time_step_is_used_once_and_never_an_earlier_one(house: House, alice: AccountRecord) -> None:
    store = house.edges.factors
    store.offer_totp(TotpRecord(alice.id, b"x", last_step=7))
    assert [store.use_step(alice.id, step) for step in (7, 8, 8, 6, 10)] == [False, True, False, False, True]
    assert not store.use_step(99, 11)


def test_a_time_step_from_the_future_counts_as_none(house: House, alice: AccountRecord) -> None:
    store = house.edges.factors
    store.offer_totp(TotpRecord(alice.id, b"x", last_step=1000))
    assert [store.use_step(alice.id, step) for step in (988, 987, 987)] == [False, True, False]


def test_a_passkey_is_kept_used_and_removed(house: House, alice: AccountRecord, bob: AccountRecord) -> None:
    store, given = house.edges.factors, passkey_record(alice.id, sign_count=3)
    store.add_passkey(given, ["code"], event("x", Event.FACTOR_ADDED))
    [found] = store.list_passkeys(alice.id)
    assert found == store.find_passkey("name") == replace(given, id=found.id)
    assert store.find_passkey("other") is None
    assert store.use_passkey(found, 5, LATER)
    assert not store.use_passkey(found, 6, LATER)  # it was used meanwhile
    assert store.list_passkeys(alice.id) == (replace(found, sign_count=5, last_used_at=LATER),)
    assert not store.remove_passkey(bob.id, found.id, event())
    assert store.remove_passkey(alice.id, found.id, event("x", Event.FACTOR_REMOVED))
    assert not store.remove_passkey(alice.id, found.id, event())
    assert store.count_codes(alice.id) == 0


def test_a_passkey_belongs_to_one_account(house: House, alice: AccountRecord, bob: AccountRecord) -> None:
    house.edges.factors.add_passkey(passkey_record(alice.id), [], event())
    with pytest.raises(Conflict) as caught:
        house.edges.factors.add_passkey(passkey_record(bob.id), ["code"], event())
    assert caught.value.rule == "passkey.known"
    assert house.edges.factors.count_codes(bob.id) == 0


def test_recovery_codes_stay_while_a_factor_is_left(house: House, alice: AccountRecord) -> None:
    store, offer = house.edges.factors, TotpRecord(alice.id, b"x")
    store.offer_totp(offer)
    store.confirm_totp(replace(offer, confirmed_at=NOON), ["a", "b"], event())
    store.add_passkey(passkey_record(alice.id), [], event())
    store.remove_totp(alice.id, event())
    assert store.count_codes(alice.id) == 2
    assert store.remove_all(alice.id, event("x", Event.FACTOR_REMOVED))
    assert (store.count_codes(alice.id), store.with_factor([alice.id])) == (0, frozenset())
    assert not store.remove_all(alice.id, event())


def test_a_recovery_code_is_used_once(house: House, alice: AccountRecord, bob: AccountRecord) -> None:
    store = house.edges.factors
    store.replace_codes(alice.id, ["old"], event())
    store.replace_codes(alice.id, ["a", "b"], event("x", Event.RECOVERY_CODES_MADE))
    used = [
        store.use_code(*each, event()) for each in ((alice.id, "old"), (bob.id, "a"), (alice.id, "a"), (alice.id, "a"))
    ]
    assert used == [False, False, True, False]
    assert store.count_codes(alice.id) == 1


def test_an_attempt_that_has_to_wait_writes_no_row(database: Database) -> None:
    store = SQLAttemptStore(database)
    store.count([counter("address", free=1)], NOON, event())
    for number in range(5):
        assert store.count([counter(f"name {number}"), counter("address")], NOON, event())
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(attempt)).scalar_one() == 1


def test_a_challenge_is_used_once_and_forgotten_when_it_has_expired(house: House, alice: AccountRecord) -> None:
    store, record = house.edges.factors, ChallengeRecord("a", alice.id, LATER)
    assert store.use_challenge(record, NOON)
    assert not store.use_challenge(replace(record), NOON)
    assert store.use_challenge(ChallengeRecord("b", None, LATER + timedelta(minutes=1)), LATER)
    assert store.use_challenge(replace(record, expires_at=LATER + timedelta(minutes=1)), LATER)


# Links and people


def test_a_link_is_used_up_with_the_password_that_was_chosen(house: House) -> None:
    store = house.edges.accounts
    carol = store.add_account(account_record("carol", password_hash=""), event(), link=LINK)
    assert store.find_link(LINK.hash) == replace(LINK, account_id=carol.id)
    chosen = replace(carol, password_hash="chosen", session_epoch=1)
    with pytest.raises(NotFound) as caught:
        store.update_account(chosen, event(), used_link="another")
    assert caught.value.rule == "account-link.invalid"
    store.update_account(chosen, event(), used_link=LINK.hash)
    assert store.find_link(LINK.hash) is None
    with pytest.raises(NotFound):
        store.update_account(replace(chosen, session_epoch=2), event(), used_link=LINK.hash)
    assert store.find_account("carol") == chosen


def test_a_newer_link_or_another_password_ends_a_link_and_another_role_does_not(
    house: House, alice: AccountRecord
) -> None:
    store, newer = house.edges.accounts, AccountLink(alice.id, "newer", LINK.expires_at)
    store.update_account(replace(alice, session_epoch=1), event(), link=replace(LINK, account_id=alice.id))
    store.update_account(replace(alice, session_epoch=2, password_hash=""), event(), link=newer)
    assert (store.find_link(LINK.hash), store.find_link("newer")) == (None, newer)
    store.update_account(replace(alice, session_epoch=3, password_hash="", role=Role.AUDITOR), event())
    assert store.find_link("newer") == newer
    store.update_account(replace(alice, session_epoch=4, password_hash="new"), event())
    assert store.find_link("newer") is None


@pytest.mark.parametrize("changes", [{"role": Role.AUDITOR}, {"disabled_at": NOON}])
def test_the_last_administrator_with_a_password_stays(house: House, changes: dict[str, Any]) -> None:
    store = house.edges.accounts
    made = [
        account_record("root", role=Role.ADMINISTRATOR),
        account_record("new", role=Role.ADMINISTRATOR, password_hash=""),
    ]
    root, new = (store.add_account(each, event()) for each in made)
    with pytest.raises(Conflict) as caught:
        store.update_account(replace(root, session_epoch=1, **changes), event("x"))
    assert caught.value.rule == "account.last-administrator"
    assert store.find_account("root") == root
    assert event("x") not in house.events()
    store.update_account(replace(new, session_epoch=1, **changes), event())


def test_people_are_searched_by_name_and_role(house: House) -> None:
    store = house.edges.accounts
    for name, role in (("anna", Role.AUDITOR), ("hanna", Role.REQUESTER), ("bob", Role.AUDITOR)):
        store.add_account(account_record(name, role=role), event())
    found = {
        text: [each.name for each in store.list_people(PeopleQuery(text)).items]
        for text in ("ANN", "audit", "ann audit", "%", "_")
    }
    assert found == {"ANN": ["anna", "hanna"], "audit": ["anna", "bob"], "ann audit": ["anna"], "%": [], "_": []}


@pytest.mark.parametrize(
    ("sort", "names"), [("name", ["a", "b", "c", "d", "e"]), ("newest", ["e", "d", "a", "c", "b"])]
)
def test_people_are_listed_page_by_page(house: House, sort: PeopleSort, names: list[str]) -> None:
    for name in ("b", "c", "a", "d", "e"):
        house.edges.accounts.add_account(account_record(name), event())
    found, query = list[str](), PeopleQuery(sort=sort, limit=2)
    while True:
        page = house.edges.accounts.list_people(query)
        found += [each.name for each in page.items]
        if not page.next_cursor:
            break
        query = replace(query, cursor=page.next_cursor)
    assert found == names


def test_a_cursor_of_another_list_is_refused(house: House, bob: AccountRecord) -> None:
    assert bob
    cursor = house.edges.accounts.list_people(PeopleQuery(limit=1)).next_cursor
    for query in (PeopleQuery(cursor=cursor, sort="newest"), PeopleQuery(cursor="x")):
        with pytest.raises(InvalidInput) as caught:
            house.edges.accounts.list_people(query)
        assert caught.value.rule == "list.cursor"


def test_counters_from_the_future_keep_their_failures_and_wait_no_longer_than_others(house: House) -> None:
    store, ahead = house.edges.attempts, NOON + timedelta(days=45)

    def slow() -> Counter:
        return Counter("slow", "x", lambda failures: timedelta(hours=1) if failures > 2 else timedelta(0))

    for _ in range(3):
        assert store.count([slow()], ahead, event()) is None
    assert store.waits_until("x", NOON) == NOON + timedelta(hours=1)
    assert store.count([Counter("other", "y", slow().wait)], NOON, event()) is None
    assert store.count([slow()], NOON, event()) == NOON + timedelta(hours=1)
    assert store.count([slow()], NOON + timedelta(hours=1), event()) is None
    assert store.waits_until("x", NOON + timedelta(hours=1)) == NOON + timedelta(hours=2)


def test_counters_from_the_future_that_did_not_wait_do_not_wait(house: House) -> None:
    store = house.edges.attempts
    for moment in (NOON + timedelta(days=45), NOON):
        assert store.count([Counter("free", "x", lambda _: timedelta(0))], moment, event()) is None
    assert store.waits_until("x", NOON) is None
