"""In which form the API answers, and what the files are called."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7
from flask import Flask
from werkzeug.test import Client

from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.errors import InvalidInput
from ca_service.web.delivery import deliver, deliver_authority
from tests.support.factories import OPERATOR
from tests.support.programs import Tool
from tests.support.requests import SOCIALMINER, THREE_NODES

URL = "/api/v1/certificates"
TYPES = {
    "json": "application/json",
    "zip": "application/zip",
    "pem": "application/x-pem-file",
    "der": "application/pkix-cert",
    "p7b": "application/x-pkcs7-certificates",
}
ALL_REQUESTS = {"csr": [request.data.decode("ascii") for request in THREE_NODES]}


@pytest.mark.parametrize("form", TYPES)
def test_format_chooses_the_form(client: Client, form: str) -> None:
    answer = client.post(f"{URL}?format={form}", data=SOCIALMINER.data, headers={"Accept": "application/json;q=0"})
    assert (answer.status_code, answer.content_type) == (201, TYPES[form])


@pytest.mark.parametrize("form", TYPES)
def test_accept_chooses_the_form(client: Client, form: str) -> None:
    answer = client.post(URL, data=SOCIALMINER.data, headers={"Accept": f"text/html, {TYPES[form]};q=0.1"})
    assert (answer.status_code, answer.content_type) == (201, TYPES[form])
    assert "Accept" in answer.vary


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("*/*", "json"),
        ("", "json"),
        ("application/*", "json"),
        ("application/json;q=0.5, application/zip", "zip"),
        ("application/*;q=0.5, application/pkix-cert", "der"),
        ("application/json;q=0, */*", "zip"),
    ],
)
def test_the_form_is_the_most_preferred_one(client: Client, accept: str, form: str) -> None:
    answer = client.post(URL, data=SOCIALMINER.data, headers={"Accept": accept})
    assert answer.content_type == TYPES[form]


def test_without_accept_the_answer_is_json(client: Client) -> None:
    assert client.post(URL, data=SOCIALMINER.data).content_type == TYPES["json"]


@pytest.mark.parametrize("url", [URL, f"{URL}/1", "/api/v1/authority"])
def test_a_form_that_there_is_not_is_refused_with_the_list(client: Client, url: str) -> None:
    answer = client.get(url, headers={"Accept": "text/html"})
    (error,) = answer.get_json()["errors"]
    assert (answer.status_code, error["rule"]) == (406, "format.not-acceptable")
    assert "application/json" in error["remedy"]


@pytest.mark.parametrize(
    ("query", "accept"), [("?format=der", "*/*"), ("", TYPES["der"])], ids=["by-format", "by-accept"]
)
def test_der_is_refused_for_several_and_nothing_is_issued(client: Client, query: str, accept: str) -> None:
    answer = client.post(URL + query, json=ALL_REQUESTS, headers={"Accept": accept})
    (error,) = answer.get_json()["errors"]
    assert (answer.status_code, error["rule"]) == (406, "format.not-acceptable")
    assert "der" not in error["remedy"]
    assert client.get(URL).get_json()["certificates"] == []


def test_another_accepted_form_stands_in_for_der_of_several(client: Client) -> None:
    headers = {"Accept": f"{TYPES['der']}, {TYPES['zip']};q=0.1"}
    assert client.post(URL, json=ALL_REQUESTS, headers=headers).content_type == TYPES["zip"]


@pytest.mark.parametrize(
    ("form", "one", "several"),
    [
        ("zip", "sm1.example.com-tomcat-ECDSA.zip", "3-certificates.zip"),
        ("pem", "sm1.example.com-tomcat-ECDSA.pem", "3-certificates.pem"),
        ("p7b", "sm1.example.com-tomcat-ECDSA.p7b", "3-certificates.p7b"),
    ],
)
def test_files_have_names_that_tell_them_apart(client: Client, form: str, one: str, several: str) -> None:
    single = client.post(f"{URL}?format={form}", data=SOCIALMINER.data)
    group = client.post(f"{URL}?format={form}", json=ALL_REQUESTS)
    assert single.headers["Content-Disposition"] == f'attachment; filename="{one}"'
    assert group.headers["Content-Disposition"] == f'attachment; filename="{several}"'


def test_json_is_no_file(client: Client) -> None:
    assert "Content-Disposition" not in client.post(URL, data=SOCIALMINER.data).headers


def test_the_pem_file_is_the_chain_with_the_leaf_first(client: Client, tmp_path: Path, certtool: Tool) -> None:
    answer = client.post(f"{URL}?format=pem", data=SOCIALMINER.data)
    leaf, issuing, root = x509.load_pem_x509_certificates(answer.data)
    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    (tmp_path / "chain.pem").write_bytes(answer.data)
    assert "Chain verification output: Verified." in certtool("--verify-chain", "--infile", "chain.pem")


def test_the_der_file_is_the_leaf(client: Client) -> None:
    answer = client.post(f"{URL}?format=der", data=SOCIALMINER.data)
    assert x509.load_der_x509_certificate(answer.data).subject.rfc4514_string().startswith("CN=sm1-EC.example.com")


@pytest.mark.parametrize("form", ["pem", "p7b"])
def test_files_of_several_hold_each_leaf_and_each_authority_once(client: Client, form: str) -> None:
    answer = client.post(f"{URL}?format={form}", json=ALL_REQUESTS)
    load = x509.load_pem_x509_certificates if form == "pem" else pkcs7.load_pem_pkcs7_certificates
    found = load(answer.data)
    assert len(found) == len(set(found)) == 5


def test_the_zip_of_several_has_a_folder_for_each_node(client: Client) -> None:
    answer = client.post(f"{URL}?format=zip", json=ALL_REQUESTS)
    folders = {name.split("/")[0] for name in zipfile.ZipFile(io.BytesIO(answer.data)).namelist() if "/" in name}
    assert folders >= {"uccx1.example.com", "uccx2.example.com", "sm1.example.com"}


def test_an_authority_is_a_file_with_its_name(client: Client, installation: Installation) -> None:
    name = installation.hierarchy.active().record.name
    answer = client.get("/api/v1/authority?format=pem")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name.lower().replace(" ", "-")}-ca-chain.pem"'  # noqa: E501  # fmt: skip
    assert tuple(x509.load_pem_x509_certificates(answer.data)) == installation.hierarchy.active().chain


@pytest.mark.parametrize(("form", "rule"), [("exe", "format.unknown"), ("der", "format.single"), ("json", "format.unknown")])  # noqa: E501  # fmt: skip
def test_delivery_refuses_what_it_cannot_deliver(
    app: Flask, client: Client, installation: Installation, form: str, rule: str
) -> None:
    client.post(URL, json=ALL_REQUESTS)
    records = installation.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates
    with app.app_context(), pytest.raises(InvalidInput) as caught:
        deliver(records, form)
    assert caught.value.rule == rule


def test_delivery_refuses_an_authority_as_zip(installation: Installation) -> None:
    with pytest.raises(InvalidInput) as caught:
        deliver_authority(installation.hierarchy.active(), (), "zip")
    assert caught.value.rule == "format.unknown"
