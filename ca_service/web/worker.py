"""The worker: one thread polls every connection, and the others get requests that have arrived whole."""

from __future__ import annotations

import errno
import selectors
import socket
import time
from contextlib import suppress
from functools import partial
from typing import Any, Final

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker

from ca_service.web.connection import ClientGone, Connection, Outbox, State
from ca_service.web.connections import Connections
from ca_service.web.incoming import Incoming

_READ: Final = selectors.EVENT_READ
_WRITE: Final = selectors.EVENT_WRITE
_HEAD_BYTES: Final = 8 * 1024  # read together: Python allocates that much for each request
_BODY_BYTES: Final = 256 * 1024
_ACCEPTED_TOGETHER: Final = 32
_TICK_SECONDS: Final = 1.0
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_ROOM: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker of gunicorn that slow clients cannot hold. `ca_service.web.connection` lists the states of a connection.

    gunicorn's threaded worker gives it the process, the signals, the pool of threads, and the queue through which
    threads hand connections back to the poller.
    """

    def init_process(self) -> None:
        """Begin, in the process of the worker, and serve until it ends."""
        self._limits = self.app.limits
        self._connections = Connections(self._limits)
        self._paused_until = 0.0
        super().init_process()

    def run(self) -> None:
        """Serve until a signal ends the worker, and then what has begun."""
        self.poller.register(self.method_queue.fileno(), _READ, self.method_queue.run_callbacks)
        ticked = 0.0
        while self.alive:
            now = time.monotonic()
            if now >= ticked + _TICK_SECONDS:
                ticked = now
                self._tick(now)
                if not self.is_parent_alive():
                    break
            self.set_accept_enabled(now >= self._paused_until and not self._connections.is_busy())
            self.wait_for_and_dispatch_events(_TICK_SECONDS)
        self._stop()

    def _tick(self, now: float) -> None:
        self.notify()
        for connection in self._connections.late(now):
            self._expire(connection)

    def _stop(self) -> None:
        """End: answer what was sent before the signal, and close each connection so that its client notices."""
        self._accept_last()
        now = time.monotonic()
        quiet, end = now + self._limits.stop, now + self.cfg.graceful_timeout
        while self._connections and now < end:
            self.wait_for_and_dispatch_events(min(_TICK_SECONDS, self._limits.stop))
            now = time.monotonic()
            self._tick(now)
            for connection in self._connections.in_state(State.IDLE) if now >= quiet else ():
                self._end(connection)
        self.tpool.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()

    def _accept_last(self) -> None:
        """Stop listening. Connections that wait to be accepted would be reset, and their clients have a connection."""
        self.set_accept_enabled(False)
        for listener in self.sockets:
            while self._accept_one(listener):
                pass
            listener.close()

    # Connections begin and end.

    def accept(self, listener: Any) -> None:
        """Accept some of the connections that wait."""
        for _ in range(_ACCEPTED_TOGETHER):
            if not self._accept_one(listener):
                return

    def _accept_one(self, listener: Any) -> bool:
        """Accept one connection; return whether there may be another."""
        if self._connections.is_busy():
            return False
        try:
            sock, client = listener.accept()
        except ConnectionAbortedError:
            return True
        except OSError as error:
            if error.errno in _NO_ROOM:  # the listener stays readable: to ask again immediately would be a busy loop
                self._paused_until = time.monotonic() + _TICK_SECONDS
                self.log.warning("no new connections for a moment: %s", error)
            return False
        sock.setblocking(False)
        self._begin(sock, client, listener.getsockname())
        return True

    def _begin(self, sock: Any, client: Any, server: Any) -> None:
        counts_for = self._limits.capped(client[0])
        try:
            self._make_room(counts_for)
        except LookupError:
            sock.close()
            return
        incoming = Incoming(self.cfg, client, self._limits.body_bytes)
        connection = Connection(sock, client, server, counts_for, incoming, Outbox(sock, self._limits))
        self._connections.add(connection)
        self._watch(connection, _READ)

    def _make_room(self, counts_for: str) -> None:
        """Give up a connection for one more of this client, if there are too many. Raises LookupError."""
        while (given_up := self._connections.too_many(counts_for)) is not None:
            state = given_up.state
            if state is State.IDLE:
                self._receive(given_up)  # its request may have arrived, which the poller has not seen yet
            if given_up.state is state:
                self._close(given_up, is_reset=True)

    def _end(self, connection: Connection) -> None:
        """Close a connection after its answer: immediately if its client has nothing to send any more."""
        if self.alive and connection.incoming.is_whole and not connection.incoming.size:
            self._close(connection)
            return
        with suppress(OSError):  # it is gone: the poller notices
            connection.sock.shutdown(socket.SHUT_WR)
        self._connections.enter(connection, State.CLOSING)
        self._watch(connection, _READ)

    def _close(self, connection: Connection, *, is_reset: bool = False) -> None:
        self._watch(connection, 0)
        self._connections.enter(connection, State.CLOSED)
        connection.close(is_reset=is_reset)

    def _expire(self, connection: Connection) -> None:
        if connection.state in (State.HEAD, State.BODY):
            connection.incoming.refuse()
            connection.outbox.begin()
            util.write_error(connection.outbox, 408, "Request Timeout", "The request did not arrive in time.")
            self._hand_back(connection, is_kept_alive=False)
        else:
            self._close(connection, is_reset=connection.state is State.SENDING)

    # The poller: what arrives, and what can be sent.

    def _watch(self, connection: Connection, events: int) -> None:
        """Wait for these events of a connection; a kept-alive one stays registered from request to request."""
        if events == connection.watched:
            return
        if events:
            change = self.poller.modify if connection.watched else self.poller.register
            change(connection.sock, events, partial(self._continue, connection))
        else:
            self.poller.unregister(connection.sock)
        connection.watched = events

    def _continue(self, connection: Connection, _sock: Any) -> None:
        match connection.state:
            case State.CLOSED:  # by an event before this one
                pass
            case State.WORKING:  # the client sends more, or has hung up: the poller finds it after the answer
                self._watch(connection, 0)
            case State.SENDING:
                self._send(connection)
            case _:
                self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        size = _HEAD_BYTES if connection.state in (State.IDLE, State.HEAD) else _BODY_BYTES
        try:
            data = connection.sock.recv(size)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        connection.moved += len(data)
        if connection.state is not State.CLOSING:
            connection.incoming.add(data)
            self._advance(connection)

    def _advance(self, connection: Connection) -> None:
        """Go on with what has arrived."""
        incoming = connection.incoming
        try:
            request = incoming.take()
        except Exception as error:  # whatever the parser raises: gunicorn has an answer for each
            incoming.refuse()
            connection.outbox.begin()
            self.handle_error(None, connection.outbox, connection.client, error)
            self._hand_back(connection, is_kept_alive=False)
            return
        if request is not None:
            connection.body_bytes = incoming.taken
            self._connections.enter(connection, State.WORKING)
            self.tpool.submit(self._work, connection, request)
        elif incoming.size or incoming.has_head:
            self._wait_for_more(connection)

    def _wait_for_more(self, connection: Connection) -> None:
        self._connections.enter(connection, State.BODY if connection.incoming.has_head else State.HEAD)
        self._connections.measure(connection)
        self._watch(connection, _READ)
        if connection.incoming.expects_continue():
            self._invite(connection)
        self._make_space()

    def _invite(self, connection: Connection) -> None:
        """Ask for the body that a client holds back until then."""
        connection.outbox.begin()
        connection.outbox.sendall(_CONTINUE)
        try:
            connection.outbox.flush()
        except ClientGone:
            self._close(connection)

    def _make_space(self) -> None:
        """Give up connections while all of them hold too much."""
        while (given_up := self._connections.too_large()) is not None:
            self.log.warning("given up %s for lack of memory: %s", given_up.client[0], given_up.state.name)
            self._close(given_up, is_reset=True)

    def _hand_back(self, connection: Connection, *, is_kept_alive: bool) -> None:
        """Take over a connection whose answer is made."""
        connection.is_kept_alive, connection.body_bytes = is_kept_alive, 0
        self._send(connection)

    def _send(self, connection: Connection) -> None:
        """Send what the client takes, and go on when that is all."""
        try:
            connection.moved += connection.outbox.flush()
        except ClientGone:
            self._close(connection)
            return
        if connection.outbox.held:
            self._connections.enter(connection, State.SENDING)
            self._watch(connection, _WRITE)
            self._make_space()
        elif connection.is_kept_alive:
            self._connections.enter(connection, State.IDLE)
            self._watch(connection, _READ)
            self._advance(connection)
        else:
            self._end(connection)

    # The threads.

    def _work(self, connection: Connection, request: Any) -> None:
        is_kept_alive = False
        try:
            is_kept_alive = self._answer(connection, request)
            connection.outbox.flush()
        except ClientGone as error:
            self.log.debug("client gone: %s", error)
        except Exception as error:  # the poller must get every connection back
            self._fail(connection, request, error)
        finally:
            self.method_queue.defer(partial(self._hand_back, connection, is_kept_alive=is_kept_alive))

    def _fail(self, connection: Connection, request: Any, error: Exception) -> None:
        """Answer with 500, if nothing of the answer is made; otherwise it ends before its length, which clients see."""
        if connection.outbox.has_begun:
            self.log.error("an answer ended early: %s", request.method, exc_info=error)
        else:
            self.handle_error(request, connection.outbox, connection.client, error)

    def _answer(self, connection: Connection, request: Any) -> bool:
        """Let the application answer; return whether the connection is kept alive."""
        outbox = connection.outbox
        outbox.begin()
        response, environ = wsgi.create(request, outbox, connection.client, connection.server, self.cfg)
        environ["wsgi.multithread"] = True
        if not self.alive:
            response.force_close()
        body = self.wsgi(environ, response.start_response)
        try:
            for piece in body:
                response.write(piece)
            response.close()
        finally:
            if hasattr(body, "close"):
                body.close()
        return not response.should_close()
