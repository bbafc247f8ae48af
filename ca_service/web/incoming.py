"""The request that a connection receives: collected without waiting, and parsed by gunicorn once a part is whole."""

from __future__ import annotations

import io
import re
from typing import Any, Final

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import ChunkMissingTerminator, InvalidHeader, LimitRequestHeaders, NoMoreData
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

MAX_HEAD_BYTES: Final = 64 * 1024
# A bare LF ends a head here, so that the parser refuses it now instead of at the deadline.
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_LONGEST_END: Final = 3
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_MAX_CHUNK_LINE: Final = 8190  # as gunicorn
_CRLF: Final = b"\r\n"


class Incoming:
    """The bytes of a request, and of what follows it.

    The end of each part is only looked for here. gunicorn's parser then judges that part, so that one program decides
    what a request is. It reads from memory and never from the socket.
    """

    def __init__(self, cfg: Any, client: Any, max_body_bytes: int) -> None:
        self._cfg = cfg
        self._client = client
        self._max_body_bytes = max_body_bytes
        self._buffer = bytearray()
        self._position = 0  # up to here the end of the current part was looked for
        self._head: Any = None  # the request whose body is awaited
        self.taken = 0  # bytes of the body of the last request
        self.is_whole = True  # False: more of a request may come

    @property
    def size(self) -> int:
        """Return the number of bytes that wait here."""
        return len(self._buffer)

    @property
    def has_head(self) -> bool:
        """Return whether only the body is missing."""
        return self._head is not None

    def add(self, data: bytes) -> None:
        """Add what has arrived."""
        self._buffer += data

    def refuse(self) -> None:
        """Forget the request: it is answered with an error."""
        self._buffer.clear()
        self._head, self._position, self.is_whole = None, 0, False

    def take(self) -> Any:
        """Return the next request, if all of it is here, with its body in memory.

        A body over the maximum is not waited for: its request is returned without it, and with its length, which the
        application refuses. Chunks become one body with a length. Raises an error of gunicorn's parser.
        """
        if self._head is None and not self._take_head():
            return None
        reader = self._head.body.reader
        is_whole = self._has_chunks() if isinstance(reader, ChunkedReader) else self.size >= reader.length
        if not is_whole and not self._is_too_large():
            return None
        request, self._head, self._position = self._head, None, 0
        self._give_body(request, is_whole=is_whole)
        return request

    def expects_continue(self) -> bool:
        """Return, once, whether the client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1)."""
        expects = self._head is not None and self._head._expected_100_continue
        if expects:
            self._head._expected_100_continue = False
        return expects

    def _take_head(self) -> bool:
        found = _END_OF_HEAD.search(self._buffer, max(0, self._position - _LONGEST_END))
        self._position = self.size
        if found is None and self.size <= MAX_HEAD_BYTES:
            return False
        unreader, self.is_whole = self._as_unreader(), False
        try:
            self._head = Request(self._cfg, unreader, self._client)
        except NoMoreData as error:
            raise LimitRequestHeaders("the head is too large") from error
        if self._head.version >= (1, 1) and not any(name == "HOST" for name, _ in self._head.headers):
            raise InvalidHeader("HOST")  # RFC 9112, 3.2; gunicorn itself refuses two of them
        self._buffer, self._position = bytearray(unreader.take_buffered()), 0
        return True

    def _as_unreader(self) -> Any:
        """Return the buffer as gunicorn reads it; after it, there is nothing more."""
        unreader = IterUnreader(())
        unreader.unread(bytes(self._buffer))
        return unreader

    def _is_too_large(self) -> bool:
        # Of chunks, the bytes as sent count: many small ones would be several times as large as what is in them.
        return max(self.size, getattr(self._head.body.reader, "length", 0)) > self._max_body_bytes

    def _has_chunks(self) -> bool:
        """Return whether the last chunk has arrived, or one that the parser will refuse."""
        while self._position < self.size:
            line = _CHUNK_SIZE.match(self._buffer, self._position)
            if line is None:
                return self._buffer.find(b"\n", self._position) >= 0 or self.size - self._position > _MAX_CHUNK_LINE
            size = int(line[1], 16)
            if size == 0:  # trailers may follow; more than a head of them is refused
                ends = _END_OF_HEAD.search(self._buffer, line.end() - 1) is not None
                return ends or self.size - line.end() > MAX_HEAD_BYTES
            end = line.end() + size
            if self.size < end + len(_CRLF):
                return False
            if self._buffer[end : end + len(_CRLF)] != _CRLF:
                return True
            self._position = end + len(_CRLF)
        return False

    def _give_body(self, request: Any, *, is_whole: bool) -> None:
        request._expected_100_continue = False
        if not is_whole:
            request.force_close()
            body, length = b"", max(self.size, getattr(request.body.reader, "length", 0))
            self._buffer.clear()
        elif isinstance(request.body.reader, ChunkedReader):
            body = self._dechunked(request)
            length = len(body)
        else:
            length = request.body.reader.length
            body = bytes(self._buffer[:length])
            del self._buffer[:length]
        self.is_whole, self.taken = is_whole, len(body)
        if isinstance(request.body.reader, ChunkedReader):
            others = [each for each in request.headers if each[0] != "TRANSFER-ENCODING"]
            request.headers = [*others, ("CONTENT-LENGTH", str(length))]
        request.body = io.BytesIO(body)

    def _dechunked(self, request: Any) -> bytes:
        request.unreader.unread(bytes(self._buffer))
        try:
            body: bytes = request.body.read()
        except NoMoreData as error:
            raise ChunkMissingTerminator(b"") from error
        self._buffer = bytearray(request.unreader.take_buffered())
        return body
