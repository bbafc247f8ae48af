"""What the API tells without changing anything: checks, the list, one certificate, the authority."""

from __future__ import annotations

import base64
import csv
import io
import json
from urllib.parse import quote

import pytest
from cryptography import x509
from werkzeug.test import Client, TestResponse

from ca_service.authority.installation import Installation
from ca_service.pki.reasons import Reason
from tests.support.factories import OPERATOR
from tests.support.requests import BLANK_PARENT_DOMAIN, SOCIALMINER, THREE_NODES, UCCX_PUBLISHER

from .test_submitting import errors

URL = "/api/v1/certificates"
CHECKS = "/api/v1/checks"


@pytest.fixture
def three(client: Client) -> list[str]:
    """The serial numbers of three certificates, oldest first."""
    return [client.post(URL, data=each.data).get_json()["certificates"][0]["serial_number"] for each in THREE_NODES]


def serials(answer: TestResponse) -> list[str]:
    return [each["serial_number"] for each in answer.get_json()["certificates"]]


def test_a_check_tells_what_the_request_asks(client: Client) -> None:
    answer = client.post(CHECKS, data=SOCIALMINER.data)
    assert answer.status_code == 200
    assert answer.get_json()["checks"] == [
        {
            "file": None,
            "accepted": True,
            "host": "sm1.example.com",
            "profile": "vos",
            "purpose": "tomcat-ECDSA",
            "validity_days": 397,
            "subject": "C=DE, ST=Hessen, L=Frankfurt am Main, O=Beispiel & Söhne, OU=Contact Centre, CN=sm1-EC.example.com",  # noqa: E501
            "subject_alternative_name": ["DNS:example.com", "DNS:sm1.example.com"],
            "key": "EC P-256",
            "signature": "SHA-256",
            "key_usage": ["digitalSignature", "keyEncipherment", "dataEncipherment", "keyAgreement"],
            "extended_key_usage": ["serverAuth", "clientAuth", "ipsecEndSystem"],
            "findings": [],
        }
    ]


def test_a_check_issues_nothing(client: Client) -> None:
    client.post(CHECKS, data=SOCIALMINER.data)
    assert serials(client.get(URL)) == []


def test_checks_stand_in_the_order_of_their_requests(client: Client) -> None:
    files = [(io.BytesIO(data), "x.csr") for data in (b"junk", UCCX_PUBLISHER.data, BLANK_PARENT_DOMAIN.data)]
    found = client.post(CHECKS, data={"csr": files}).get_json()["checks"]
    assert [check["accepted"] for check in found] == [False, True, False]
    assert [[each["pointer"] for each in check["findings"]] for check in found] == [
        ["/csr/0"],
        [],
        ["/csr/2/subject_alternative_name"],
    ]


def test_a_check_follows_the_options(client: Client) -> None:
    (check,) = client.post(f"{CHECKS}?add_host_name=true", data=BLANK_PARENT_DOMAIN.data).get_json()["checks"]
    assert check["accepted"]


@pytest.mark.parametrize("query", ["format=zip", "q=x"])
def test_a_check_takes_no_other_parameters(client: Client, query: str) -> None:
    answer = client.post(f"{CHECKS}?{query}", data=SOCIALMINER.data)
    assert (answer.status_code, errors(answer)[0][0]) == (400, "option.unknown")


def test_a_check_is_given_as_json_only(client: Client) -> None:
    answer = client.post(CHECKS, data=SOCIALMINER.data, headers={"Accept": "application/zip"})
    assert answer.status_code == 406


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("", [2, 1, 0]),
        ("sort=newest", [2, 1, 0]),
        ("sort=oldest", [0, 1, 2]),
        ("sort=host", [2, 0, 1]),
        ("sort=expires", [0, 1, 2]),
        ("q=uccx", [1, 0]),
        ("q=UCCX2.example", [1]),
        ("q=nothing-like-it", []),
    ],
)
def test_the_list_is_sorted_and_searched(client: Client, three: list[str], query: str, order: list[int]) -> None:
    assert serials(client.get(f"{URL}?{query}")) == [three[number] for number in order]


def test_the_list_is_searched_by_the_beginning_of_a_serial_number(client: Client, three: list[str]) -> None:
    assert serials(client.get(f"{URL}?q={three[1][:12]}")) == [three[1]]


@pytest.mark.parametrize("sort", ["newest", "oldest", "expires", "expires-desc", "host", "host-desc"])
def test_the_pages_of_the_list_hold_every_certificate_once(client: Client, three: list[str], sort: str) -> None:
    seen, address = list[str](), f"http://localhost{URL}?q=example.com&sort={sort}&limit=1"
    while address:
        answer = client.get(address)
        assert len(serials(answer)) == 1
        seen += serials(answer)
        address = answer.get_json()["next"]
        assert answer.headers.get("Link") == (f'<{address}>; rel="next"' if address else None)
    assert sorted(seen) == sorted(three)


@pytest.mark.parametrize(
    ("query", "rule", "pointer"),
    [
        ("limit=0", "option.value", "/limit"),
        ("limit=201", "option.value", "/limit"),
        ("limit=x", "option.value", "/limit"),
        ("sort=colour", "option.value", "/sort"),
        ("q=" + "x" * 201, "option.value", "/q"),
        ("cursor=" + "x" * 1001, "option.value", "/cursor"),
        ("cursor=none-of-ours", "list.cursor", "/cursor"),
        ("cursor=%C3%A4", "list.cursor", "/cursor"),
        ("page=2", "option.unknown", "/page"),
        ("sort=host&sort=newest", "option.conflict", "/sort"),
    ],
)
def test_a_list_that_cannot_be_given_is_refused(client: Client, query: str, rule: str, pointer: str) -> None:
    answer = client.get(f"{URL}?{query}")
    assert (answer.status_code, errors(answer)) == (400, [(rule, pointer)])


@pytest.mark.parametrize(
    "cursor",
    [
        ["newest", 10**30, 1],
        ["newest", 1, 10**30],
        ["expires", "2026-01-01T00:00:00", 1],
        ["expires", 5, 1],
        ["host", "\ud800", 1],
        ["newest", float("inf"), 1],
        [],
        5,
    ],
    ids=repr,
)
def test_a_forged_cursor_is_refused(client: Client, cursor: object) -> None:
    sort = cursor[0] if isinstance(cursor, list) and cursor else "newest"
    text = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
    answer = client.get(f"{URL}?sort={sort}&cursor={quote(text)}")
    assert (answer.status_code, errors(answer)) == (400, [("list.cursor", "/cursor")])


@pytest.mark.parametrize("q", ["%00", "%25", "_", "\\", "'", "%F0%9F%94%91", "%FF", "x" * 200])
def test_any_text_can_be_searched_for(client: Client, three: list[str], q: str) -> None:
    answer = client.get(f"{URL}?q={q}")
    assert (answer.status_code, serials(answer)) == (200, [])
    assert three


def test_a_certificate_is_found_by_its_serial_number_as_openssl_prints_it(client: Client, three: list[str]) -> None:
    pairs = ":".join(three[0][place : place + 2] for place in range(0, 40, 2)).upper()
    assert serials(client.get(f"{URL}/{pairs}")) == [three[0]]


@pytest.mark.parametrize("serial", ["1", "x", "0" * 41, "%00", "..%2f..", "\u00e4"])
def test_a_serial_number_that_there_is_not_is_404(client: Client, serial: str) -> None:
    answer = client.get(f"{URL}/{serial}")
    assert answer.status_code == 404
    assert errors(answer)[0][0] in ("certificate.unknown", "http.not-found")


def test_the_links_of_a_certificate_lead_to_its_forms(client: Client, three: list[str]) -> None:
    (document,) = client.get(f"{URL}/{three[0]}").get_json()["certificates"]
    types = {form: client.get(link).content_type for form, link in document["links"].items()}
    assert types == {
        "self": "application/json",
        "zip": "application/zip",
        "pem": "application/x-pem-file",
        "der": "application/pkix-cert",
        "p7b": "application/x-pkcs7-certificates",
    }


def test_the_authority_is_told_with_the_root_last(client: Client) -> None:
    document = client.get("/api/v1/authority").get_json()
    issuing, root = (x509.load_pem_x509_certificate(each["pem"].encode()) for each in document["certificates"])
    assert [each["role"] for each in document["certificates"]] == ["intermediate", "root"]
    assert [each["key"] for each in document["certificates"]] == ["EC P-256", "EC P-256"]
    issuing.verify_directly_issued_by(root)


@pytest.mark.parametrize(("form", "content_type"), [("pem", "application/x-pem-file"), ("p7b", "application/x-pkcs7-certificates")])  # noqa: E501  # fmt: skip
def test_the_links_of_the_authority_lead_to_its_forms(client: Client, form: str, content_type: str) -> None:
    links = client.get("/api/v1/authority").get_json()["links"]
    assert client.get(links[form]).content_type == content_type


def test_a_revoked_intermediate_is_left_out_of_the_authority(client: Client, installation: Installation) -> None:
    installation.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)
    certificates = client.get("/api/v1/authority").get_json()["certificates"]
    assert [each["role"] for each in certificates] == ["root"]
    assert client.get("/api/v1/authority?format=pem").text == certificates[0]["pem"]


def test_the_authority_is_not_given_as_zip(client: Client) -> None:
    assert client.get("/api/v1/authority?format=zip").status_code == 400


def test_head_answers_as_get_without_a_body(client: Client, three: list[str]) -> None:
    url = f"{URL}/{three[0]}?format=zip"
    head, get = client.head(url), client.get(url)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


# The list as CSV, and its filters


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("q=expires<30d", []),
        ("q=status:active&sort=oldest", [0, 1, 2]),
        ("q=host:uccx+profile:vos&sort=oldest", [0, 1]),
        ("q=host=sm1.example.com", [2]),
        ("q=status:revoked", []),
    ],
)
def test_the_list_takes_filters(client: Client, three: list[str], query: str, order: list[int]) -> None:
    assert serials(client.get(f"{URL}?{query}")) == [three[number] for number in order]


@pytest.mark.parametrize("form", ["", "&format=csv"])
def test_every_wrong_filter_is_told(client: Client, form: str) -> None:
    answer = client.get(f"{URL}?q=state:active+expires<z{form}")
    assert answer.status_code == 400
    assert [found[:2] for found in errors(answer)] == [("filter.unknown", "/q"), ("filter.expires", "/q")]


@pytest.mark.parametrize(
    ("query", "accept"), [("&format=csv", "*/*"), ("", "text/csv"), ("&format=csv", "application/json")]
)
def test_the_list_is_had_as_csv(client: Client, three: list[str], query: str, accept: str) -> None:
    answer = client.get(f"{URL}?q=uccx&sort=oldest{query}", headers={"Accept": accept})
    lines = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [line["serial_number"] for line in lines] == three[:2]
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="certificates.csv"'
    assert "Accept" in answer.headers["Vary"]


@pytest.mark.parametrize("name", ["limit=5", "cursor=x"])
def test_csv_has_no_pages(client: Client, name: str) -> None:
    answer = client.get(f"{URL}?format=csv&{name}")
    assert (answer.status_code, errors(answer)[0][:2]) == (400, ("option.not-for-csv", f"/{name.partition('=')[0]}"))


def test_a_list_has_the_status_and_no_pem_and_its_members_are_those_of_the_certificate(
    client: Client, three: list[str]
) -> None:
    (full,) = client.get(f"{URL}/{three[0]}").get_json()["certificates"]
    (row,) = client.get(f"{URL}?q=serial:{three[0]}").get_json()["certificates"]
    assert row["status"] == "active"
    assert not {"pem", "chain"} & row.keys()
    assert row == {name: full[name] for name in row}
