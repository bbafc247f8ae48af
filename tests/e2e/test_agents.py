"""Chromium and Firefox of an agent: which ports of a Tomcat open, with the roots of the table and without."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from playwright.sync_api import Error, Playwright

from ca_service.vos.experience import Outcome, Row, rows
from ca_service.vos.messages import explain
from tests.e2e.conftest import ARGUMENTS, chromium_path
from tests.support import firefox, nss, tomcat
from tests.support.factories import OPERATOR
from tests.support.identities import Identities, issuing, node_key, rsa_key
from tests.support.tomcat import Connector
from tests.support.tomcat_ports import connectors, host, name_of, rsa_authority

#: Opens an address; returns the title of its page, or the error that the browser shows.
Visit = Callable[[str], str]
Roots = tuple[x509.Certificate, ...]

UNKNOWN: Final = ("ERR_CERT_AUTHORITY_INVALID", "SEC_ERROR_UNKNOWN_ISSUER")
SELF_SIGNED: Final = ("ERR_CERT_AUTHORITY_INVALID", "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT")
#: What Chromium and Firefox show where they trust both roots of the table, ours and that of the RSA authority.
REFUSED: Final = {
    "self-signed-self-signed": SELF_SIGNED,
    "rsa-ca-self-signed": SELF_SIGNED,
    "foreign": UNKNOWN,
    "incomplete-chain": UNKNOWN,
    "wrong-chain": UNKNOWN,
    "name-mismatch": ("ERR_CERT_COMMON_NAME_INVALID", "SSL_ERROR_BAD_CERT_DOMAIN"),
    "expired": ("ERR_CERT_DATE_INVALID", "SEC_ERROR_EXPIRED_CERTIFICATE"),
}
OPENED: Final = (
    *("rsa-ca-rsa-ca", "rsa-ca-ec-ca", "issued", "older", "no-ecdsa"),
    *("ending", "no-client-auth", "only-tls-1.3"),
)
OURS: Final = ("issued", "rsa-ca-ec-ca", "only-tls-1.3")
BROWSERS: Final = ("chromium", "firefox")


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Identities]:
    """The certificates of an installation with the real clock."""
    with issuing(tmp_path_factory.mktemp("issuing")) as found:
        yield found


@pytest.fixture(scope="module")
def ports(identities: Identities, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The ports of a Tomcat."""
    with tomcat.serving(tmp_path_factory.mktemp("tomcat"), connectors(identities)) as found:
        yield found


@contextmanager
def chromium(playwright: Playwright, folder: Path, roots: Roots) -> Iterator[Visit]:
    """Run a Chromium of an account that trusts these roots; yield what opens an address."""
    nss.write(folder / ".pki/nssdb", roots)
    browser = playwright.chromium.launch(
        executable_path=chromium_path(), args=ARGUMENTS, env={**os.environ, "HOME": str(folder)}
    )
    page = browser.new_page()

    def visit(url: str) -> str:
        try:
            page.goto(url)
        except Error as error:
            return error.message.partition("net::")[2].partition(" ")[0]
        return page.title()

    yield visit
    browser.close()


@contextmanager
def browsing(name: str, playwright: Playwright, folder: Path, roots: Roots) -> Iterator[Visit]:
    """Run this browser with these roots."""
    folder.mkdir()
    if name == "chromium":
        with chromium(playwright, folder, roots) as visit:
            yield visit
    else:
        with firefox.browsing(folder, roots) as found:
            yield found.visit


def visited(visit: Visit, ports: Mapping[str, int], names: Iterable[str]) -> dict[str, str]:
    """What the browser shows of each of these ports."""
    return {name: visit(f"https://{host(name)}:{ports[name]}/") for name in names}


@pytest.mark.parametrize("number", range(len(BROWSERS)), ids=BROWSERS)
def test_with_both_roots_a_browser_opens_sound_ports_and_names_what_is_wrong_with_others(
    identities: Identities, ports: dict[str, int], playwright: Playwright, tmp_path: Path, number: int
) -> None:
    roots = (identities.installation.hierarchy.active().root, rsa_authority().root)
    expected = {**dict.fromkeys(OPENED, tomcat.TITLE), **{name: error[number] for name, error in REFUSED.items()}}
    with browsing(BROWSERS[number], playwright, tmp_path / "browser", roots) as visit:
        assert visited(visit, ports, expected) == expected


@pytest.mark.parametrize("number", range(len(BROWSERS)), ids=BROWSERS)
def test_without_our_root_a_browser_refuses_what_was_issued_here(
    ports: dict[str, int], playwright: Playwright, tmp_path: Path, number: int
) -> None:
    with browsing(BROWSERS[number], playwright, tmp_path / "browser", (rsa_authority().root,)) as visit:
        assert visited(visit, ports, OURS) == dict.fromkeys(OURS, UNKNOWN[number])


def test_after_the_signed_page_no_agent_can_accept_the_self_signed_certificate(
    identities: Identities, tmp_path: Path
) -> None:
    node, rsa = "uccx1.localhost", rsa_key("tomcat")
    signed = Connector(rsa=identities.foreign(node, rsa, rsa_authority()))
    own = Connector(ec=identities.self_signed(node, node_key(node)))
    folder = tmp_path / "browser"
    with (
        tomcat.serving(tmp_path / "tomcat", {"tomcat": signed, "socketio": own}) as ports,
        firefox.browsing(folder, (rsa_authority().root,)) as browser,
    ):
        seen = list[tuple[str, bool]]()
        for service in ("socketio", "tomcat", "socketio"):
            seen.append((browser.visit(f"https://{node}:{ports[service]}/"), browser.may_accept()))
    error = SELF_SIGNED[1]
    assert seen == [(error, True), (tomcat.TITLE, True), (error, False)]


@pytest.mark.parametrize("row", rows(), ids=name_of)
def test_the_live_data_gadget_works_in_the_rows_that_browsers_open(row: Row) -> None:
    [live_data] = [each.outcome for each in row.sights if each.where == "Live Data gadget"]
    assert (live_data is Outcome.WORKS) == (name_of(row) in OPENED)


def test_every_port_that_works_for_a_probe_is_one_that_browsers_open(
    identities: Identities, ports: dict[str, int]
) -> None:
    places = [f"{host(name)}:{ports[name]}" for name in (*OPENED, *REFUSED)]
    reports = identities.installation.probes.probe(OPERATOR, places)
    working = {each.target.host for each in reports if each.works}
    assert working == {host(name) for name in (*OURS, "ending", "no-client-auth")}
    assert working <= {host(name) for name in OPENED}


@pytest.mark.parametrize("error", sorted({error for pair in REFUSED.values() for error in pair}))
def test_every_error_of_the_browsers_is_explained(error: str) -> None:
    assert explain(error)
