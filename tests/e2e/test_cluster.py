"""A contact centre in a browser: its cluster, three requests at once, the board to "uploaded", a replaced request."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Locator, expect

from tests.e2e.conftest import OpenTab
from tests.e2e.service import Service
from tests.e2e.tab import Tab, open_tab
from tests.support import pkcs10
from tests.support.programs import judged
from tests.support.requests import key, subject, usages

NODES: Final = (
    ("uccx1.example.com", "uccx", "11.5", "publisher"),
    ("uccx2.example.com", "uccx", "11.5", "subscriber"),
    ("sm1.example.com", "socialminer", "11.5", "single server"),
)


def create_cluster(tab: Tab, name: str = "Contact centre") -> None:
    """Fill in the page for a new cluster with the three nodes."""
    tab.go("/clusters")
    tab.page.click("text=New cluster")
    tab.page.fill("#name", name)
    for number, (fqdn, product, version, role) in enumerate(NODES):
        tab.page.fill(f"#node-{number}-fqdn", fqdn)
        tab.page.select_option(f"#node-{number}-product", product)
        tab.page.fill(f"#node-{number}-version", version)
        tab.page.select_option(f"#node-{number}-role", role)
    tab.page.click("text=Create cluster")
    tab.page.wait_for_selector(".board")


def bring(tab: Tab, files: tuple[Path, ...]) -> None:
    """Choose the files; the page sends them by itself, once its script runs."""
    tab.page.wait_for_load_state("load")
    tab.page.set_input_files("#csr", files)
    tab.page.wait_for_selector(".request")


def slot(tab: Tab, fqdn: str) -> Locator:
    """The card of a node on the board."""
    return tab.page.locator(".slot").filter(has=tab.page.get_by_role("heading", name=fqdn))


def new_request(folder: Path) -> Path:
    """Another request of the SocialMiner, with a new key and one more name."""
    recipe = pkcs10.Recipe(
        key("sm1 once more"),
        subject("sm1-EC.example.com"),
        (
            *usages(("digitalSignature", "keyEncipherment"), ("serverAuth", "clientAuth")),
            pkcs10.hosts("example.com", "sm1.example.com", "chat.example.com"),
        ),
    )
    path = folder / "tomcat-ECDSA.csr"
    path.write_bytes(pkcs10.pem(recipe.der()))
    return path


def test_from_a_new_cluster_to_a_replaced_certificate(
    service: Service, new_tab: OpenTab, requests: tuple[Path, ...], tmp_path: Path
) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    create_cluster(tab)
    for fqdn, *_ in NODES:
        expect(slot(tab, fqdn)).to_contain_text("no CSR yet")

    bring(tab, requests)
    for number, (fqdn, *_) in enumerate(NODES):
        expect(tab.page.locator(f"#node-{number} option:checked")).to_have_text(fqdn)
    tab.page.click("text=Sign 3 certificates")
    tab.page.wait_for_selector("text=The certificates are signed.")
    for fqdn, *_ in NODES:
        expect(slot(tab, fqdn)).to_contain_text("issued")

    check_bundle(tab.save("a:text-is('Download the bundle')", tmp_path))

    slot(tab, "sm1.example.com").get_by_role("button", name="Mark as uploaded").click()
    expect(slot(tab, "sm1.example.com").locator(".state").first).to_have_text("uploaded")

    bring(tab, (new_request(tmp_path),))
    review = tab.page.locator(".difference")
    expect(review).to_contain_text("different key")
    expect(review.locator(".gained")).to_contain_text(["DNS:chat.example.com"])
    expect(review.locator(".lost")).to_contain_text(["dataEncipherment", "keyAgreement"][:1])
    tab.page.click("text=Sign 1 certificate")
    card = slot(tab, "sm1.example.com")
    expect(card.locator(".state").first).to_have_text("issued")
    card.locator("summary").click()
    expect(card).to_contain_text("on the node until the new one is uploaded")


def test_what_was_issued_for_a_key_that_is_gone_will_not_upload(
    service: Service, new_tab: OpenTab, requests: tuple[Path, ...], tmp_path: Path
) -> None:
    tab = new_tab()
    tab.set_up(service.set_up_url())
    create_cluster(tab)
    bring(tab, requests[2:])
    tab.page.click("text=Sign 1 certificate")
    tab.page.wait_for_selector("text=The certificates are signed.")

    bring(tab, (new_request(tmp_path),))
    tab.page.click("text=Save without signing")
    tab.page.wait_for_selector(".board")

    card = slot(tab, "sm1.example.com")
    expect(card.locator(".state").first).to_have_text("requested")
    card.locator("summary").click()
    expect(card).to_contain_text("can no longer be uploaded: the key was replaced")
    card.get_by_role("button", name="Review and sign").click()
    tab.page.click("text=Sign 1 certificate")
    expect(slot(tab, "sm1.example.com").locator(".state").first).to_have_text("issued")


def check_bundle(path: Path) -> None:
    """A folder a node, one runbook, checksums, and leaves that other people's programs accept."""
    folder = path.with_suffix("")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    judged("sha256sum --strict --check SHA256SUMS", folder)
    root, intermediate = "1-root.tomcat-trust.pem", "2-intermediate.tomcat-trust.pem"
    for fqdn, *_ in NODES:
        leaf = f"{fqdn}/3-{fqdn}.tomcat-ECDSA.pem"
        judged(f"openssl verify -x509_strict -CAfile {root} -untrusted {intermediate} {leaf}", folder)
    assert "uccx1.example.com" in (folder / "RUNBOOK.txt").read_text(encoding="utf-8")
    assert "uccx1.example.com" in (folder / "RUNBOOK.html").read_text(encoding="utf-8")


def test_a_zip_of_requests_is_as_good_as_the_files(
    service: Service, new_tab: OpenTab, requests: tuple[Path, ...], tmp_path: Path
) -> None:
    archive = tmp_path / "requests.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for path in requests:
            made.write(path, f"nodes/{path.name}")
    tab = new_tab()
    tab.set_up(service.set_up_url())
    create_cluster(tab)

    bring(tab, (archive,))

    assert tab.page.locator(".request").count() == 3


def test_the_pages_of_a_cluster_keep_nobody_out(
    browser: Browser, service: Service, requests: tuple[Path, ...], tmp_path: Path
) -> None:
    with open_tab(browser, service.url) as tab:
        tab.set_up(service.set_up_url())
        tab.go("/clusters")
        faults = tab.faults("no-clusters")
        tab.go("/clusters/new")
        faults += tab.faults("new-cluster")
        create_cluster(tab)
        faults += tab.faults("board-empty")
        bring(tab, requests)
        faults += tab.faults("review")
        tab.page.click("text=Sign 3 certificates")
        tab.page.wait_for_selector("text=The certificates are signed.")
        slot(tab, "uccx2.example.com").get_by_role("button", name="Mark as uploaded").click()
        bring(tab, (new_request(tmp_path),))
        faults += tab.faults("review-of-another")
        tab.page.click("text=Save without signing")
        tab.page.wait_for_selector(".board")
        tab.unfold()
        faults += tab.faults("board")
        tab.page.press("a.button:text-is('Runbook')", "Enter")  # below a menu that is unfolded, too
        tab.page.get_by_role("button", name="Done: ").click()
        faults += tab.faults("runbook")
        tab.unfold()
        faults += tab.faults("runbook-unfolded")
        tab.page.click(".dot.done")
        faults += tab.faults("runbook-done-step")
        tab.go("/clusters?q=uccx1")
        faults += tab.faults("clusters")

    assert not faults, "\n".join(faults)
