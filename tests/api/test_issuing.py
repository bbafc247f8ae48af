"""What POST /api/v1/certificates answers when it signs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ExtendedKeyUsage, KeyUsage, SubjectAlternativeName
from werkzeug.test import Client, TestResponse

from ca_service.authority.access.permissions import Role
from ca_service.pki import contents, der
from ca_service.web.api.examples import CSR
from tests.support.programs import Tool, judged
from tests.support.requests import (
    BLANK_PARENT_DOMAIN,
    GOOD,
    SOCIALMINER,
    THREE_NODES,
    UCCX_PUBLISHER,
    UCCX_SUBSCRIBER,
    Request,
)

URL = "/api/v1/certificates"
CURL_DEFAULT = "application/x-www-form-urlencoded"


def upload(*requests: Request, name: str = "csr") -> dict[str, list[tuple[io.BytesIO, str]]]:
    return {name: [(io.BytesIO(request.data), f"{request.name}.csr") for request in requests]}


def text(request: Request) -> str:
    return request.data.decode("ascii")


def only_certificate(answer: TestResponse) -> x509.Certificate:
    (document,) = answer.get_json()["certificates"]
    return x509.load_pem_x509_certificate(document["pem"].encode())


def test_a_request_is_answered_with_201_and_the_address_of_its_certificate(client: Client) -> None:
    answer = client.post(URL, data=SOCIALMINER.data)
    (document,) = answer.get_json()["certificates"]
    assert answer.status_code == 201
    assert answer.headers["Location"] == document["links"]["self"]
    assert client.get(answer.headers["Location"]).get_json()["certificates"] == [document]


def test_the_same_request_again_is_answered_with_200_and_the_same_certificate(client: Client) -> None:
    first, second = client.post(URL, data=SOCIALMINER.data), client.post(URL, data=SOCIALMINER.data)
    assert second.status_code == 200
    assert second.get_json()["certificates"] == first.get_json()["certificates"]
    assert [found["rule"] for found in second.get_json()["findings"]] == ["certificate.again"]
    assert second.headers["Location"] == first.headers["Location"]


def test_new_gets_another_certificate_for_the_same_request(client: Client) -> None:
    first, second = client.post(URL, data=SOCIALMINER.data), client.post(f"{URL}?new=true", data=SOCIALMINER.data)
    assert second.status_code == 201
    assert only_certificate(first).serial_number != only_certificate(second).serial_number


@pytest.mark.parametrize("content_type", [CURL_DEFAULT, "application/octet-stream", "text/plain; charset=utf-16", None])
def test_a_raw_body_is_signed_whatever_its_content_type(client: Client, content_type: str | None) -> None:
    answers = {each.name: client.post(f"{URL}?new=true", data=each.data, content_type=content_type) for each in GOOD}
    assert {name: answer.text for name, answer in answers.items() if answer.status_code != 201} == {}


def test_base64_with_plus_and_percent_escapes_is_never_decoded_as_a_form(client: Client) -> None:
    assert "+" in CSR
    body = b"%2B%0A" + CSR.encode()
    assert client.post(URL, data=body, content_type=CURL_DEFAULT).status_code == 201


def test_what_curl_makes_of_a_file_with_d_is_signed_too(client: Client) -> None:
    without_newlines = SOCIALMINER.data.replace(b"\n", b"")
    assert client.post(URL, data=without_newlines, content_type=CURL_DEFAULT).status_code == 201


def test_a_form_with_several_files_gets_one_certificate_each_in_their_order(client: Client) -> None:
    answer = client.post(URL, data=upload(*THREE_NODES))
    found = answer.get_json()["certificates"]
    assert answer.status_code == 201
    assert [each["host"] for each in found] == ["uccx1.example.com", "uccx2.example.com", "sm1.example.com"]
    assert answer.headers["Location"] == found[0]["links"]["self"]


def test_a_form_takes_requests_as_text_and_options_as_fields(client: Client) -> None:
    fields = {"csr": [text(UCCX_PUBLISHER), text(UCCX_SUBSCRIBER)], "profile": "server", "validity_days": "30"}
    answer = client.post(URL, data=fields, content_type="multipart/form-data")
    assert answer.status_code == 201, answer.data
    assert [each["profile"] for each in answer.get_json()["certificates"]] == ["server", "server"]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("content_type", ["application/json", "application/merge-patch+json", CURL_DEFAULT])
def test_json_is_taken_with_one_request_or_a_list(client: Client, several: bool, content_type: str) -> None:
    csr: object = [text(SOCIALMINER), text(UCCX_PUBLISHER)] if several else text(SOCIALMINER)
    body = client.application.json.dumps({"csr": csr, "validity_days": 30.0, "new": False, "profile": None})  # type: ignore[attr-defined]
    answer = client.post(URL, data=body, content_type=content_type)
    assert answer.status_code == 201, answer.data
    assert len(answer.get_json()["certificates"]) == 1 + several


def test_json_with_a_byte_order_mark_is_json(client: Client) -> None:
    body = client.application.json.dumps({"csr": text(SOCIALMINER)})  # type: ignore[attr-defined]
    assert client.post(URL, data=b"\xef\xbb\xbf" + body.encode(), content_type="text/plain").status_code == 201


@pytest.mark.parametrize("place", ["query", "form", "json"])
def test_validity_days_is_the_lifetime_wherever_it_is_said(client: Client, place: str) -> None:
    answer = {
        "query": lambda: client.post(f"{URL}?validity_days=7", data=SOCIALMINER.data),
        "form": lambda: client.post(URL, data={"csr": (io.BytesIO(SOCIALMINER.data), "x"), "validity_days": "7"}),
        "json": lambda: client.post(URL, json={"csr": text(SOCIALMINER), "validity_days": 7}),
    }[place]()
    leaf = only_certificate(answer)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=7, seconds=-1)


def test_the_same_value_in_two_places_is_no_contradiction(client: Client) -> None:
    answer = client.post(f"{URL}?validity_days=7&new=true", json={"csr": text(SOCIALMINER), "validity_days": 7})
    assert answer.status_code == 201


@pytest.mark.parametrize("option", ["profile", "purpose", "product", "version"])
def test_an_empty_option_is_not_taken_for_one_that_was_left_out(client: Client, option: str) -> None:
    answer = client.post(f"{URL}?{option}=", data=SOCIALMINER.data)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (400, f"/{option}")


def test_add_host_name_signs_a_request_that_names_no_host_and_says_so(client: Client) -> None:
    answer = client.post(f"{URL}?add_host_name=true", data=BLANK_PARENT_DOMAIN.data)
    document = answer.get_json()
    assert document["certificates"][0]["subject_alternative_name"] == ["DNS:fin1.example.com"]
    assert [(found["rule"], found["pointer"], found["severity"]) for found in document["findings"]] == [
        ("san.added", "/csr/0/subject_alternative_name", "note")
    ]


def test_the_json_tells_what_the_certificate_says(client: Client) -> None:
    answer = client.post(URL, data=SOCIALMINER.data)
    (document,) = answer.get_json()["certificates"]
    leaf = only_certificate(answer)
    assert int(document["serial_number"], 16) == leaf.serial_number
    assert datetime.fromisoformat(document["not_before"]) == leaf.not_valid_before_utc
    assert document["not_after"] == f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    assert document["subject_alternative_name"] == ["DNS:example.com", "DNS:sm1.example.com"]
    assert document["fingerprint"] == leaf.fingerprint(hashes.SHA256()).hex()
    assert document["issued_by"] == Role.REQUESTER.value
    issuing, root = (x509.load_pem_x509_certificate(pem.encode()) for pem in document["chain"])
    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)


def test_openssl_accepts_the_files_of_the_zip(client: Client, tmp_path: Path, openssl: Tool) -> None:
    answer = client.post(f"{URL}?format=zip", data=UCCX_PUBLISHER.data)
    zipfile.ZipFile(io.BytesIO(answer.data)).extractall(tmp_path)
    root, intermediate, leaf = (
        "1-root.tomcat-trust.pem",
        "2-intermediate.tomcat-trust.pem",
        "3-uccx1.example.com.tomcat-ECDSA.pem",
    )
    assert openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", intermediate, leaf) == f"{leaf}: OK\n"
    judged("sha256sum --check --strict SHA256SUMS", tmp_path)


@pytest.mark.parametrize("request_", THREE_NODES, ids=lambda request: request.name)
def test_subject_names_and_usages_are_those_of_the_request(client: Client, request_: Request) -> None:
    leaf = only_certificate(client.post(URL, data=request_.data))
    csr = x509.load_pem_x509_csr(request_.data)
    asked_subject = der.read(csr.tbs_certrequest_bytes)[0].children[1].der
    assert contents.fields(der.read(leaf.tbs_certificate_bytes)[0]).subject == asked_subject
    kinds: tuple[type[x509.ExtensionType], ...] = (SubjectAlternativeName, KeyUsage, ExtendedKeyUsage)
    for kind in kinds:
        issued = leaf.extensions.get_extension_for_class(kind).value
        assert issued.public_bytes() == csr.extensions.get_extension_for_class(kind).value.public_bytes()


def test_the_same_idempotency_key_gets_the_same_answer_again(client: Client) -> None:
    headers = {"Idempotency-Key": "8e3c6b1a"}
    first = client.post(f"{URL}?new=true", data=SOCIALMINER.data, headers=headers)
    again = client.post(f"{URL}?new=true", data=SOCIALMINER.data, headers=headers)
    assert (again.status_code, again.data) == (201, first.data)


def test_an_idempotency_key_is_refused_for_another_submission(client: Client) -> None:
    headers = {"Idempotency-Key": "8e3c6b1a"}
    client.post(URL, data=SOCIALMINER.data, headers=headers)
    answer = client.post(URL, data=UCCX_PUBLISHER.data, headers=headers)
    assert answer.status_code == 409
    assert answer.get_json()["errors"][0]["rule"] == "idempotency-key.reused"


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\u00adb"])
def test_an_idempotency_key_that_is_none_is_refused(client: Client, key: str) -> None:
    answer = client.post(URL, data=SOCIALMINER.data, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["rule"] == "idempotency-key.invalid"


def test_an_idempotency_key_belongs_to_its_account(client_of: Callable[[Role], Client]) -> None:
    headers = {"Idempotency-Key": "8e3c6b1a"}
    client_of(Role.REQUESTER).post(URL, data=SOCIALMINER.data, headers=headers)
    assert client_of(Role.APPROVER).post(URL, data=UCCX_PUBLISHER.data, headers=headers).status_code == 201


def test_file_name_and_options_say_where_a_certificate_goes(client: Client) -> None:
    named = {"csr": [(io.BytesIO(UCCX_PUBLISHER.data), "CallManager-ECDSA.csr")]}
    assert client.post(URL, data=named).get_json()["certificates"][0]["purpose"] == "CallManager-ECDSA"
    given = client.post(f"{URL}?purpose=tomcat-ECDSA&product=uccx&version=11.5", data=UCCX_PUBLISHER.data)
    assert given.get_json()["certificates"][0]["purpose"] == "tomcat-ECDSA"
    bundle = client.post(f"{URL}?purpose=tomcat-ECDSA&format=zip", data=UCCX_PUBLISHER.data)
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        assert "Restart uccx1.example.com" in archive.read("UPLOAD.txt").decode()


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ("purpose=mail", "purpose.unknown"),
        ("purpose=CAPF", "purpose.unsigned"),
        ("product=uccx", "product.without-version"),
        ("version=11.5", "version.without-product"),
        ("product=fax&version=1", "product.unknown"),
        ("purpose=CallManager-ECDSA&product=uccx&version=11.5", "purpose.product"),
    ],
)
@pytest.mark.parametrize("path", [URL, "/api/v1/checks", "/api/v1/batches"])
def test_a_destination_that_cannot_be_is_refused(client: Client, path: str, given: str, rule: str) -> None:
    answer = client.post(f"{path}?{given}", data=UCCX_PUBLISHER.data)
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["rule"] == rule
