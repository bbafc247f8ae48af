"""Nothing that can be sent makes the API fail: bytes, fields, and all that its own description allows or forbids."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from tests.support.requests import ALTERNATE_ADDRESS, CUCM_MULTI, SOCIALMINER, UCCX_PUBLISHER, UCCX_SUBSCRIBER

URL = "/api/v1/certificates"
REQUESTS = [each.data for each in (SOCIALMINER, UCCX_PUBLISHER, UCCX_SUBSCRIBER, CUCM_MULTI, ALTERNATE_ADDRESS)]
CONTENT_TYPES = [
    "application/x-www-form-urlencoded",
    "application/json",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "text/plain; charset=utf-16",
    "\u00e4/;;=",
]
quick = settings(max_examples=40)


@st.composite
def damaged_requests(draw: st.DrawFn) -> bytes:
    """A good request with a few bytes changed."""
    data = bytearray(draw(st.sampled_from(REQUESTS)))
    for _ in range(draw(st.integers(1, 3))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


def multipart(data: bytes) -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="csr"\r\n\r\n' + data + b"\r\n--x--\r\n"


@quick
@given(
    data=st.binary(max_size=300) | damaged_requests() | st.binary(max_size=100).map(multipart),
    content_type=st.sampled_from(CONTENT_TYPES),
    url=st.sampled_from([URL, "/api/v1/checks"]),
)
def test_no_body_makes_the_api_fail(steady_client: Client, data: bytes, content_type: str, url: str) -> None:
    assert steady_client.post(url, data=data, headers={"Content-Type": content_type}).status_code <= 499


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["csr", "profile", "validity_days", "new", "add_host_name"]) | st.text(max_size=8)


@quick
@given(document=st.dictionaries(names, values, max_size=5))
def test_no_json_makes_the_api_fail(steady_client: Client, document: dict[str, Any]) -> None:
    answer = steady_client.post(URL, data=json.dumps(document), content_type="application/json")
    assert 400 <= answer.status_code <= 499


@quick
@given(
    names=st.lists(
        st.sampled_from(["q", "sort", "limit", "cursor", "format", "validity_days", "new", "profile"]) | st.text(),
        max_size=3,
    ),
    value=st.binary(max_size=20) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    url=st.sampled_from([URL, f"{URL}/1", "/api/v1/authority"]),
)
def test_no_query_makes_the_api_fail(steady_client: Client, names: list[str], value: bytes, url: str) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in value)
    parts = ["".join(f"%{byte:02x}" for byte in name.encode("utf-8", "surrogatepass")) for name in names]
    query = "&".join(f"{part}={escaped}" for part in parts)
    assert steady_client.get(f"{url}?{query}").status_code <= 499


@quick
@given(
    accept=st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=40),
    key=st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=40),
)
def test_no_header_makes_the_api_fail(steady_client: Client, accept: str, key: str) -> None:
    answer = steady_client.post(URL, data=REQUESTS[0], headers={"Accept": accept, "Idempotency-Key": key})
    assert answer.status_code <= 499
