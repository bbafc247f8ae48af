"""Sealing: all events, each once, in a chain; whatever crashes, and whoever else seals."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace

import pytest

from ca_service.authority.audit.entries import Seal
from ca_service.authority.audit.events import Event
from ca_service.authority.audit.seals import (
    BATCH,
    KEY_ID,
    NO_SEAL,
    Sealing,
    is_signed,
    leaf_of,
    read_key,
    seal_hash,
    tree_of,
    unsigned,
)
from ca_service.authority.audit.verifying import verify
from ca_service.errors import Conflict, KeystoreError
from tests.support.factories import event
from tests.support.fakes import NOON, FixedClock, Fuse, FusedKeyStore, InMemoryKeyStore, PowerCut
from tests.support.record import InMemoryEventStore
from tests.support.sealed import exported, store_with


def sealing(events: InMemoryEventStore, keystore: InMemoryKeyStore | FusedKeyStore | None = None) -> Sealing:
    return Sealing(events, keystore or InMemoryKeyStore(), FixedClock())


def test_what_is_pending_is_sealed_and_counted() -> None:
    events = store_with(3)
    assert sealing(events).seal_pending() == 3
    [seal] = events.seals
    assert (seal.number, seal.first, seal.last, seal.count, seal.at) == (1, 1, 3, 3, NOON)
    assert [(each.seal, each.position) for each in events.rows] == [(1, 0), (1, 1), (1, 2)]


def test_nothing_to_seal_makes_neither_a_seal_nor_a_key() -> None:
    events, keystore = store_with(0), InMemoryKeyStore()
    assert sealing(events, keystore).seal_pending() == 0
    assert not events.seals
    assert not keystore.has(KEY_ID)


def test_batches_are_bounded_and_follow_one_another() -> None:
    events = store_with(BATCH * 2 + 1)
    assert sealing(events).seal_pending() == BATCH * 2 + 1
    assert [seal.count for seal in events.seals] == [BATCH, BATCH, 1]
    assert [seal.previous for seal in events.seals] == [NO_SEAL, *map(seal_hash, events.seals[:-1])]


def test_a_seal_is_signed_by_a_key_of_its_own_over_the_root_of_its_events() -> None:
    events, keystore = store_with(5), InMemoryKeyStore()
    sealing(events, keystore).seal_pending()
    [seal] = events.seals
    key = read_key(seal.public_key)
    assert key == keystore.signer("audit-seal-1").public_key()
    assert is_signed(unsigned(seal), seal.signature, key)
    assert not is_signed(unsigned(replace(seal, last=4)), seal.signature, key)
    assert tree_of(seal).root == seal.root
    assert seal.leaves == b"".join(map(leaf_of, events.rows))


def test_an_event_with_a_smaller_number_that_is_seen_late_is_in_the_next_seal() -> None:
    events = store_with(4)
    late = events.list_unsealed(9)[1]
    del events.rows[1]
    sealer = sealing(events)
    assert sealer.seal_pending() == 3
    events.rows.insert(1, late)
    assert sealer.seal_pending() == 1
    assert (events.seals[1].first, events.seals[1].last) == (2, 2)
    assert verify(exported(events, sealer)).events == 4


def test_an_event_that_is_asked_for_is_sealed_at_once_and_stays_where_it_is() -> None:
    events = store_with(2)
    sealer = sealing(events)
    [found], seals = sealer.sealed(Event.CERTIFICATE_ISSUED.value, ["thing 1"])
    assert (found.seal, found.position) == (1, 1)
    assert seals == tuple(events.seals)
    events.add_event(event("later"))
    assert sealer.sealed(Event.CERTIFICATE_ISSUED.value, ["thing 1"]) == ((found,), seals)
    assert len(events.seals) == 1
    assert sealer.sealed(Event.CERTIFICATE_ISSUED.value, ["nothing"]) == ((), ())


def test_the_seals_of_events_are_those_that_are_made_now_and_those_from_before() -> None:
    events = store_with(2)
    sealer = sealing(events)
    sealer.seal_pending()
    events.add_event(event("later"))
    found, seals = sealer.sealed(Event.CERTIFICATE_ISSUED.value, ["thing 0", "later"])
    assert [each.seal for each in found] == [1, 2]
    assert sorted(each.number for each in seals) == [1, 2]


@pytest.mark.parametrize("wanted", [[1], [BATCH * 3], [1, BATCH * 3]], ids=["oldest", "newest", "both"])
def test_a_receipt_waits_for_its_own_event_however_many_others_wait(wanted: list[int]) -> None:
    events = store_with(BATCH * 3)
    sealer = sealing(events)
    found, _ = sealer.sealed(Event.CERTIFICATE_ISSUED.value, [f"thing {number - 1}" for number in wanted])
    assert [each.id for each in found] == wanted
    assert all(each.seal for each in found)
    assert len(events.seals) == len(wanted)
    assert sealer.seal_pending() + sum(seal.count for seal in events.seals[: len(wanted)]) == BATCH * 3
    assert verify(exported(events, sealer)).events == BATCH * 3


def test_those_who_wait_for_a_seal_share_it() -> None:
    events = store_with(20)
    sealer = sealing(events)
    with ThreadPoolExecutor(20) as pool, events.one_sealer():
        waiting = [pool.submit(sealer.sealed, Event.CERTIFICATE_ISSUED.value, [f"thing {n}"]) for n in range(20)]
    assert all(done.result()[0][0].seal == 1 for done in waiting)
    assert len(events.seals) == 1


class MeetingStore(InMemoryEventStore):
    """A store whose sealers wait for one another, after each first has read and before it seals."""

    def __init__(self) -> None:
        super().__init__()
        for number in range(BATCH * 3):
            self.add_event(event(f"thing {number}"))
        self._meeting, self._here = threading.Barrier(2, timeout=0.3), threading.local()

    def find_head(self) -> Seal | None:
        """See the port."""
        head = super().find_head()
        if not hasattr(self._here, "has_met"):
            self._here.has_met = True
            with suppress(threading.BrokenBarrierError):  # the lock keeps the other out
                self._meeting.wait()
        return head


class UnlockedStore(MeetingStore):
    """A store without the lock that lets one sealer work at a time."""

    def one_sealer(self) -> AbstractContextManager[None]:
        """Take no lock."""
        return nullcontext()


@pytest.mark.parametrize(
    "store", [MeetingStore, pytest.param(UnlockedStore, marks=pytest.mark.xfail(strict=True, raises=Conflict))]
)
def test_two_sealers_at_once_seal_each_event_once(store: type[MeetingStore]) -> None:
    events, keystore = store(), InMemoryKeyStore()
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: sealing(events, keystore).seal_pending(), range(2)))
    assert sum(done) == BATCH * 3
    assert verify(exported(events, sealing(events, keystore))).events == BATCH * 3


# Crashes

STEPS = (f"generate {KEY_ID}", "keep seal 1", "keep seal 2")


def test_the_steps_are_those_at_which_the_power_is_cut() -> None:
    fuse = Fuse()
    events = store_with(BATCH + 1)
    events.fuse = fuse
    sealing(events, FusedKeyStore(InMemoryKeyStore(), fuse)).seal_pending()
    assert fuse.steps == [f"{side} {step}" for step in STEPS for side in ("before", "after")]


@pytest.mark.fault(
    "processes", "A power cut between any two steps of sealing", "the next run seals the rest, no event twice"
)
@pytest.mark.parametrize("at", range(1, 2 * len(STEPS) + 1))
def test_after_a_power_cut_the_next_one_seals_the_rest_and_no_event_twice(at: int) -> None:
    events, keystore, fuse = store_with(BATCH + 1), InMemoryKeyStore(), Fuse(at)
    events.fuse = fuse
    with pytest.raises(PowerCut):
        sealing(events, FusedKeyStore(keystore, fuse)).seal_pending()
    before = list(events.seals)
    events.fuse = Fuse()
    sealing(events, keystore).seal_pending()
    assert events.seals[: len(before)] == before
    assert [seal.count for seal in events.seals] == [BATCH, 1]
    assert verify(exported(events, sealing(events, keystore))).events == BATCH + 1


# The key


@pytest.mark.fault("keys and files", "The sealing key is lost", "refuses to seal; creates no other key")
def test_a_sealing_key_that_is_gone_is_not_replaced_by_another() -> None:
    events, keystore = store_with(1), InMemoryKeyStore()
    sealing(events, keystore).seal_pending()
    keystore.remove(KEY_ID)
    events.add_event(event())
    with pytest.raises(KeystoreError) as caught:
        sealing(events, keystore).seal_pending()
    assert caught.value.rule == "key.missing"
    assert not keystore.has(KEY_ID)


def test_a_sealing_key_that_is_another_one_is_refused() -> None:
    events = store_with(1)
    sealing(events).seal_pending()
    events.add_event(event())
    keystore = InMemoryKeyStore()
    keystore.generate(KEY_ID, "P-256")
    with pytest.raises(Conflict) as caught:
        sealing(events, keystore).seal_pending()
    assert caught.value.rule == "audit.key-changed"
