"""The trust page: the steps for the system of the visitor, for any other that is chosen, and the files behind them."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

import pytest
from flask import Flask

from ca_service import web
from ca_service.authority.installation import Installation
from ca_service.pki import encodings
from ca_service.pki.reasons import Reason
from ca_service.vos.trust_files import CONTENT_TYPES
from ca_service.vos.trust_kit import TrustKit, list_systems
from tests.support.factories import OPERATOR, PLAN, Lab
from tests.web.html import Page, read
from tests.web.visitor import Visitor, visit

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15"
SYSTEMS = [system.id for system in list_systems()]


def opened(visitor: Visitor, path: str, user_agent: str = "") -> tuple[str, Page]:
    """The name of the tab that is open, and the page."""
    text = visitor.get(path, headers={"User-Agent": user_agent}).text
    [name] = re.findall(r'system=(\w+)#install" aria-current="page"', text)
    return name, read(text)


@pytest.fixture
def kit(installation: Installation) -> TrustKit:
    """The kit of the installation."""
    return TrustKit(installation.trusted.chain())


def test_the_tab_of_the_browser_is_open_first_and_any_other_can_be_chosen(visitor: Visitor) -> None:
    assert opened(visitor, "/ca/", MAC)[0] == "macos"
    assert opened(visitor, "/ca/?system=java", MAC)[0] == "java"
    assert opened(visitor, "/ca/?system=nonsense", MAC)[0] == "macos"


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_tab_has_its_steps_and_links_to_all_others(visitor: Visitor, system: str) -> None:
    name, page = opened(visitor, f"/ca/?system={system}")

    assert name == system
    assert {f"/ca/?system={each}#install" for each in SYSTEMS} <= set(page.links)
    assert "Undo" in page.text
    assert len(page.ids) == len(set(page.ids))
    assert set(page.references) <= set(page.ids)


def test_ways_for_administrators_are_folded_and_others_are_not(visitor: Visitor) -> None:
    text = visitor.get("/ca/?system=firefox").text

    assert "<summary>On many PCs, with policies.json</summary>" in text
    assert "<h3>On Windows and macOS</h3>" in text
    assert "<h3>By hand</h3>" in text.partition("<summary>On many PCs")[0]


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_file_of_a_step_can_be_downloaded(visitor: Visitor, system: str) -> None:
    for link in opened(visitor, f"/ca/?system={system}")[1].links:
        if link.startswith("/ca/kit/"):
            assert visitor.get(link).status_code == 200


@pytest.mark.parametrize(("system", "shows"), [("windows", True), ("chrome", True), ("ios", False), ("java", False)])
def test_sha_1_is_beside_sha_256_where_the_system_shows_it(
    visitor: Visitor, installation: Installation, system: str, shows: bool
) -> None:
    text = opened(visitor, f"/ca/?system={system}")[1].text.replace(": ", ":")
    root = installation.hierarchy.active().root

    assert encodings.fingerprint_text(root) in text
    assert (encodings.fingerprint_text(root, "sha1") in text) is shows


def test_a_fingerprint_is_copied_as_one_word(visitor: Visitor, installation: Installation) -> None:
    [copied] = re.findall(r'<code id="sha256"[^>]*>(.*?)</code>', visitor.get("/ca/").text)

    assert re.sub(r"</?span>", "", copied) == encodings.fingerprint_text(installation.hierarchy.active().root)
    assert copied.count("<span>") == 4


def test_everything_but_the_root_is_for_administrators(visitor: Visitor) -> None:
    text = visitor.get("/ca/").text
    first, _, rest = text.partition('<details class="administrators">')

    assert "intermediate" not in first.lower()
    assert all(part in rest for part in ("chain.pem", "truststore.p12", "trust-kit.zip", "intermediate.pem", ".crl"))


def test_the_page_names_no_address_but_its_own(visitor: Visitor) -> None:
    for system in SYSTEMS:
        text = visitor.get(f"/ca/?system={system}").text
        assert {*re.findall(r"https?://([^/\s<\"]+)", text)} == {"localhost"}


@pytest.mark.parametrize("kind", CONTENT_TYPES)
def test_the_files_have_their_content_types_and_names(visitor: Visitor, kit: TrustKit, kind: str) -> None:
    names = {file.kind: file.name for file in kit.files} | {"zip": kit.name}
    answer = visitor.get(f"/ca/kit/{names[kind]}")

    assert answer.content_type == CONTENT_TYPES[kind]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{names[kind]}"'
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert "Set-Cookie" not in answer.headers


def test_a_file_that_has_not_changed_is_not_sent_again(visitor: Visitor, kit: TrustKit) -> None:
    for name in (kit.name, kit.files[0].name):
        first = visitor.get(f"/ca/kit/{name}")
        assert visitor.get(f"/ca/kit/{name}", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_the_zip_is_that_of_the_command(visitor: Visitor, kit: TrustKit) -> None:
    with zipfile.ZipFile(BytesIO(visitor.get(f"/ca/kit/{kit.name}").data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {f.name: f.data for f in kit.files}


@pytest.mark.parametrize("name", ["nothing.cer", "root.pem", "..%2froot.pem", "\u00e4.cer"])
def test_there_is_no_other_file(visitor: Visitor, name: str) -> None:
    assert visitor.get(f"/ca/kit/{name}").status_code == 404


def test_a_revoked_intermediate_is_in_no_step_and_no_file(
    visitor: Visitor, installation: Installation, kit: TrustKit
) -> None:
    [intermediate] = [file.name for file in kit.files if file.kind == "intermediates"]
    assert intermediate in visitor.get("/ca/?system=cisco").text

    installation.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)

    assert intermediate not in visitor.get("/ca/?system=cisco").text
    assert visitor.get(f"/ca/kit/{intermediate}").status_code == 404
    with zipfile.ZipFile(BytesIO(visitor.get(f"/ca/kit/{kit.name}").data)) as archive:
        assert intermediate not in archive.namelist()


# Addresses


def served(installation: Installation, base_url: str) -> Visitor:
    """A visitor of the service at this address."""
    return visit(web.create(installation, web.WebOptions(secret_key="x" * 32, base_url=base_url)), base_url)


def test_commands_use_plain_http_where_the_certificates_do() -> None:
    lab = Lab(base_url="http://ca.example.com")
    lab.creation.initialise(OPERATOR, PLAN)
    text = served(lab, "https://ca.example.com").get("/ca/?system=debian").text

    assert "curl -fsSO http://ca.example.com/ca/kit/example-lab-ec-root-ca-g1.crt" in text


def test_a_phone_gets_a_qr_code_unless_the_address_leads_to_itself(installation: Installation, app: Flask) -> None:
    assert 'class="qr"' in served(installation, "https://ca.example.com").get("/ca/").text
    for own in ("http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"):
        assert 'class="qr"' not in visit(app, own).get("/ca/").text
