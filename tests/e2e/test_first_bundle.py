"""The main job in a browser: from the set-up link to a bundle that the nodes accept."""

from __future__ import annotations

import base64
import zipfile
from pathlib import Path
from typing import Final

from cryptography import x509
from playwright.sync_api import Locator, expect

from tests.e2e.conftest import OpenTab
from tests.e2e.service import Service
from tests.e2e.tab import Tab, saved
from tests.support.factories import PASSWORD
from tests.support.programs import judged

ROOT: Final = "1-root.tomcat-trust.pem"
INTERMEDIATE: Final = "2-intermediate.tomcat-trust.pem"
HOSTS: Final = ("uccx1.example.com", "uccx2.example.com", "sm1.example.com")
_DROP: Final = """files => {
    const transfer = new DataTransfer();
    for (const [name, text] of files) transfer.items.add(new File([atob(text)], name));
    return transfer;
}"""


def check_bundle(path: Path, requests: tuple[Path, ...]) -> None:
    """Hold the ZIP against the requests; other people's programs judge the certificates."""
    folder = path.with_suffix("")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    judged("sha256sum --strict --check SHA256SUMS", folder)
    for host, request in zip(HOSTS, requests, strict=True):
        leaf = f"{host}/3-{host}.tomcat-ECDSA.pem"
        judged(f"openssl verify -x509_strict -CAfile {ROOT} -untrusted {INTERMEDIATE} {leaf}", folder)
        assert (folder / host / "UPLOAD.txt").read_text(encoding="utf-8").startswith(f"Certificate for {host}")
        same_key_and_names(x509.load_pem_x509_certificate((folder / leaf).read_bytes()), request.read_bytes())


def same_key_and_names(certificate: x509.Certificate, request: bytes) -> None:
    asked = x509.load_pem_x509_csr(request)
    assert certificate.public_key() == asked.public_key()
    assert certificate.subject.public_bytes() == asked.subject.public_bytes()
    for kind in (x509.SubjectAlternativeName, x509.KeyUsage, x509.ExtendedKeyUsage):
        theirs, ours = (each.extensions.get_extension_for_class(kind).value for each in (asked, certificate))
        assert ours == theirs


def sign_and_save(tab: Tab, folder: Path) -> Path:
    """Sign what is on the review, and take the bundle home."""
    assert tab.page.locator(".request").count() == 3
    assert tab.page.locator(".state.good").count() == 3
    tab.page.click("text=Sign 3 certificates")
    tab.page.wait_for_url("**/issued?*")
    assert tab.page.inner_text("h1") == "3 certificates are ready"
    return tab.save("text=Download 3-certificates.zip", folder)


def test_from_the_set_up_link_to_the_bundle(
    service: Service, new_tab: OpenTab, requests: tuple[Path, ...], tmp_path: Path
) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    tab.page.set_input_files("#csr", requests)
    tab.page.wait_for_selector(".request")

    check_bundle(sign_and_save(tab, tmp_path), requests)


def test_files_can_be_dropped(service: Service, new_tab: OpenTab, requests: tuple[Path, ...], tmp_path: Path) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in requests]
    for dropped in (files[:1], files[1:]):  # what was dropped first is carried along
        transfer = tab.page.evaluate_handle(_DROP, dropped)
        tab.page.dispatch_event(".drop", "dragover", {"dataTransfer": transfer})
        assert "over" in (tab.page.get_attribute(".drop", "class") or "")
        tab.page.dispatch_event(".drop", "drop", {"dataTransfer": transfer})
        tab.page.wait_for_selector(f".request >> text={dropped[-1][0]}")

    check_bundle(sign_and_save(tab, tmp_path), requests)


def test_all_of_it_works_without_javascript(
    service: Service, new_tab: OpenTab, requests: tuple[Path, ...], tmp_path: Path
) -> None:
    tab = new_tab(java_script_enabled=False)
    tab.set_up(service.set_up_url())
    for path in requests:
        tab.page.set_input_files("#csr", path)
        tab.page.click("#check")

    bundle = sign_and_save(tab, tmp_path)
    check_bundle(bundle, requests)
    assert tab.page.locator("[data-copy]:visible").count() == 0
    tab.page.click("th >> text=uccx1.example.com")
    assert tab.page.inner_text("h1").startswith("uccx1.example.com")
    tab.page.click(".panel-tabs >> text=Files")
    assert tab.save("text=P7B", tmp_path).name == "uccx1.example.com-tomcat-ECDSA.p7b"


def tab_to(tab: Tab, selector: str) -> None:
    """Press Tab until this is focused; raises AssertionError where it never is, or is not shown to be."""
    wanted = tab.page.locator(selector).first
    for _ in range(60):
        tab.page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            assert wanted.evaluate("element => getComputedStyle(element).outlineStyle") != "none"
            return
    raise AssertionError(f"{selector} cannot be reached")


def set_up_by_keyboard(tab: Tab, link: str) -> None:
    tab.go(link)
    for selector, text in (("#name", "vera"), ("#password", PASSWORD), ("#repeated", PASSWORD)):
        tab_to(tab, selector)
        tab.page.keyboard.type(text)
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url(f"{tab.url}/")


def test_the_keyboard_is_enough(service: Service, new_tab: OpenTab, requests: tuple[Path, ...], tmp_path: Path) -> None:
    tab = new_tab()
    press = tab.page.keyboard.press
    tab.page.on("filechooser", lambda chooser: chooser.set_files(requests[:2]))
    set_up_by_keyboard(tab, service.set_up_url())
    tab_to(tab, "#csr")
    press("Enter")
    tab.page.wait_for_selector(".request")
    tab_to(tab, "summary >> text=Paste a CSR instead")
    press("Enter")
    tab_to(tab, "#text")
    tab.page.keyboard.insert_text(requests[2].read_text(encoding="ascii"))
    tab_to(tab, "#check")
    press("Space")
    tab.page.wait_for_selector("text=Sign 3 certificates")
    tab_to(tab, "button[formaction]")
    press("Enter")
    tab.page.wait_for_url("**/issued?*")
    tab_to(tab, ".big")
    with tab.page.expect_download() as started:
        press("Enter")
    check_bundle(saved(started.value, tmp_path), requests)


def test_a_request_is_left_out_by_keyboard(service: Service, new_tab: OpenTab, requests: tuple[Path, ...]) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    tab.page.set_input_files("#csr", requests)
    tab.page.wait_for_selector(".request")

    tab_to(tab, "[name=include]")
    tab.page.keyboard.press("Space")
    tab_to(tab, "button[formaction]")
    tab.page.keyboard.press("Enter")

    tab.page.wait_for_url("**/issued?*")
    assert tab.page.inner_text("h1") == "2 certificates are ready"


def test_the_first_press_of_tab_offers_to_skip_the_menu(new_tab: OpenTab) -> None:
    tab = new_tab()
    tab.go("/sign-in")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.textContent") == "Skip to content"
    box = tab.page.locator(".skip").bounding_box()
    assert box
    assert box["x"] >= 0

    tab.page.keyboard.press("Enter")

    assert tab.page.evaluate("document.activeElement.id") == "main"


def test_every_copy_button_copies_what_stands_beside_it(
    service: Service, new_tab: OpenTab, requests: tuple[Path, ...], tmp_path: Path
) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    tab.page.set_input_files("#csr", requests)
    tab.page.wait_for_selector(".request")
    with zipfile.ZipFile(sign_and_save(tab, tmp_path)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".pem")]
        files = {name.split("/")[-1]: archive.read(name).decode() for name in names}

    assert len(files) == 5
    for name, text in files.items():
        copied(tab, tab.page.get_by_role("button", name=f"Copy PEM {name}"), text)
    tab.page.click("text=Do it from a script")
    copied(tab, tab.page.locator("[data-copy=curl]"), tab.page.inner_text("#curl"))


def copied(tab: Tab, button: Locator, text: str) -> None:
    """Press the button, and look what is in the clipboard and what a screen reader is told."""
    button.click()
    expect(tab.page.locator("#said")).to_have_text("Copied")
    assert tab.page.evaluate("navigator.clipboard.readText()") == text
    tab.page.evaluate("document.getElementById('said').textContent = ''")


def test_a_new_token_can_be_copied_and_used(service: Service, new_tab: OpenTab) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    tab.go("/account/tokens")
    tab.page.fill("#label", "renewal script")
    tab.page.click("text=Create token")

    copied(tab, tab.page.locator("[data-copy=token]"), tab.page.inner_text("#token"))

    token = tab.page.evaluate("navigator.clipboard.readText()")
    answer = tab.page.request.get(f"{service.url}/api/v1/authority", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200


def test_a_file_that_cannot_be_signed_is_told_beside_those_that_can(
    service: Service, new_tab: OpenTab, requests: tuple[Path, ...], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("Not a request.", encoding="ascii")
    tab = new_tab()
    tab.set_up(service.set_up_url())
    tab.page.set_input_files("#csr", [tmp_path / "notes.txt", requests[0]])
    tab.page.wait_for_selector(".request")

    assert tab.page.locator(".request.refused .rule").inner_text() == "csr.unreadable"
    assert tab.page.locator("[name=include]").count() == 1
    assert tab.page.inner_text("button[formaction]") == "Sign 1 certificate"


def test_a_session_that_has_ended_leads_to_the_sign_in_page(
    service: Service, new_tab: OpenTab, requests: tuple[Path, ...]
) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    tab.page.context.clear_cookies()

    tab.page.set_input_files("#csr", requests)

    tab.page.wait_for_url("**/sign-in*")


def test_signing_shows_that_it_works_and_cannot_be_pressed_twice(
    service: Service, new_tab: OpenTab, requests: tuple[Path, ...]
) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    tab.page.set_input_files("#csr", requests)
    tab.page.wait_for_selector(".request")
    tab.page.evaluate("document.addEventListener('submit', event => event.preventDefault())")

    tab.page.click("text=Sign 3 certificates")

    button = tab.page.locator("button[formaction]")
    expect(button).to_be_disabled()
    expect(button).to_contain_text("Signing 3 certificates …")
    assert tab.page.locator("progress").count() == 1
    expect(tab.page.locator("#said")).to_have_text("Signing 3 certificates …")
