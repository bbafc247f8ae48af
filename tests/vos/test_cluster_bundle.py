"""The bundle of a cluster: one runbook, what all need once, a folder a node."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ca_service.pki import keys
from ca_service.pki.chain import merged
from ca_service.vos.bundle import Bundle, Delivery, cluster_bundle
from ca_service.vos.purposes import CALLMANAGER_ECDSA, PURPOSES
from ca_service.vos.runbook import Node
from tests.support import certificates
from tests.support.certificates import common_name
from tests.support.external_roots import Certified, certify
from tests.support.requests import SOCIALMINER, THREE_NODES
from tests.vos.runbooks import CALLS, CENTRE
from tests.vos.test_bundle import delivery, paths, run, unzipped

NODES: dict[str, Node] = {each.fqdn: each for each in CENTRE}


def given() -> list[Delivery]:
    """The certificates of the three nodes."""
    found = [delivery(request) for request in THREE_NODES]
    return [replace(each, node=NODES[each.host]) for each in found]


def bundled(name: str, deliveries: Sequence[Delivery], nodes: Sequence[Node]) -> Bundle:
    """The bundle of a cluster below one authority."""
    return cluster_bundle(name, deliveries, nodes, deliveries[0].authorities)


def bundle(deliveries: list[Delivery] | None = None) -> Bundle:
    return bundled("Contact centre", deliveries or given(), CENTRE)


def test_there_is_one_runbook_and_a_folder_for_each_node() -> None:
    found = bundle()

    assert found.name == "contact-centre.zip"
    assert [file.path for file in found.uploads] == [
        "1-root.tomcat-trust.pem",
        "2-intermediate.tomcat-trust.pem",
        "uccx1.example.com/3-uccx1.example.com.tomcat-ECDSA.pem",
        "uccx2.example.com/3-uccx2.example.com.tomcat-ECDSA.pem",
        "sm1.example.com/3-sm1.example.com.tomcat-ECDSA.pem",
    ]
    assert {"RUNBOOK.txt", "RUNBOOK.html", "sm1.example.com/UPLOAD.txt", "sm1.example.com/UPLOAD.html"} <= set(
        paths(found)
    )


def test_every_file_that_the_runbook_names_is_in_the_bundle(tmp_path: Path) -> None:
    folder = unzipped(bundle(), tmp_path)

    run(folder, "sha256sum", "--strict", "-c", "SHA256SUMS")
    for step in bundle().steps:
        assert all((folder / file).is_file() for file in step.files), step.files


@pytest.mark.parametrize("fqdn", NODES)
def test_every_file_that_the_steps_in_a_folder_name_is_there_seen_from_it(tmp_path: Path, fqdn: str) -> None:
    folder = unzipped(bundle(), tmp_path) / fqdn
    named = re.findall(r"[^\s,:]+\.pem", (folder / "UPLOAD.txt").read_text())

    assert len(named) == 4
    assert all((folder / name).is_file() for name in named)


def test_the_steps_of_a_subscriber_bring_the_authorities_to_its_publisher(tmp_path: Path) -> None:
    text = (unzipped(bundle(), tmp_path) / "uccx2.example.com" / "UPLOAD.txt").read_text()

    assert "Upload root and intermediate to tomcat-trust on uccx1.example.com" in text
    assert "tomcat-trust on uccx2.example.com" not in text
    assert "Upload the certificate to tomcat-ECDSA on uccx1.example.com" not in text


def test_the_steps_in_a_folder_are_those_of_that_node_and_version(tmp_path: Path) -> None:
    folder = unzipped(bundle(), tmp_path) / "sm1.example.com"
    text = (folder / "UPLOAD.txt").read_text()

    assert "check-tomcat-ECDSA (.sh or .ps1): serial=" in text
    assert "for port in 7443 5223; do echo sm1.example.com:$port;" in (folder / "check-tomcat-ECDSA.sh").read_text()
    assert "uccx1.example.com" not in text


def test_the_steps_of_a_certificate_for_many_nodes_are_short_and_lead_to_the_runbook() -> None:
    node, *others = CALLS
    given = replace(delivery(), node=node, covers=tuple(others))
    found = bundled("calls", [given], CALLS)
    text = next(file.data.decode() for file in found.extras if file.path.endswith("UPLOAD.txt"))
    page = next(file.data.decode() for file in found.extras if file.path.endswith("UPLOAD.html"))

    assert len(text.splitlines()) <= 40
    assert "Upload the certificate to tomcat-ECDSA" in text
    assert "RUNBOOK.txt in the folder above has these steps" in text
    assert "Restart the web services" not in text
    assert "Restart the web services" in page


def test_the_same_certificates_give_the_same_bytes() -> None:
    assert bundle().to_zip() == bundle().to_zip()


def test_two_purposes_of_one_trust_store_share_its_files() -> None:
    """cup-xmpp-ECDSA and cup-xmpp-s2s-ECDSA: a ZIP with a name twice is one that programs refuse or unpack in part."""
    node = CALLS[2]
    two = [PURPOSES["cup-xmpp-ECDSA"], PURPOSES["cup-xmpp-s2s-ECDSA"]]
    found = bundled("imp", [replace(delivery(), node=node, purpose=each) for each in two], CALLS)

    assert len(set(paths(found))) == len(paths(found))
    assert {file.path for file in found.uploads[:2]} == {
        "1-root.cup-xmpp-trust.pem",
        "2-intermediate.cup-xmpp-trust.pem",
    }


def test_two_certificates_of_one_node_share_its_folder_and_name_their_purpose() -> None:
    calls = CALLS[0]
    first = replace(delivery(), host=calls.fqdn, node=calls)
    second = replace(delivery(SOCIALMINER), host=calls.fqdn, node=calls, purpose=CALLMANAGER_ECDSA)

    found = paths(bundled("Calls", [first, second], CALLS))

    assert len(set(found)) == len(found)
    assert {
        "1-root.CallManager-trust.pem",
        "1-root.tomcat-trust.pem",
        "cucm1.example.com/CallManager-ECDSA-UPLOAD.txt",
        "cucm1.example.com/tomcat-ECDSA-UPLOAD.txt",
        "cucm1.example.com/3-cucm1.example.com.CallManager-ECDSA.pem",
    } <= set(found)


def test_while_nodes_change_to_the_next_intermediate_both_are_there_once() -> None:
    old, new = given()[:2]
    root = Certified(certificates.root("P-256").key, old.authorities[-1])
    following = certify(root, common_name("Next CA"), keys.generate_key("P-256").public_key())
    new = replace(new, authorities=(following, root.certificate))
    authorities = merged([old.authorities, new.authorities])
    assert authorities == (following, *old.authorities)
    found = cluster_bundle("Centre", [old, new], CENTRE, authorities)
    assert [file.path for file in found.uploads] == [
        "1-root.tomcat-trust.pem",
        "2-intermediate.tomcat-trust.pem",
        "3-intermediate.tomcat-trust.pem",
        "uccx1.example.com/4-uccx1.example.com.tomcat-ECDSA.pem",
        "uccx2.example.com/4-uccx2.example.com.tomcat-ECDSA.pem",
    ]
