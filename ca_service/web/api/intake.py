"""Intake of CSRs and options: raw bodies, forms, JSON.

What a request contains is not looked at here. The body is read as it came before anything else looks
at it: curl sends files as application/x-www-form-urlencoded, and the `+` of base64 is no blank.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from flask import request

from ca_service.authority.issuance.conflicts import MAX_REQUESTS, check_count
from ca_service.authority.issuance.examination import Options
from ca_service.errors import InvalidInput, Rule
from ca_service.pki import archive
from ca_service.pki.archive import Entry
from ca_service.vos.destinations import Destination, Hint
from ca_service.web.api.inputs import OptionFields, SubmissionInput
from ca_service.web.api.validation import conflict, single_values, unknown, validated
from ca_service.web.problems import UnsupportedMediaType

JSON_INVALID: Final = Rule(
    "json.invalid",
    "The body is not a JSON object, or not a sound one.",
    "Send an object as UTF-8, each name once: the API documentation has an example for each address. CSRs may also be "
    "files, as curl -F csr=@FILE sends them.",
)
HTTP_CONTENT_ENCODING: Final = Rule(
    "http.content-encoding",
    "The body is compressed.",
    "Send it without Content-Encoding; requests and certificates are small.",
)
FORM_ENCODED: Final = Rule(
    "form.encoded",
    "The form is URL-encoded, which spoils requests.",
    "Send the file alone (curl --data-binary @FILE) or as a form with files (curl -F csr=@FILE).",
)

FORM: Final = "multipart/form-data"
_FILE_FIELD: Final = "csr"
_BLANKS: Final = b"\xef\xbb\xbf \t\r\n"  # with the byte order mark
_ENCODED_FIELD: Final = re.compile(rb"\s*(?:csr|profile|validity_days|purpose|product|version|new|add_host_name)=")
_MAX_MEMBERS: Final = 20  # of a JSON object; there are eight options


@dataclass(frozen=True, slots=True)
class Submission:
    """The input: the CSRs unchanged, in their order, the options for all of them, and the names of their files."""

    requests: tuple[bytes, ...]
    options: Options
    names: tuple[str, ...]

    @property
    def hints(self) -> list[Hint]:
        """The name of each file."""
        return [Hint(name) for name in self.names]


@dataclass(frozen=True, slots=True)
class _Body:
    files: tuple[Entry, ...]
    options: OptionFields


def read_submission(query: OptionFields) -> Submission:
    """Return the submission in the body of this HTTP request, together with the options in its query.

    Raises InvalidInput for what cannot be read and for options that contradict each other,
    UnsupportedMediaType for a compressed body.
    """
    require_plain_body()
    body = _read_form() if request.mimetype == FORM else _read_raw(read_body())
    found = archive.split_all(body.files, MAX_REQUESTS)
    check_count([each.data for each in found])
    return Submission(
        tuple(each.data for each in found), _options(query, body.options), tuple(each.name for each in found)
    )


def require_plain_body() -> None:
    """Raise UnsupportedMediaType for a compressed body."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType.because(HTTP_CONTENT_ENCODING)


def read_body() -> bytes:
    """Return the body as it came; Werkzeug cuts a chunked one off at the limit, and objects at the next read only."""
    data = request.get_data(cache=False)
    request.stream.read(1)
    return data


def _read_raw(data: bytes) -> _Body:
    if request.is_json or data.lstrip(_BLANKS).startswith(b"{"):
        return _read_json(data)
    if _ENCODED_FIELD.match(data):
        raise InvalidInput.because(FORM_ENCODED)
    return _Body((Entry("", data),), OptionFields())


def _read_json(data: bytes) -> _Body:
    parsed = parse_object(data)
    if isinstance(parsed.get("csr"), list):
        check_count(parsed["csr"])  # here, before each of a million wrong entries becomes a finding
    document = validated(SubmissionInput, parsed, from_text=False)
    texts = [document.csr] if isinstance(document.csr, str) else document.csr
    said = {name: getattr(document, name) for name in OptionFields.model_fields}
    return _Body(tuple(Entry("", text.encode()) for text in texts), OptionFields(**said))


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object (RFC 8259) in a body; raises InvalidInput, also for a name that occurs twice."""
    try:
        parsed = json.loads(
            data, object_pairs_hook=_without_repetition, parse_float=_number, parse_constant=_no_constant
        )
        json.dumps(parsed, ensure_ascii=False).encode()  # raises for half of a surrogate pair
    except (ValueError, RecursionError) as error:
        raise _not_json() from error
    if not isinstance(parsed, dict) or len(parsed) > _MAX_MEMBERS:
        raise _not_json()
    return parsed


def _not_json() -> InvalidInput:
    return InvalidInput.because(JSON_INVALID)


def _without_repetition(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a name occurs twice")
    return found


def _number(text: str) -> float:
    """30.0 is the integer 30 in JSON Schema, so it is one here."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _read_form() -> _Body:
    foreign = [name for name in request.files if name != _FILE_FIELD]
    if foreign:
        raise InvalidInput(*(unknown(name, iter(SubmissionInput.model_fields)) for name in foreign))
    files = [Entry(upload.filename or "", upload.read()) for upload in request.files.getlist(_FILE_FIELD)]
    texts = [Entry("", text.encode()) for text in request.form.getlist(_FILE_FIELD)]
    fields = request.form.copy()
    fields.poplist(_FILE_FIELD)
    options = validated(OptionFields, single_values(fields), from_text=True)
    return _Body((*files, *texts), options)


def _options(query: OptionFields, body: OptionFields) -> Options:
    in_query, in_body = _said(query), _said(body)
    both = [name for name, value in in_query.items() if in_body.get(name, value) != value]
    if both:
        raise InvalidInput(*(conflict(name, in_query[name], in_body[name]) for name in both))
    said = in_query | in_body
    destination = Destination(*(said.pop(name, "") for name in ("purpose", "product", "version")))
    return Options(**said, destination=destination)


def _said(fields: OptionFields) -> dict[str, Any]:
    found = {name: getattr(fields, name) for name in OptionFields.model_fields}
    return {name: value for name, value in found.items() if value is not None}
