"""Certificates: the result of a signing, one of them in full, and the downloads."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from cryptography import x509

from ca_service import web
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.pki import armour
from ca_service.pki.contents import serial_text
from ca_service.pki.reasons import Reason
from tests.support.factories import OPERATOR
from tests.support.programs import judged
from tests.support.requests import THREE_NODES, UCCX_PUBLISHER, Request
from tests.web.html import read
from tests.web.visitor import Visitor, visit

NUMBERED = ["1-root.tomcat-trust.pem", "2-intermediate.tomcat-trust.pem", "3-uccx1.example.com.tomcat-ECDSA.pem"]
UNKNOWN = "00" * 20


@pytest.fixture
def serial(requester: Visitor) -> str:
    """The serial number of a certificate that there is."""
    return requester.issue(UCCX_PUBLISHER)[0]


def issue(installation: Installation, *requests: Request, new: bool = False) -> list[str]:
    issued = installation.issuance.issue(OPERATOR, [each.data for each in requests], Options(new=new))
    return [record.serial_number for record in issued.certificates]


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


# The result of a signing


def test_the_result_shows_the_numbered_files_the_steps_and_the_curl_line(requester: Visitor, serial: str) -> None:
    page = requester.page(f"/issued?serial={serial}")

    for part in (*NUMBERED, "uccx1.example.com-tomcat-ECDSA.zip", "Skip it where the same certificate"):
        assert part in page.text
    assert (
        'curl -fsS -H "Authorization: Bearer $TOKEN" --data-binary @uccx1.example.com.csr -OJ '
        '"http://localhost/api/v1/certificates?format=zip"' in page.text
    )


def test_the_result_of_several_names_the_trust_files_once(requester: Visitor) -> None:
    serials = requester.issue(*THREE_NODES)
    page = requester.page(f"/issued?serial={'&serial='.join(serials)}")

    for part in (*NUMBERED, "3-uccx2.example.com.tomcat-ECDSA.pem", "3-sm1.example.com.tomcat-ECDSA.pem"):
        assert len([link for link in page.links if link.endswith(f"/files/{part}")]) == 1
    assert "-F csr=@uccx1.example.com.csr -F csr=@uccx2.example.com.csr" in page.text


def test_the_result_of_several_ends_with_the_restart_and_the_check_of_the_nodes(requester: Visitor) -> None:
    serials = requester.issue(*THREE_NODES)
    page = requester.page(f"/issued?serial={'&serial='.join(serials)}")

    assert "3 Restart, then check" in page.text
    [probe] = [link for link in page.links if link.startswith("/probe?")]
    hosts = requester.get(probe).text.partition('id="hosts"')[2].partition("</textarea>")[0]
    assert all(f"{each.name}.example.com" in hosts for each in THREE_NODES)


def test_the_result_of_plain_servers_has_no_node_to_check(requester: Visitor) -> None:
    serials = requester.issue(*THREE_NODES, profile="server")
    page = requester.page(f"/issued?serial={'&serial='.join(serials)}")

    assert "Restart, then check" not in page.text


def test_every_copy_button_of_the_result_has_a_text_of_its_own(requester: Visitor) -> None:
    serials = requester.issue(*THREE_NODES)
    page = requester.page(f"/issued?serial={'&serial='.join(serials)}")

    assert len(page.ids) == len(set(page.ids))
    assert set(page.references) <= set(page.ids)


def test_the_curl_line_tells_a_profile_that_is_not_the_usual_one(requester: Visitor) -> None:
    serial = requester.issue(UCCX_PUBLISHER, profile="server")[0]

    assert '?format=zip&profile=server"' in requester.page(f"/issued?serial={serial}").text


def test_the_curl_line_names_the_configured_address(installation: Installation) -> None:
    app = web.create(installation, web.WebOptions(secret_key="x" * 32, base_url="https://ca.example.com/pki"))
    visitor = visit(app)
    visitor.sign_in("requester")
    page = visitor.page(f"/issued?serial={issue(installation, UCCX_PUBLISHER)[0]}")

    assert "https://ca.example.com/pki/api/v1/certificates" in page.text


@pytest.mark.parametrize("path", ["/issued", "/issued/download"])
def test_a_result_of_nothing_or_of_too_much_is_refused(requester: Visitor, path: str) -> None:
    for query in ("", "?" + "&".join(f"serial={number:040x}" for number in range(51))):
        answer = requester.get(path + query)
        assert answer.status_code == 400
        assert read(answer.text).blocking == ["certificate.none-chosen"]


@pytest.mark.parametrize("path", ["/issued", "/issued/download"])
def test_a_result_with_a_certificate_that_is_not_there_is_none(requester: Visitor, serial: str, path: str) -> None:
    assert requester.get(f"{path}?serial={serial}&serial={UNKNOWN}").status_code == 404


def test_one_zip_holds_all_certificates_of_a_signing(requester: Visitor, tmp_path: Path) -> None:
    serials = requester.issue(*THREE_NODES)
    answer = requester.get(f"/issued/download?serial={'&serial='.join([*serials, serials[0]])}")

    files = unzipped(answer.data)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="3-certificates.zip"'
    for host in ("uccx1", "uccx2", "sm1"):
        leaf = files[f"{host}.example.com/3-{host}.example.com.tomcat-ECDSA.pem"]
        verify(tmp_path, files[NUMBERED[0]], files[NUMBERED[1]], leaf)


def verify(folder: Path, root: bytes, intermediate: bytes, leaf: bytes) -> None:
    for name, data in (("root", root), ("intermediate", intermediate), ("leaf", leaf)):
        (folder / name).write_bytes(data)
    judged("openssl verify -x509_strict -CAfile root -untrusted intermediate leaf", folder)


def test_each_file_of_a_step_can_be_copied_and_downloaded_there(requester: Visitor, serial: str) -> None:
    page = requester.page(f"/issued?serial={serial}")

    for name in NUMBERED:
        assert f"{serial}-{name}" in page.references
        assert page.links.count(f"/certificates/{serial}/files/{name}") == 2  # beside the step, and in the picture


def test_a_file_that_a_step_names_is_listed_and_can_be_had(requester: Visitor) -> None:
    serial = requester.issue(UCCX_PUBLISHER, profile="server")[0]
    path = f"/certificates/{serial}/files/fullchain.pem"

    for page in (f"/issued?serial={serial}", f"/certificates/{serial}"):
        assert path in requester.page(page).links
    assert requester.get(path).data == unzipped(requester.get(f"/certificates/{serial}/download").data)["fullchain.pem"]


def test_the_product_of_a_node_can_be_chosen_on_the_result(requester: Visitor, serial: str) -> None:
    fields = {"product-0": "uccx", "version-0": "11.5", "result": "true"}
    assert requester.page(f"/issued?serial={serial}").values("result") == ["true"]
    answer = requester.post(f"/certificates/{serial}/product", fields)

    assert (answer.status_code, answer.location) == (303, f"/issued?serial={serial}")
    assert "Restart uccx1.example.com" in requester.page(answer.location).text


# One certificate


def test_the_main_button_of_a_revoked_certificate_downloads_nothing(
    requester: Visitor, installation: Installation, serial: str
) -> None:
    main = 'class="button big"'
    assert main in requester.get(f"/certificates/{serial}").text
    installation.revocation.revoke(OPERATOR, Selection((serial,)), Reason.SUPERSEDED)

    assert main not in requester.get(f"/certificates/{serial}").text
    assert f"/certificates/{serial}/download?format=zip" in requester.page(f"/certificates/{serial}").links


def test_the_newest_events_come_first_and_the_others_are_folded(
    requester: Visitor, installation: Installation, serial: str
) -> None:
    for _ in range(2):
        installation.revocation.revoke(OPERATOR, Selection((serial,)), Reason.CERTIFICATE_HOLD)
        installation.revocation.release(OPERATOR, Selection((serial,)))

    assert "2 earlier events" in requester.page(f"/certificates/{serial}").text


def test_a_certificate_is_shown_in_full(requester: Visitor, serial: str) -> None:
    page = requester.page(f"/certificates/{serial}")

    for part in (serial, "uccx1-EC.example.com", "example.com", "P-384", "dataEncipherment", "ipsecEndSystem",
                 "CA:FALSE", "Example Lab EC Root CA G1", "requester", *NUMBERED):  # fmt: skip
        assert part in page.text


def test_its_serial_number_may_be_written_as_others_write_it(requester: Visitor, serial: str) -> None:
    with_colons = ":".join(serial[place : place + 2] for place in range(0, 40, 2)).upper()

    for written in (serial.upper(), with_colons, serial.lstrip("0")):
        assert serial in requester.page(f"/certificates/{written}").text


@pytest.mark.parametrize("serial_number", [UNKNOWN, "nonsense", "0", "f" * 41, "f" * 3000, "%00", "\u0660"])
@pytest.mark.parametrize("rest", ["", "/download", "/request.csr", "/files/x.pem"])
def test_a_certificate_that_is_not_there_is_not_found(requester: Visitor, serial_number: str, rest: str) -> None:
    answer = requester.get(f"/certificates/{serial_number}{rest}")

    assert answer.status_code == 404
    assert read(answer.text).blocking == ["certificate.unknown"]


# Downloads


@pytest.mark.parametrize(
    ("query", "content_type", "name"),
    [
        ("", "application/zip", "uccx1.example.com-tomcat-ECDSA.zip"),
        ("?format=zip", "application/zip", "uccx1.example.com-tomcat-ECDSA.zip"),
        ("?format=pem", "application/x-pem-file", "uccx1.example.com-tomcat-ECDSA.pem"),
        ("?format=der", "application/pkix-cert", "uccx1.example.com-tomcat-ECDSA.der"),
        ("?format=p7b", "application/x-pkcs7-certificates", "uccx1.example.com-tomcat-ECDSA.p7b"),
    ],
)
def test_a_certificate_can_be_had_in_every_form(
    requester: Visitor, serial: str, query: str, content_type: str, name: str
) -> None:
    answer = requester.get(f"/certificates/{serial}/download{query}")

    assert answer.status_code == 200
    assert answer.content_type == content_type
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_the_forms_hold_what_they_say(requester: Visitor, serial: str) -> None:
    pem, der, p7b, archive = (
        requester.get(f"/certificates/{serial}/download?format={form}").data for form in ("pem", "der", "p7b", "zip")
    )

    leaf = x509.load_der_x509_certificate(der)
    assert serial_text(leaf.serial_number) == serial
    assert x509.load_pem_x509_certificates(pem)[0] == leaf
    assert len(x509.load_pem_x509_certificates(pem)) == 3
    assert b"PKCS7" in p7b or p7b[0] == 0x30
    assert x509.load_pem_x509_certificate(unzipped(archive)[NUMBERED[2]]) == leaf


def test_every_numbered_file_can_be_had_alone(requester: Visitor, serial: str) -> None:
    files = unzipped(requester.get(f"/certificates/{serial}/download").data)

    for name in NUMBERED:
        answer = requester.get(f"/certificates/{serial}/files/{name}")
        assert answer.data == files[name]
        assert answer.content_type == "application/x-pem-file"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert hashlib.sha256(answer.data).hexdigest() in requester.page(f"/certificates/{serial}").text


@pytest.mark.parametrize("name", ["4-more.pem", "UPLOAD.txt", "..", "%2e%2e", "1-root.tomcat-trust.pem%00", "x" * 3000])
def test_no_other_file_can_be_had(requester: Visitor, serial: str, name: str) -> None:
    assert requester.get(f"/certificates/{serial}/files/{name}").status_code == 404


def test_a_form_that_there_is_not_is_refused(requester: Visitor, serial: str) -> None:
    for form in ("exe", "ZIP", "", "json"):
        answer = requester.get(f"/certificates/{serial}/download?format={form}")
        assert answer.status_code == 400
        assert read(answer.text).blocking == ["format.unknown"]


def test_the_request_can_be_had_again(requester: Visitor, serial: str) -> None:
    answer = requester.get(f"/certificates/{serial}/request.csr")

    assert armour.unwrap(answer.data) == armour.unwrap(UCCX_PUBLISHER.data)
    assert answer.content_type == "application/pkcs10"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="uccx1.example.com.csr"'


def test_every_link_of_the_pages_leads_somewhere(requester: Visitor, serial: str) -> None:
    pages = (
        "/",
        "/certificates",
        f"/certificates/{serial}",
        f"/issued?serial={serial}",
        "/authority",
        "/account",
        "/ca/",
    )
    links = {link for path in pages for link in requester.page(path).links if not link.startswith("#")}

    assert len(links) > 20
    for link in sorted(links):
        assert requester.get(link.removeprefix("http://localhost")).status_code == 200, link
