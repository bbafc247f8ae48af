"""What a reader is told about a request, also about one that is refused."""

from __future__ import annotations

import pytest

from ca_service.errors import CAServiceError
from ca_service.pki import csr
from ca_service.pki.armour import unwrap
from ca_service.pki.csr import Description, describe
from ca_service.pki.strict import LoadedRequest
from tests.support import requests
from tests.support.refused_requests import REFUSALS
from tests.support.requests import Request


def described(data: bytes) -> Description:
    return describe(LoadedRequest.of(unwrap(data)))


def refused(name: str) -> bytes:
    return next(request.data for request in REFUSALS if request.name == name)


def loads(request: Request) -> bool:
    try:
        csr.load(unwrap(request.data))
    except CAServiceError:
        return False
    return True


def test_a_good_request_is_told_in_full() -> None:
    told = described(requests.UCCX_PUBLISHER.data)

    assert told.subject[0] == ("C", "DE")
    assert told.subject[-1] == ("CN", "uccx1-EC.example.com")
    assert told.subject_alternative_name == (("DNS", "example.com"), ("DNS", "uccx1.example.com"))
    assert (told.key, told.signature) == ("EC P-384", "SHA-384")
    assert (told.key_usage, told.extended_key_usage) == (requests.OLD_USAGE, requests.OLD_PURPOSES)


@pytest.mark.parametrize(
    "request_", [request for request in REFUSALS if loads(request)], ids=lambda request: request.name
)
def test_of_a_refused_request_is_told_what_can_be_read(request_: Request) -> None:
    assert described(request_.data).signature


def test_an_rsa_key_is_told_with_its_size() -> None:
    assert described(refused("rsa-tomcat")).key == "RSA 2048"


def test_a_key_that_cannot_be_read_is_said_to_be_so() -> None:
    assert described(refused("point-off-the-curve")).key == "unreadable"


def test_unreadable_extensions_are_left_out() -> None:
    assert described(refused("key-usage-not-der")).key_usage == ()


def test_a_deceiving_name_is_made_visible() -> None:
    assert described(refused("nul-in-common-name")).subject == (("CN", "bad1.example.com\\u0000.evil.example"),)
