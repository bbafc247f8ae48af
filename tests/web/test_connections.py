"""The limits of connections: which is given up, what counts as held, and how an answer waits for its client."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from gunicorn.config import Config

from ca_service.web.connection import ClientGone, Connection, Outbox, State
from ca_service.web.connections import Connections
from ca_service.web.incoming import Incoming
from ca_service.web.limits import Limits

_LIST: Final = bytes(10_000_000)


class Pairs:
    """Connections to clients of this test, which it reads or does not."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.open = Connections(limits)
        self.sockets: list[socket.socket] = []

    def connect(self, state: State = State.IDLE, counts_for: str = "192.0.2.1", answer: bytes = b"") -> Connection:
        """A connection in this state, whose client does not read."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.sockets += [ours, theirs]
        incoming, outbox = Incoming(Config(), (counts_for, 1), 1000), Outbox(ours, self.limits)
        found = Connection(ours, (counts_for, 1), ("127.0.0.1", 80), counts_for, incoming, outbox)
        self.open.add(found)
        outbox.sendall(answer)
        self.open.enter(found, state)
        return found

    def close(self) -> None:
        for each in self.sockets:
            each.close()


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    """Connections that are closed after the test."""
    found = Pairs(Limits(connections=4, connections_of_address=2, held_bytes=15_000_000))
    yield found
    found.close()


def test_who_waits_for_a_request_is_given_up_before_who_sends_one(pairs: Pairs) -> None:
    order = [pairs.connect(state, "") for state in (State.SENDING, State.BODY, State.HEAD, State.IDLE)]
    for each in reversed(order):
        assert pairs.open.too_many("") is each
        pairs.open.enter(each, State.WORKING)
    assert pairs.open.is_busy()
    assert pairs.open.too_many("") is None


def test_the_oldest_of_a_state_is_given_up_first(pairs: Pairs) -> None:
    first, second, *_ = [pairs.connect(counts_for="") for _ in range(4)]
    assert pairs.open.too_many("") is first
    pairs.open.enter(first, State.WORKING)
    pairs.open.enter(first, State.IDLE)
    assert pairs.open.too_many("") is second


def test_a_client_at_its_cap_gives_up_its_own_or_gets_no_other(pairs: Pairs) -> None:
    mine = [pairs.connect(State.HEAD), pairs.connect()]
    pairs.connect(counts_for="192.0.2.2")
    assert pairs.open.too_many("192.0.2.2") is None
    assert pairs.open.too_many("192.0.2.1") is mine[1]
    for each in mine:
        pairs.open.enter(each, State.WORKING)
    with pytest.raises(LookupError):
        pairs.open.too_many("192.0.2.1")
    pairs.open.enter(mine[0], State.CLOSED)
    assert (pairs.open.too_many("192.0.2.1"), len(pairs.open)) == (None, 2)


def test_a_list_that_many_clients_fetch_is_held_once(pairs: Pairs) -> None:
    same = [pairs.connect(State.SENDING, answer=_LIST) for _ in range(3)]
    assert pairs.open.too_large() is None
    other = pairs.connect(State.SENDING, answer=bytes(10_000_001))
    assert pairs.open.too_large() is same[0]
    for each in same:
        pairs.open.enter(each, State.CLOSED)
    assert pairs.open.too_large() is None
    pairs.connect(State.SENDING, answer=_LIST)
    assert pairs.open.too_large() is other


def test_an_object_that_counts_is_kept_so_that_no_other_gets_its_identity(pairs: Pairs) -> None:
    answer = bytes(500_000)
    found = pairs.connect(State.SENDING, answer=answer)
    found.outbox._pieces.clear()  # the client has taken it
    assert [each is answer for each in found.objects.values()] == [True]
    pairs.open.enter(found, State.IDLE)
    assert (found.objects, pairs.open._held_objects) == ({}, 0)


def test_an_answer_made_piece_by_piece_waits_for_a_client_that_reads(pairs: Pairs) -> None:
    outbox, client = streaming(Limits(ahead_bytes=1000, grace=5), pairs)
    with reading(client, 65536, every=0.001):
        stream(outbox)
    assert outbox.held <= 101_000


@pytest.mark.parametrize("bytes_read", [0, 10])
def test_an_answer_made_piece_by_piece_does_not_wait_for_one_that_does_not(pairs: Pairs, bytes_read: int) -> None:
    outbox, client = streaming(Limits(ahead_bytes=1000, grace=0.5), pairs)
    with reading(client, bytes_read, every=0.1), pytest.raises(ClientGone):
        stream(outbox)


@contextmanager
def reading(client: socket.socket, size: int, every: float) -> Iterator[None]:
    """Have the client read as many bytes every so many seconds."""
    is_over = threading.Event()

    def read() -> None:
        while not is_over.wait(every):
            client.recv(size)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        is_over.set()
        client.shutdown(socket.SHUT_RDWR)  # a read that waits ends
        reader.join()


def streaming(limits: Limits, pairs: Pairs) -> tuple[Outbox, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    pairs.sockets += [ours, theirs]
    return Outbox(ours, limits), theirs


def stream(outbox: Outbox) -> None:
    for _ in range(100):
        outbox.sendall(bytes(100_000))


def test_one_large_answer_does_not_wait(pairs: Pairs) -> None:
    outbox, _ = streaming(Limits(ahead_bytes=1000), pairs)
    outbox.sendall(b"head")
    outbox.sendall(_LIST)
    assert outbox.held > 1_000_000


@pytest.mark.parametrize(
    ("files", "connections", "of_address"),
    [
        (1024, 896, 224),
        (256, 128, 32),
        (100, 8, 4),
        (1_000_000, 4096, 256),
        (resource.RLIM_INFINITY, 4096, 256),
    ],
)
def test_connections_leave_room_for_the_other_files_of_a_worker(files: int, connections: int, of_address: int) -> None:
    found = Limits.of(4, 1024, files=files, is_behind_proxy=False)
    assert (found.connections, found.connections_of_address) == (connections, of_address)


def test_the_largest_uploads_have_room_in_memory() -> None:
    assert Limits.of(4, 2**25, files=1024, is_behind_proxy=False).held_bytes == 2**28


@pytest.mark.parametrize(
    ("address", "counts_for"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
    ],
)
def test_each_client_has_one_cap_and_loopback_none(address: str, counts_for: str) -> None:
    assert Limits().capped(address) == counts_for
    assert Limits.of(4, 1024, files=1024, is_behind_proxy=True).capped(address) == ""
