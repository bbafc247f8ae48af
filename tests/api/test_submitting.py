"""What is refused before a request is even looked at: bodies, fields and options that cannot be used."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import Client, TestResponse

from tests.support.refused_requests import SAME_KEY_TWICE
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

URL = "/api/v1/certificates"
CSR = SOCIALMINER.data.decode("ascii")
FORM = "multipart/form-data"
CHUNKED = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}


def errors(answer: TestResponse) -> list[tuple[str, str]]:
    return [(error["rule"], error["pointer"]) for error in answer.get_json()["errors"]]


def test_a_refusal_is_422_and_tells_which_request_it_is_about(client: Client) -> None:
    good, bad = (io.BytesIO(SOCIALMINER.data), "good.csr"), (io.BytesIO(b"junk"), "bad.csr")
    answer = client.post(URL, data={"csr": [good, bad]})
    assert answer.status_code == 422
    assert errors(answer) == [("csr.unreadable", "/csr/1")]
    assert client.get(URL).get_json()["certificates"] == []


@pytest.mark.parametrize(
    ("query", "rule", "pointer"),
    [
        ("colour=red", "option.unknown", "/colour"),
        ("a~b/c=1", "option.unknown", "/a~0b~1c"),
        ("validity_days=ten", "option.value", "/validity_days"),
        ("validity_days=", "option.value", "/validity_days"),
        ("validity_days=1_0", "option.value", "/validity_days"),
        ("validity_days=%D9%A3", "option.value", "/validity_days"),
        ("validity_days=1e2", "option.value", "/validity_days"),
        ("validity_days=NaN", "option.value", "/validity_days"),
        (f"validity_days={'9' * 5000}", "option.value", "/validity_days"),
        ("new=yes", "option.value", "/new"),
        ("new=1", "option.value", "/new"),
        ("add_host_name=True", "option.value", "/add_host_name"),
        ("format=exe", "option.value", "/format"),
        (f"profile={'x' * 33}", "option.value", "/profile"),
        ("profile=root", "profile.unknown", "/profile"),
        ("validity_days=1&validity_days=2", "option.conflict", "/validity_days"),
        ("%FF=1", "option.unknown", "/%FF"),
    ],
)
def test_a_query_that_cannot_be_used_is_refused(client: Client, query: str, rule: str, pointer: str) -> None:
    answer = client.post(f"{URL}?{query}", data=SOCIALMINER.data)
    assert answer.status_code == 400, answer.data
    assert errors(answer) == [(rule, pointer)]


@pytest.mark.parametrize("days", ["0", "-1", "826", "999999999", "-999999999"])
def test_a_lifetime_out_of_range_is_refused_by_the_policy(client: Client, days: str) -> None:
    answer = client.post(f"{URL}?validity_days={days}", data=SOCIALMINER.data)
    assert answer.status_code == 422
    assert errors(answer) == [("validity.range", "/csr/0/validity_days")]


@pytest.mark.parametrize(
    ("document", "rule", "pointer"),
    [
        ({}, "option.missing", "/csr"),
        ({"csr": CSR, "colour": "red"}, "option.unknown", "/colour"),
        ({"csr": None}, "option.value", "/csr"),
        ({"csr": 5}, "option.value", "/csr"),
        ({"csr": [CSR, 5]}, "option.value", "/csr"),
        ({"csr": {"0": CSR}}, "option.value", "/csr"),
        ({"csr": []}, "csr.count", "/csr"),
        ({"csr": [CSR] * 1001}, "csr.count", "/csr"),
        ({"csr": CSR, "validity_days": True}, "option.value", "/validity_days"),
        ({"csr": CSR, "validity_days": "7"}, "option.value", "/validity_days"),
        ({"csr": CSR, "validity_days": 7.5}, "option.value", "/validity_days"),
        ({"csr": CSR, "validity_days": 1e300}, "option.value", "/validity_days"),
        ({"csr": CSR, "validity_days": 10**400}, "option.value", "/validity_days"),
        ({"csr": CSR, "validity_days": [7]}, "option.value", "/validity_days"),
        ({"csr": CSR, "new": "true"}, "option.value", "/new"),
        ({"csr": CSR, "new": 1}, "option.value", "/new"),
        ({"csr": CSR, "profile": 1}, "option.value", "/profile"),
    ],
)
def test_json_that_cannot_be_used_is_refused(client: Client, document: dict[str, Any], rule: str, pointer: str) -> None:
    answer = client.post(URL, json=document)
    assert answer.status_code == 400, answer.data
    assert errors(answer) == [(rule, pointer)]


def test_every_fault_of_the_json_is_told_at_once(client: Client) -> None:
    answer = client.post(URL, json={"csr": 5, "new": 1, "colour": "red"})
    assert errors(answer) == [("option.value", "/new"), ("option.value", "/csr"), ("option.unknown", "/colour")]


def test_what_was_sent_in_place_of_a_request_is_not_repeated(client: Client) -> None:
    answer = client.post(URL, json={"csr": {"key": "-----BEGIN PRIVATE KEY-----"}})
    assert b"PRIVATE" not in answer.data


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"x"',
        b"{",
        b"\xff\xfe\xfd",
        b'{"csr": NaN}',
        b'{"csr": "a", "validity_days": Infinity}',
        b'{"csr": "a", "csr": "b"}',
        b'{"csr": "\\ud800"}',
        b'{"csr": "a", "\\udfff": 1}',
        b'{"csr": "a", "validity_days": ' + b"9" * 5000 + b"}",
        b'{"csr": ' + b"[" * 100_000,
        SOCIALMINER.data,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_is_no_json_object_is_refused(client: Client, body: bytes) -> None:
    answer = client.post(URL, data=body, content_type="application/json")
    assert answer.status_code == 400, answer.data
    assert errors(answer) == [("json.invalid", "")]


@pytest.mark.parametrize(
    ("fields", "rule", "pointer"),
    [
        ({}, "csr.count", "/csr"),
        ({"csr": CSR, "colour": "red"}, "option.unknown", "/colour"),
        ({"csr": CSR, "file": (io.BytesIO(b"x"), "x.csr")}, "option.unknown", "/file"),
        ({"csr": CSR, "profile": (io.BytesIO(b"vos"), "x.txt")}, "option.unknown", "/profile"),
        ({"csr": CSR, "new": "maybe"}, "option.value", "/new"),
        ({"csr": CSR, "new": ["true", "false"]}, "option.conflict", "/new"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_form_that_cannot_be_used_is_refused(client: Client, fields: dict[str, Any], rule: str, pointer: str) -> None:
    answer = client.post(URL, data=fields, content_type=FORM)
    assert answer.status_code == 400, answer.data
    assert errors(answer) == [(rule, pointer)]


def test_a_form_without_its_boundary_cannot_be_read(client: Client) -> None:
    answer = client.post(URL, data=SOCIALMINER.data, headers={"Content-Type": FORM})
    assert (answer.status_code, errors(answer)) == (400, [("form.unreadable", "")])


@pytest.mark.parametrize("field", ["csr=-----BEGIN+CERTIFICATE", "profile=server&csr=x"])
def test_an_url_encoded_form_is_refused_with_what_to_do_instead(client: Client, field: str) -> None:
    answer = client.post(URL, data=field, content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, errors(answer)) == (400, [("form.encoded", "")])
    assert "--data-binary" in answer.get_json()["errors"][0]["remedy"]


@pytest.mark.parametrize("body", [{"validity_days": 8}, {"profile": "server"}, {"new": False}])
def test_an_option_with_two_values_in_two_places_is_refused(client: Client, body: dict[str, Any]) -> None:
    answer = client.post(f"{URL}?validity_days=7&profile=vos&new=true", json={"csr": CSR} | body)
    assert answer.status_code == 400
    assert errors(answer) == [("option.conflict", f"/{name}") for name in body]


def test_a_compressed_body_is_refused(client: Client) -> None:
    answer = client.post(URL, data=SOCIALMINER.data, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, errors(answer)) == (415, [("http.content-encoding", "")])


def test_identity_is_no_compression(client: Client) -> None:
    assert client.post(URL, data=SOCIALMINER.data, headers={"Content-Encoding": "identity"}).status_code == 201


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/json", FORM + "; boundary=x"])
def test_a_body_over_the_limit_is_refused(client: Client, content_type: str) -> None:
    answer = client.post(URL, data=b"{" * (4 * 1024 * 1024 + 1), content_type=content_type)
    assert (answer.status_code, errors(answer)) == (413, [("http.too-large", "")])


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/json", FORM + "; boundary=x"])
@pytest.mark.parametrize("start", [b"", b'--x\r\nContent-Disposition: form-data; name="csr"\r\n\r\n'])
def test_a_chunked_body_over_the_limit_is_refused_and_not_cut_off(
    client: Client, content_type: str, start: bytes
) -> None:
    body = io.BytesIO(start + b"{" * 5 * 1024 * 1024)
    answer = client.post(URL, input_stream=body, content_type=content_type, environ_overrides=CHUNKED)
    assert (answer.status_code, errors(answer)) == (413, [("http.too-large", "")])


def test_a_chunked_body_is_signed(client: Client) -> None:
    answer = client.post(URL, input_stream=io.BytesIO(SOCIALMINER.data), environ_overrides=CHUNKED)
    assert answer.status_code == 201


@pytest.mark.parametrize("name", [b"", b'; filename="a.csr"'])
def test_a_part_without_a_name_is_refused(client: Client, name: bytes) -> None:
    body = b"--x\r\nContent-Disposition: form-data" + name + b"\r\n\r\nvalue\r\n--x--\r\n"
    answer = client.post(URL, data=body, content_type=FORM + "; boundary=x")
    assert (answer.status_code, errors(answer)) == (400, [("form.part-name", "")])


def test_a_form_of_too_many_parts_is_refused(client: Client) -> None:
    answer = client.post(URL, data={"csr": ["x"] * 1051}, content_type=FORM)
    assert (answer.status_code, errors(answer)) == (413, [("http.too-large", "")])


class _Connection(io.BytesIO):
    """A body as a socket has it: more than there is would be waited for."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        self._require(size)
        return super().read(size)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        self._require(memoryview(buffer).nbytes)
        return super().readinto(buffer)

    def _require(self, size: int) -> None:
        assert 0 <= size <= len(self.getbuffer()) - self.tell(), "waits for a byte that never comes"


@pytest.mark.parametrize("parts", [1051, 90_000], ids=["half read", "too long to be read"])
def test_what_is_refused_for_its_size_is_read_to_its_end_and_no_further(client: Client, parts: int) -> None:
    data = b"".join(b'--x\r\nContent-Disposition: form-data; name="csr"\r\n\r\n%d\r\n' % n for n in range(parts))
    body = _Connection(data + b"X" * 100_000 + b"\r\n--x--\r\n")
    headers = {"Content-Length": str(len(body.getbuffer()))}
    answer = client.post(URL, input_stream=body, content_type=FORM + "; boundary=x", headers=headers)
    assert (answer.status_code, errors(answer)) == (413, [("http.too-large", "")])
    assert body.tell() == len(body.getbuffer())


def test_two_requests_with_one_key_are_refused(client: Client) -> None:
    requests = [request.data.decode("ascii") for request in (UCCX_PUBLISHER, *SAME_KEY_TWICE)]
    answer = client.post(URL, json={"csr": requests})
    assert answer.status_code == 422
    assert errors(answer) == [("csr.repeated", "/csr/1/public_key"), ("csr.repeated", "/csr/2/public_key")]
