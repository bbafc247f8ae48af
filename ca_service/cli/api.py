"""The API of a server, as the commands ask it: with a token, over HTTPS, and without following redirects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

from pydantic import BaseModel, TypeAdapter, ValidationError

from ca_service import __version__
from ca_service.cli.server import ServerOptions
from ca_service.documents.fields import API_PATH
from ca_service.documents.findings import FindingDocument, ProblemDocument
from ca_service.errors import NO_VALUES, CAServiceError, Finding, Rule, Severity, Unreachable

if TYPE_CHECKING:
    import requests

SERVER_UNREACHABLE: Final = Rule(
    "server.unreachable",
    "{server} cannot be reached ({reason}).",
    "Check the address, and that the service runs.",
)
SERVER_CERTIFICATE: Final = Rule(
    "server.certificate",
    "The certificate of {server} is not trusted.",
    "Give the root of its authority with --ca-file or CA_SERVICE_CA_FILE, or use the name that the certificate has.",
)
SERVER_REDIRECT: Final = Rule(
    "server.redirect",
    "{server} redirects to another address.",
    "Give the final address with --server: a token is never sent on.",
)
SERVER_ANSWER: Final = Rule(
    "server.answer",
    "{server} does not answer as the API of this version ({reason}).",
    "Check the address, and that server and command have the same version.",
)

Model = TypeVar("Model", bound=BaseModel)
Ended = TypeVar("Ended", bound=BaseModel)
Read = TypeVar("Read")
File = tuple[str, tuple[str, bytes]]  # the name of its field, its own name, its content
_SECONDS: Final = (10, 300)  # to connect, and of silence: probes and batches take their time
_MAX_BYTES: Final = 256 * 1024 * 1024
_MAX_LINE: Final = 16 * 1024 * 1024  # the result of a probe of several hundred nodes
_PIECE: Final = 64 * 1024
_PROBLEM: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: its status, its body, and the name of its file; empty for none."""

    status: int
    content: bytes
    file_name: str = ""


class API:
    """The API of one server."""

    def __init__(self, options: ServerOptions) -> None:
        """Open it; raises InvalidInput for an address or a token that cannot be used. Nothing is sent yet."""
        import requests  # here, because it takes longer than most commands

        self._url = options.address()
        self._now: datetime | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # .netrc would replace the token
        self._session.verify = options.verification()
        self._session.headers.update(
            {"Authorization": f"Bearer {options.read_token()}", "User-Agent": f"ca-service/{__version__}"}
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def get(self, model: type[Model], *path: object, query: Mapping[str, object] = NO_VALUES) -> Model:
        """Return the document at this path, whose parts are quoted."""
        return self.read(model, self.send("GET", *path, query=query))

    def post(
        self,
        model: type[Model],
        *path: object,
        query: Mapping[str, object] = NO_VALUES,
        body: Mapping[str, object] | None = None,
        files: Sequence[File] = (),
    ) -> Model:
        """Send an object, or files as a form, and return the document of the answer."""
        return self.read(model, self.send("POST", *path, query=query, body=body, files=files))

    def pages(self, model: type[Model], *path: object, query: Mapping[str, object] = NO_VALUES) -> Iterator[Model]:
        """Yield the pages of a list, each asked for when it is needed."""
        cursor, seen = "", set[str]()
        while True:
            page = self.get(model, *path, query={**query, "cursor": cursor})
            yield page
            cursor = cursor_of(getattr(page, "next", None)) or ""
            if not cursor:
                return
            if cursor in seen:
                raise self.unexpected("its list has no end")
            seen.add(cursor)

    def read(self, model: type[Model], answer: Answer) -> Model:
        """Return the document in an answer. Raises Unreachable if it is another one."""
        return self.read_line(TypeAdapter(model), answer.content)

    def live(
        self,
        step: type[Model],
        end: type[Ended],
        *path: object,
        body: Mapping[str, object] | None = None,
        told: Callable[[Model], None],
    ) -> Ended:
        """Have something done, tell each step as it is written, and return the end.

        Raises the problem that ended it, or Unreachable if the answer ends before its last line.
        """
        kinds: Any = step | end | ProblemDocument
        reader: TypeAdapter[BaseModel] = TypeAdapter(kinds)
        for line in self.lines("POST", *path, query={"format": "ndjson"}, body=body):
            found = self.read_line(reader, line)
            if isinstance(found, ProblemDocument):
                raise error_of(found)
            if isinstance(found, end):
                return found
            if isinstance(found, step):
                told(found)
        raise self.unexpected("it ends too early")

    def read_line(self, reader: TypeAdapter[Read], line: bytes) -> Read:
        """Return what a line of an answer, or all of it, says. Raises Unreachable if it is something else."""
        try:
            return reader.validate_json(line)
        except ValidationError as error:
            raise self.unexpected("other members") from error

    def unexpected(self, reason: str) -> Unreachable:
        """Return the error for an answer that this version does not expect."""
        return Unreachable.because(SERVER_ANSWER, server=self._url, reason=reason)

    def now(self) -> datetime:
        """Return the time of the server at its last answer."""
        if self._now is None:
            raise self.unexpected("it has no date")
        return self._now

    def send(
        self,
        method: str,
        *path: object,
        query: Mapping[str, object] = NO_VALUES,
        body: Mapping[str, object] | None = None,
        files: Sequence[File] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer to a request. Raises the error that the server reports, or Unreachable."""
        with self._sent(method, path, query, body, files, headers) as found:
            content = self._content(found)
            return Answer(found.status_code, content, _file_name(found.headers.get("Content-Disposition", "")))

    def lines(
        self,
        method: str,
        *path: object,
        query: Mapping[str, object] = NO_VALUES,
        body: Mapping[str, object] | None = None,
        files: Sequence[File] = (),
    ) -> Iterator[bytes]:
        """Yield the lines of an answer while they arrive, each with its end. Raises as `send` does."""
        with self._sent(method, path, query, body, files) as found:
            rest = b""
            for piece in found.iter_content(_PIECE):
                *whole, rest = (rest + piece).split(b"\n")
                if len(rest) > _MAX_LINE:
                    raise self.unexpected("a line is too long")
                yield from (line + b"\n" for line in whole)
            if rest:
                yield rest

    @contextmanager
    def _sent(
        self,
        method: str,
        path: Sequence[object],
        query: Mapping[str, object],
        body: Mapping[str, object] | None = None,
        files: Sequence[File] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[requests.Response]:
        import requests

        address = self._url + API_PATH + "/".join(quote(str(part), safe="") for part in path)
        said = {"params": _said(query), "json": body, "files": list(files) or None, "headers": headers}
        limits = {"timeout": _SECONDS, "allow_redirects": False, "stream": True}
        try:
            with self._session.request(method, address, **said, **limits) as found:  # type: ignore[arg-type]
                self._remember_time(found.headers.get("Date", ""))
                self._require_success(found)
                yield found
        except requests.exceptions.SSLError as error:
            raise Unreachable.because(SERVER_CERTIFICATE, server=self._url) from error
        except (requests.RequestException, OSError) as error:  # its text has the whole address
            raise Unreachable.because(SERVER_UNREACHABLE, server=self._url, reason=type(error).__name__) from error

    def _remember_time(self, date: str) -> None:
        try:
            found = parsedate_to_datetime(date)
            self._now = found if found.tzinfo else found.replace(tzinfo=UTC)
        except ValueError:  # a proxy wrote it
            self._now = None

    def _content(self, found: requests.Response) -> bytes:
        content = bytearray()
        for piece in found.iter_content(_PIECE):
            content += piece
            if len(content) > _MAX_BYTES:
                raise self.unexpected("it is too long")
        return bytes(content)

    def _require_success(self, found: requests.Response) -> None:
        if found.is_redirect or 300 <= found.status_code < 400:
            raise Unreachable.because(SERVER_REDIRECT, server=self._url)
        if found.status_code < 300:
            return
        if found.headers.get("Content-Type", "").partition(";")[0] != _PROBLEM:
            raise self.unexpected(f"status {found.status_code}")
        raise error_of(self.read(ProblemDocument, Answer(found.status_code, self._content(found))))


def error_of(problem: ProblemDocument) -> CAServiceError:
    """Return the error that a problem describes, of the same kind and with the same findings as on the server."""
    kind = next((each for each in _kinds(CAServiceError) if each.code == problem.code), CAServiceError)
    error = kind(*map(finding_of, problem.errors))
    error.title = problem.title
    return error


def finding_of(found: FindingDocument) -> Finding:
    """Return the finding that a document describes."""
    rule = Rule(found.rule, "{detail}", "{remedy}", Severity(found.severity))
    return Finding(rule, found.pointer, {"detail": found.detail, "remedy": found.remedy})


def cursor_of(following: str | None) -> str | None:
    """Return the cursor in the address of the next page; None after the last."""
    found = parse_qs(urlsplit(following or "").query).get("cursor")
    return found[0] if found else None


def _kinds(kind: type[CAServiceError]) -> Iterator[type[CAServiceError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def _said(query: Mapping[str, object]) -> dict[str, str]:
    """Return the parameters that say something: no empty ones, and `true` as JSON has it."""
    said = {name: value for name, value in query.items() if value not in (None, "", False)}
    return {name: "true" if value is True else str(value) for name, value in said.items()}


def _file_name(disposition: str) -> str:
    """Return the plain name of an attachment, without any folder."""
    found = re.search(r'filename="([^"/\\]+)"', disposition)
    return found[1] if found and not found[1].startswith(".") else ""
