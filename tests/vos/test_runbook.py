"""The runbook: exactly these nodes, in their order, with what their versions need, said in full."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from ca_service.vos.products import get_product, products, version
from ca_service.vos.purposes import CALLMANAGER_ECDSA, TOMCAT_ECDSA
from ca_service.vos.runbook import (
    WIDTH,
    Leaf,
    Node,
    Runbook,
    Step,
    as_html,
    as_text,
    cluster_runbook,
    in_order,
    upload_key,
    verify_key,
)
from tests.support.requests import CUCM_MULTI, THREE_NODES
from tests.vos.test_bundle import delivery

SIGNED = delivery(THREE_NODES[0])


def node(fqdn: str, product: str = "uccx", at: str = "11.5", role: str = "") -> Node:
    """A node of this product and version; its role is the first one unless it is said."""
    found = get_product(product)
    return Node(fqdn, found, at, role or found.roles[0], found.find_release(version(at)))


CENTRE = (
    node("sm1.example.com", "socialminer"),
    node("uccx2.example.com", role="subscriber"),
    node("uccx1.example.com"),
)
CALLS = (
    node("cucm1.example.com", "cucm", "14SU3"),
    node("cucm2.example.com", "cucm", "14SU3", "subscriber"),
    node("imp1.example.com", "imp", "14SU3"),
)


def runbook(*nodes: Node, leaves: tuple[Leaf, ...] | None = None) -> Runbook:
    """The runbook of these nodes, all of them signed unless something else is said."""
    given = leaves if leaves is not None else tuple(Leaf(each, TOMCAT_ECDSA, SIGNED.leaf) for each in nodes)
    return cluster_runbook("Lab", nodes, given, SIGNED.authorities)


def titles(found: Runbook) -> list[str]:
    return [section.title for section in found.sections]


def step(found: Runbook, title: str) -> Step:
    [only] = [each for each in found.steps if each.title == title]
    return only


def test_the_sections_come_in_the_order_in_which_they_are_done() -> None:
    assert titles(runbook(*CENTRE)) == [
        "Bring the authorities to the nodes",
        "Upload the certificates",
        "Restart what presents it",
        "See that it is served",
        "Afterwards",
    ]


def test_before_anything_is_signed_there_are_only_the_requests() -> None:
    found = runbook(*CENTRE, leaves=tuple(Leaf(each, TOMCAT_ECDSA) for each in CENTRE))

    assert titles(found) == ["Make the requests"]
    assert [each.nodes for each in found.steps] == [
        ("sm1.example.com",),
        ("uccx1.example.com",),
        ("uccx2.example.com",),
    ]
    assert found.steps[0].commands == (
        "set csr gen tomcat-ECDSA",
        "show csr own tomcat-ECDSA/tomcat-ECDSA.csr",
    )
    assert "Distribution: this server." in found.steps[0].text


def test_a_certificate_that_is_due_asks_for_a_new_request_as_well() -> None:
    [leaf] = (Leaf(CENTRE[0], TOMCAT_ECDSA, SIGNED.leaf, is_due=True),)

    assert titles(runbook(CENTRE[0], leaves=(leaf,)))[0] == "Make the requests"


def test_publishers_come_before_their_subscribers() -> None:
    assert [each.fqdn for each in in_order(CENTRE)] == ["sm1.example.com", "uccx1.example.com", "uccx2.example.com"]


def test_the_authorities_go_to_publishers_and_to_servers_of_their_own_only() -> None:
    found = runbook(*CENTRE)
    trust = [(each.nodes[0], each.file) for each in found.sections[0].steps]

    assert trust == [
        ("sm1.example.com", "1-root.tomcat-trust.pem"),
        ("sm1.example.com", "2-intermediate.tomcat-trust.pem"),
        ("uccx1.example.com", "1-root.tomcat-trust.pem"),
        ("uccx1.example.com", "2-intermediate.tomcat-trust.pem"),
    ]
    assert all(each.commands == ("set cert import trust tomcat",) for each in found.sections[0].steps)
    assert all(each.is_optional for each in found.sections[0].steps)


def test_a_subscriber_alone_gets_the_authorities_itself() -> None:
    assert runbook(CENTRE[1]).sections[0].steps[0].nodes == ("uccx2.example.com",)


def test_a_publisher_gets_the_authorities_for_a_subscriber_that_alone_is_signed() -> None:
    found = runbook(*CENTRE, leaves=(Leaf(CENTRE[1], TOMCAT_ECDSA, SIGNED.leaf),))

    assert [each.nodes for each in found.sections[0].steps] == [("uccx1.example.com",)] * 2


def test_a_node_that_passes_nothing_on_gets_the_authorities_for_itself_alone() -> None:
    nodes = (node("cer1.example.com", "cer", "14"), node("cer2.example.com", "cer", "14", "subscriber"))
    found = runbook(*nodes, leaves=(Leaf(nodes[1], TOMCAT_ECDSA, SIGNED.leaf),))

    assert [each.nodes for each in found.sections[0].steps] == [("cer2.example.com",)] * 2


def test_callmanager_trust_is_for_the_nodes_with_that_certificate_only() -> None:
    multi, own = (Leaf(CALLS[0], TOMCAT_ECDSA, SIGNED.leaf, CALLS[1:]), Leaf(CALLS[0], CALLMANAGER_ECDSA, SIGNED.leaf))
    found = runbook(*CALLS, leaves=(multi, own))

    assert {each.nodes for each in found.steps if each.purpose == "CallManager-trust"} == {("cucm1.example.com",)}


def test_the_upload_has_its_file_purpose_and_line_to_paste() -> None:
    upload = step(runbook(*CENTRE), "Upload the certificate of uccx1.example.com")

    assert upload.key == upload_key(TOMCAT_ECDSA, SIGNED.serial_number)
    assert (upload.file, upload.purpose) == ("uccx1.example.com/3-uccx1.example.com.tomcat-ECDSA.pem", "tomcat-ECDSA")
    assert upload.commands == ("set cert import own tomcat-ECDSA",)


def test_without_folders_the_file_lies_beside() -> None:
    leaf = Leaf(CENTRE[0], TOMCAT_ECDSA, SIGNED.leaf)
    found = cluster_runbook("Lab", CENTRE[:1], [leaf], SIGNED.authorities, has_folders=False)

    assert step(found, "Upload the certificate of sm1.example.com").file == "3-sm1.example.com.tomcat-ECDSA.pem"


def test_a_multi_server_certificate_is_uploaded_once_and_from_14su2_on_not_at_the_command_line() -> None:
    multi = Leaf(CALLS[0], TOMCAT_ECDSA, delivery(CUCM_MULTI).leaf, CALLS[1:])
    upload = step(runbook(*CALLS, leaves=(multi,)), "Upload the certificate of cucm1.example.com")

    assert upload.commands == ()
    assert "not at the command line" in upload.text
    assert "passes certificate and private key on to cucm2.example.com, imp1.example.com" in upload.text
    assert upload.nodes == tuple(each.fqdn for each in CALLS)


def test_a_multi_server_request_says_so() -> None:
    leaf = Leaf(CALLS[0], TOMCAT_ECDSA, None, CALLS[1:])

    [only] = runbook(*CALLS, leaves=(leaf,)).steps
    assert "Multi-server(SAN), to cover cucm2.example.com" in only.text
    assert only.commands == ("show csr own tomcat-ECDSA/tomcat-ECDSA.csr",)  # the line to make one knows no choice


def test_a_port_is_told_once_for_all_the_nodes_of_a_certificate() -> None:
    multi = Leaf(CALLS[0], TOMCAT_ECDSA, delivery(CUCM_MULTI).leaf, CALLS[1:])
    ports = [port for port, _ in step(runbook(*CALLS, leaves=(multi,)), "Look at cucm1.example.com").cases]

    assert ports == ["8443", "6972", "4040"]


def test_each_node_is_restarted_as_its_role_and_version_ask() -> None:
    found = runbook(*CALLS)
    restarts = next(each for each in found.sections if each.title.startswith("Restart"))
    by_node = {fqdn: [c for each in restarts.steps if each.nodes == (fqdn,) for c in each.commands] for fqdn in
               (each.fqdn for each in CALLS)}  # fmt: skip

    assert "utils service restart Cisco DRF Master" in by_node["cucm1.example.com"]
    assert "utils service restart Cisco DRF Master" not in by_node["cucm2.example.com"]
    assert by_node["imp1.example.com"] == ["utils service restart Cisco Tomcat"]
    assert not any("CallManager" in line for lines in by_node.values() for line in lines)


def test_callmanager_ecdsa_has_a_trust_store_and_restarts_of_its_own() -> None:
    found = runbook(CALLS[0], leaves=(Leaf(CALLS[0], CALLMANAGER_ECDSA, SIGNED.leaf),))

    assert found.sections[1].steps[1].purpose == "CallManager-ECDSA"
    assert any(each.purpose == "CallManager-trust" for each in found.steps)
    lines = [line for each in found.steps for line in each.commands]
    assert "utils service restart Cisco CallManager" in lines
    assert "utils service restart Cisco UDS Tomcat" not in lines
    assert "Let UCCX trust" not in as_text(found)


def test_a_node_with_two_certificates_is_visited_once_and_restarts_what_both_need_once() -> None:
    multi, own = (Leaf(CALLS[0], TOMCAT_ECDSA, SIGNED.leaf, CALLS[1:]), Leaf(CALLS[0], CALLMANAGER_ECDSA, SIGNED.leaf))
    found = runbook(*CALLS, leaves=(multi, own))
    restarts = [each for each in found.steps if each.title.startswith("Restart on ")]

    assert [each.nodes[0] for each in restarts] == sorted(each.nodes[0] for each in restarts)
    assert sum("TFTP" in each.text for each in restarts if each.nodes == ("cucm1.example.com",)) == 1


def test_single_sign_on_is_switched_off_before_and_on_after_once_for_all() -> None:
    found = runbook(*CALLS)
    switched = [number for number, each in enumerate(found.steps) if "single sign-on o" in each.title]
    off, on = (found.steps[number] for number in switched)
    uploads = next(each for each in found.sections if each.title.startswith("Upload"))
    restarts = next(each for each in found.sections if each.title.startswith("Restart"))

    assert ("off" in off.title, "on again" in on.title) == (True, True)
    assert (uploads.steps[0], restarts.steps[-1]) == (off, on)
    assert off.nodes == tuple(each.fqdn for each in CALLS)


def test_what_makes_it_used_comes_before_the_restart_and_only_where_it_is_needed() -> None:
    found = runbook(node("uccx1.example.com", at="15"))

    assert titles(found).index("Activate the certificate") < titles(found).index("Restart what presents it")
    assert step(found, "Let uccx1.example.com use it").commands == ("set tls server cert_type ecdsa",)
    assert "Activate the certificate" not in titles(runbook(*CENTRE))


def test_a_leaf_that_cisco_does_not_use_is_told_first() -> None:
    found = runbook(node("uccx1.example.com", at="12.5(1)SU2"))

    assert found.warnings[0].text.startswith("This leaf will not be used on UCCX 11.6 to 12.5")
    look = step(found, "Look at uccx1.example.com")
    assert look.terminal == ()
    assert "nothing to see of it" in look.text


def test_a_version_that_nothing_is_known_of_is_told_and_gets_the_steps_that_all_have() -> None:
    found = runbook(node("uccx1.example.com", at="10.6"))

    assert "say nothing of this version" in found.warnings[0].text
    assert step(found, "Upload the certificate of uccx1.example.com").commands
    assert "No port is known" in step(found, "Look at uccx1.example.com").text
    assert "Restart what presents it" not in titles(found)


def test_the_port_is_asked_for_ecdsa_only_and_one_line_asks_all_of_them() -> None:
    one = step(runbook(node("uccx1.example.com")), "Look at uccx1.example.com").terminal[0]
    many = step(runbook(node("uccx1.example.com", at="15")), "Look at uccx1.example.com").terminal[0]

    assert shlex.split(one)[:4] == ["openssl", "s_client", "-connect", "uccx1.example.com:12015"]
    assert "ECDHE-ECDSA-AES256-GCM-SHA384" in one
    assert many.startswith("for port in 8443 8445 12015 7443 8444 8447 5223 8553 9443; do echo $port; openssl s_client")
    assert subprocess.run(["sh", "-n", "-c", many], check=False).returncode == 0
    assert verify_key(TOMCAT_ECDSA, SIGNED.serial_number) in {each.key for each in runbook(*CENTRE).steps}


def test_products_that_talk_to_one_another_trust_one_another_in_one_step() -> None:
    title = "Let UCCX and SocialMiner trust one another"

    assert set(step(runbook(*CENTRE), title).nodes) == {each.fqdn for each in CENTRE}
    assert title not in [each.title for each in runbook(CENTRE[2]).steps]


def test_steps_that_two_versions_tell_differently_are_marked_each_by_itself() -> None:
    found = runbook(node("fin1.example.com", "finesse", "11.6"), node("fin2.example.com", "finesse", "12.6"))
    keys = [each.key for each in found.steps if each.title == "Let Finesse and its peers trust one another"]

    assert len(set(keys)) == len(keys) == 2


@pytest.mark.parametrize(
    ("given", "title"),
    [
        (node("uccx1.example.com", at="12.5"), "Let UCCX trust CUCM"),
        (CALLS[0], "Let Expressway trust this authority, where there is one"),
        (node("fin1.example.com", "finesse", "12.6"), "Let Finesse and its peers trust one another"),
        (
            node("cer1.example.com", "cer", "14SU2"),
            "Exchange the certificates of the nodes of Emergency Responder",
        ),
    ],
)
def test_what_peers_need_is_among_what_follows(given: Node, title: str) -> None:
    assert title in [each.title for each in runbook(given).sections[-1].steps]


@pytest.mark.parametrize(
    ("product", "at"), [(each.id, f"{release.first[0]}.{release.first[1]}") for each in products().values()
                        for release in each.releases]
)  # fmt: skip
def test_every_product_and_version_has_a_runbook_that_is_written_in_full(product: str, at: str) -> None:
    nodes = tuple(node(f"n{n}.example.com", product, at, role) for n, role in enumerate(get_product(product).roles))
    found = runbook(*nodes)
    text, page = as_text(found), as_html(found)

    keys = [each.key for each in found.steps]
    assert all(keys)
    assert len(set(keys)) >= len(keys) - len(nodes) * 2  # the same leaf stands for all nodes in this test
    for each in found.steps:
        assert " ".join(each.title.split()) in " ".join(text.split())
        assert each.title.split(" on ")[0] in page
    assert not re.search(r"\{\w+\}", text)
    assert [line for line in text.splitlines() if len(line) > WIDTH and " " in line.strip()] == []
    assert "<script" not in page


def test_every_term_is_explained_where_it_first_stands() -> None:
    requests = as_text(runbook(*CENTRE, leaves=(Leaf(CENTRE[0], TOMCAT_ECDSA),)))
    text = as_text(runbook(*CENTRE, *CALLS))

    for term, explained in (("CSR", "CSR (certificate signing"), ("SAN", "SAN (subject alternative name)")):
        assert requests.index(explained) <= requests.index(f"{term} (")
    flat = " ".join(text.split())
    for term, explained in (
        ("publisher", "publisher or primary is the first node of a cluster"),
        ("subscriber", "the others are subscribers"),
        ("RSA", "tomcat with its RSA key"),
        ("leaf", "called its leaf"),
        ("CSR", "CSR (certificate signing request)"),
        ("TFTP", "TFTP service (it gives phones their files)"),
        ("SSO", "SSO (single sign-on)"),
        ("DRS", "Take a DRS backup DRS (disaster recovery system)"),
        ("GPO", "GPO (group policy)"),
        ("FQDN", "FQDN (the full name"),
        ("MRA", "(MRA, mobile and remote access)"),
    ):
        assert explained in flat, term
        assert flat.index(explained) <= flat.index(term), term


def test_names_are_escaped_on_the_page() -> None:
    found = cluster_runbook("<b>Lab</b>", CENTRE, [Leaf(CENTRE[0], TOMCAT_ECDSA)], ())

    assert "<b>Lab" not in as_html(found)
    assert "&lt;b&gt;Lab" in as_html(found)


def test_what_is_good_to_know_stands_at_the_end_once_for_all_nodes() -> None:
    found = runbook(*CENTRE)

    assert len({(each.title, each.text) for each in found.remarks}) == len(found.remarks)
    assert found.remarks
    assert as_text(found).index("Good to know") > as_text(found).index("Afterwards")
