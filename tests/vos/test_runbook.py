"""The runbook: exactly these nodes, in their order, with what their versions need, said in full."""

from __future__ import annotations

import hashlib
import html
import re
import subprocess
from dataclasses import replace
from itertools import pairwise
from typing import Final

import pytest

from ca_service.pki import encodings
from ca_service.vos.bundle import node_bundle
from ca_service.vos.products import Product, Release, get_product, products, version
from ca_service.vos.purposes import CALLMANAGER_ECDSA, PURPOSES, TOMCAT_ECDSA, Purpose
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
from tests.vos.test_products import RELEASES, is_one_step

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


A, B, C, D = PHASES = ("A. Trust everywhere", "B. Certificate", "C. Make it used", "D. Prove")
#: How the key of a step begins, in the phase that the step belongs to.
KEYS: Final = {
    A: {"trust", "settle", "peers", "agents"},
    B: {"prepare", "upload"},
    C: {"switch", "restart", "restore"},
    D: {"verify", "checks", "backup"},
}
#: Every release of every product with each of its purposes, and a node in each role.
EVERY: Final = [(product, release, purpose) for product, release in RELEASES for purpose in release.purposes]


each_release = pytest.mark.parametrize(
    ("product", "release", "purpose"),
    EVERY,
    ids=[f"{product.id} {release.label} {purpose.service}" for product, release, purpose in EVERY],
)


def titles(found: Runbook) -> list[str]:
    return [section.title for section in found.sections]


def phase(found: Runbook, title: str) -> tuple[Step, ...]:
    return next((section.steps for section in found.sections if section.title == title), ())


def places(found: Runbook) -> list[tuple[str, str]]:
    """Where the authorities are uploaded: node and trust store."""
    return [(each.nodes[0], each.purpose) for each in found.steps if each.key.startswith("trust/")]


def of_release(product: Product, release: Release, purpose: Purpose) -> Runbook:
    """The runbook of a node in each role, each with its own certificate."""
    major, minor, maintenance, update = release.first
    at = f"{major}.{minor}({maintenance})SU{update}"
    nodes = tuple(Node(f"n{n}.example.com", product, at, role, release) for n, role in enumerate(product.roles, 1))
    leaves = tuple(
        Leaf(each, purpose, delivery(request).leaf) for each, request in zip(nodes, THREE_NODES, strict=False)
    )
    return cluster_runbook("Lab", nodes, leaves, SIGNED.authorities)


def step(found: Runbook, title: str) -> Step:
    [only] = [each for each in found.steps if each.title == title]
    return only


@each_release
def test_every_release_and_purpose_has_its_phases_in_order_and_no_step_of_one_in_another(
    product: Product, release: Release, purpose: Purpose
) -> None:
    found = of_release(product, release, purpose)

    assert titles(found) == [each for each in PHASES if each != C or phase(found, C)]
    for title in titles(found):
        assert {each.key.split("/")[0] for each in phase(found, title)} <= KEYS[title]
    assert {"trust", "agents"} <= {each.key.split("/")[0] for each in phase(found, A)}
    assert {each.purpose for each in phase(found, B)} - {""} == {purpose.service}


@each_release
def test_every_step_is_one_verb_with_a_key_of_its_own(product: Product, release: Release, purpose: Purpose) -> None:
    found = of_release(product, release, purpose)
    keys = [each.key for each in found.steps]

    assert all(keys)
    assert len(set(keys)) == len(keys)
    assert [each.title for each in found.steps if not is_one_step(each.title)] == []
    assert not any("{" in each.title for each in found.steps)
    assert all(each.sources or each.key.startswith("verify/") for each in found.steps)


@each_release
def test_the_text_for_one_node_of_a_known_product_has_at_most_forty_lines(
    product: Product, release: Release, purpose: Purpose
) -> None:
    given = replace(
        delivery(purpose=purpose), node=Node("uccx1.example.com", product, "11.5", product.roles[0], release)
    )
    text = next(file.data.decode() for file in node_bundle(given).extras if file.path == "UPLOAD.txt")

    assert len(text.splitlines()) <= 40
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []
    assert given.serial_number in text


@each_release
def test_the_page_says_everything_about_every_step(product: Product, release: Release, purpose: Purpose) -> None:
    found = of_release(product, release, purpose)
    page = html.unescape(as_html(found))

    for each in found.steps:
        for text in (
            each.title,
            each.text,
            each.answer,
            each.undo,
            each.why,
            *each.commands,
            *each.terminal,
            *each.powershell,
        ):
            assert text in page
        for name, text in each.notes:
            assert name in page
            assert text in page
    assert all(access in page for access in found.accesses)
    assert "<script" not in page
    assert "Why?" in page


@each_release
def test_nodes_are_restarted_one_after_the_other_and_each_is_waited_for(
    product: Product, release: Release, purpose: Purpose
) -> None:
    steps = [each for each in phase(of_release(product, release, purpose), C) if not each.key.startswith("restore")]
    order = [each.nodes[0] for each in steps]

    assert order == sorted(order)
    for each in steps:
        if any("restart" in line or "cert_type" in line for line in each.commands):
            assert [name for name, _ in each.notes][:3] == ["Wait until", "Takes", "Users notice"]


def test_before_anything_is_signed_there_are_only_the_requests() -> None:
    found = runbook(*CENTRE, leaves=tuple(Leaf(each, TOMCAT_ECDSA) for each in CENTRE))

    assert titles(found) == ["Make the requests"]
    assert found.accesses == ()
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


def test_root_and_intermediate_are_one_step_for_publishers_and_servers_of_their_own() -> None:
    found = runbook(*CENTRE)
    steps = [each for each in found.steps if each.key.startswith("trust/")]

    assert places(found) == [("sm1.example.com", "tomcat-trust"), ("uccx1.example.com", "tomcat-trust")]
    assert {each.files for each in steps} == {("1-root.tomcat-trust.pem", "2-intermediate.tomcat-trust.pem")}
    assert {each.commands for each in steps} == {("set cert import trust tomcat",)}
    assert all("show cert list trust" in dict(each.notes)["There already?"] for each in steps)


def test_a_mark_that_the_intermediate_was_uploaded_counts_for_the_step_that_has_both() -> None:
    [first, *_] = runbook(CENTRE[0]).steps
    fingerprint = encodings.fingerprint(SIGNED.authorities[0])[:24]

    assert first.key == f"trust/{fingerprint}/tomcat/{hashlib.sha256(b'sm1.example.com').hexdigest()[:12]}"


def test_a_subscriber_alone_gets_the_authorities_itself() -> None:
    assert places(runbook(CENTRE[1])) == [("uccx2.example.com", "tomcat-trust")]


def test_a_publisher_gets_the_authorities_for_a_subscriber_that_alone_is_signed() -> None:
    found = runbook(*CENTRE[1:], leaves=(Leaf(CENTRE[1], TOMCAT_ECDSA, SIGNED.leaf),))

    assert places(found) == [("uccx1.example.com", "tomcat-trust")]


def test_a_node_that_passes_nothing_on_gets_the_authorities_for_itself_alone() -> None:
    nodes = (node("cer1.example.com", "cer", "14"), node("cer2.example.com", "cer", "14", "subscriber"))
    found = runbook(*nodes, leaves=(Leaf(nodes[1], TOMCAT_ECDSA, SIGNED.leaf),))

    assert places(found) == [("cer2.example.com", "tomcat-trust")]


def test_a_peer_in_the_cluster_gets_the_authorities_by_name_and_one_outside_in_a_step_of_its_own() -> None:
    title = "Upload root and intermediate to tomcat-trust on SocialMiner/CCP, where there is one"
    inside = runbook(*CENTRE, leaves=(Leaf(CENTRE[2], TOMCAT_ECDSA, SIGNED.leaf),))

    assert ("sm1.example.com", "tomcat-trust") in places(inside)
    assert title not in [each.title for each in inside.steps]
    assert title in [each.title for each in phase(runbook(CENTRE[2]), A)]


def test_callmanager_trust_is_for_the_nodes_with_that_certificate_and_cup_trust_for_their_peer() -> None:
    multi, own = (Leaf(CALLS[0], TOMCAT_ECDSA, SIGNED.leaf, CALLS[1:]), Leaf(CALLS[0], CALLMANAGER_ECDSA, SIGNED.leaf))
    found = places(runbook(*CALLS, leaves=(multi, own)))

    assert [fqdn for fqdn, store in found if store == "CallManager-trust"] == ["cucm1.example.com"]
    assert [fqdn for fqdn, store in found if store == "cup-trust"] == ["imp1.example.com"]


def test_the_publisher_of_im_and_presence_restarts_the_sync_agent_once_it_has_the_authorities() -> None:
    steps = phase(runbook(*CALLS), A)
    titles_ = [each.title for each in steps]

    assert titles_.index("Restart Cisco Intercluster Sync Agent on imp1.example.com") > titles_.index(
        "Upload root and intermediate to tomcat-trust on imp1.example.com"
    )


def test_the_upload_has_its_file_purpose_line_to_paste_and_way_back() -> None:
    upload = step(runbook(*CENTRE), "Upload the certificate to tomcat-ECDSA on uccx1.example.com")

    assert upload.key == upload_key(TOMCAT_ECDSA, SIGNED.serial_number)
    assert upload.files == ("uccx1.example.com/3-uccx1.example.com.tomcat-ECDSA.pem",)
    assert upload.purpose == "tomcat-ECDSA"
    assert upload.commands == ("set cert import own tomcat-ECDSA",)
    assert upload.undo.startswith("`set cert regen tomcat-ECDSA`")


def test_without_folders_the_files_are_beside() -> None:
    leaf = Leaf(CENTRE[0], TOMCAT_ECDSA, SIGNED.leaf)
    found = cluster_runbook("Lab", CENTRE[:1], [leaf], SIGNED.authorities, has_folders=False)

    assert phase(found, B)[-1].files == ("3-sm1.example.com.tomcat-ECDSA.pem",)
    assert phase(found, D)[0].files == ("check-tomcat-ECDSA.sh", "check-tomcat-ECDSA.ps1")


def test_a_multi_server_certificate_is_uploaded_once_and_from_14su2_on_not_at_the_command_line() -> None:
    multi = Leaf(CALLS[0], TOMCAT_ECDSA, delivery(CUCM_MULTI).leaf, CALLS[1:])
    upload = step(runbook(*CALLS, leaves=(multi,)), "Upload the certificate to tomcat-ECDSA on cucm1.example.com")

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
    ports = [port for port, _ in step(runbook(*CALLS, leaves=(multi,)), "Check the ports of cucm1.example.com").details]

    assert ports == ["8443", "6972", "4040"]


def test_each_node_is_restarted_as_its_role_and_version_ask() -> None:
    steps = phase(runbook(*CALLS), C)
    by_node = {
        fqdn: [line for each in steps if each.nodes == (fqdn,) for line in each.commands]
        for fqdn in (each.fqdn for each in CALLS)
    }

    assert "utils service restart Cisco DRF Master" in by_node["cucm1.example.com"]
    assert "utils service restart Cisco DRF Master" not in by_node["cucm2.example.com"]
    assert by_node["imp1.example.com"] == ["utils service restart Cisco Tomcat"]
    assert not any("CallManager" in line for lines in by_node.values() for line in lines)


@pytest.mark.parametrize("at", ["12.5", "14", "14SU1", "14SU3", "15SU3"])
def test_the_ctl_file_is_updated_on_the_publisher_before_any_restart_and_phones_are_reset_last(at: str) -> None:
    nodes = (node("cucm1.example.com", "cucm", at), node("cucm2.example.com", "cucm", at, "subscriber"))
    found = runbook(*nodes, leaves=(Leaf(nodes[1], CALLMANAGER_ECDSA, SIGNED.leaf),))
    steps = phase(found, C)

    assert (steps[0].commands, steps[0].nodes) == (("utils ctl update CTLFile",), ("cucm1.example.com",))
    assert steps[-1].title == "Reset the phones"
    restarted = [line for each in steps[1:-1] for line in each.commands]
    assert "utils service restart Cisco CallManager" in restarted
    assert ("utils service restart Cisco HAProxy" in restarted) is (at != "12.5")
    assert ("utils service restart Cisco CTIManager" in restarted) is (at == "14")
    assert any("at the same time" in each.title for each in found.warnings)


def test_the_ctl_file_is_updated_anew_for_the_next_certificate_and_a_setting_is_not() -> None:
    keys = []
    for request in THREE_NODES[:2]:
        leaves = tuple(Leaf(CALLS[0], each, delivery(request).leaf) for each in (TOMCAT_ECDSA, CALLMANAGER_ECDSA))
        steps = phase(runbook(CALLS[0], leaves=leaves), C)
        keys.append(
            {"CTL" if "CTL" in each.title else "Ciphers": each.key for each in steps if each.key[:6] == "switch"}
        )

    assert keys[0]["Ciphers"] == keys[1]["Ciphers"]
    assert keys[0]["CTL"] != keys[1]["CTL"]


def test_a_setting_of_the_publisher_is_made_for_a_subscriber_that_alone_is_signed() -> None:
    title = "Set HTTPS Ciphers on {} so that EC ciphers are allowed"
    leaf = Leaf(CALLS[1], TOMCAT_ECDSA, SIGNED.leaf)

    assert phase(runbook(*CALLS[:2], leaves=(leaf,)), C)[0].title == title.format("cucm1.example.com")
    alone = phase(runbook(CALLS[1], leaves=(leaf,)), C)[0]
    assert (alone.title, alone.nodes) == (title.format("the publisher"), ())


def test_callmanager_ecdsa_has_a_trust_store_restarts_and_peers_of_its_own() -> None:
    found = runbook(CALLS[0], leaves=(Leaf(CALLS[0], CALLMANAGER_ECDSA, SIGNED.leaf),))

    assert [each.purpose for each in phase(found, B)] == ["CallManager-ECDSA"]
    assert places(found) == [("cucm1.example.com", "CallManager-trust")]
    assert any("(CUBE)" in each.title for each in phase(found, A))
    assert "utils service restart Cisco UDS Tomcat" not in [line for each in found.steps for line in each.commands]
    assert "on UCCX" not in as_text(found)
    assert "single sign-on" not in as_text(found)


def test_a_node_with_two_certificates_is_visited_once_and_restarts_what_both_need_once() -> None:
    multi, own = (Leaf(CALLS[0], TOMCAT_ECDSA, SIGNED.leaf, CALLS[1:]), Leaf(CALLS[0], CALLMANAGER_ECDSA, SIGNED.leaf))
    found = runbook(*CALLS, leaves=(multi, own))
    restarts = [each for each in found.steps if each.key.startswith("restart/")]

    assert [each.nodes[0] for each in restarts] == sorted(each.nodes[0] for each in restarts)
    assert sum("TFTP" in each.title for each in restarts if each.nodes == ("cucm1.example.com",)) == 1


def test_single_sign_on_is_off_from_the_upload_to_the_last_restart_once_for_all() -> None:
    found = runbook(*CALLS)
    off, metadata, on = (each for each in found.steps if "single sign-on" in each.title or "metadata" in each.title)

    assert ("off" in off.title, "metadata" in metadata.title, "on again" in on.title) == (True, True, True)
    assert (phase(found, B)[0], phase(found, C)[-2:]) == (off, (metadata, on))
    assert off.nodes == tuple(each.fqdn for each in CALLS)


def test_the_certificate_type_is_set_on_one_node_after_the_other() -> None:
    nodes = (node("uccx1.example.com", at="15"), node("uccx2.example.com", at="15", role="subscriber"))
    steps = phase(runbook(*nodes), C)

    assert [each.nodes[0] for each in steps] == ["uccx1.example.com"] * 2 + ["uccx2.example.com"] * 2
    assert steps[0].commands == ("set tls server cert_type ecdsa",)
    assert steps[0].undo.startswith("`set tls server cert_type rsa`")
    assert "must be regenerated and re-uploaded into the client servers" in steps[0].why
    assert steps[1].is_optional
    assert "About 60 minutes".lower() in runbook(*nodes).accesses[-1]


def test_a_leaf_that_cisco_does_not_use_is_told_first_with_what_helps() -> None:
    found = runbook(node("uccx1.example.com", at="12.5(1)SU2"))

    assert found.warnings[0].text.startswith("This leaf will not be used on UCCX 11.6 to 12.5")
    assert found.warnings[1].title == "Not worth signing"
    assert "tomcat certificate (RSA key)" in found.warnings[1].text
    look = step(found, "Check uccx1.example.com")
    assert look.terminal == ()
    assert "nothing to see of it" in look.text


def test_a_request_that_is_not_worth_signing_is_an_option() -> None:
    never, used = (node("uccx1.example.com", at=at) for at in ("12.5", "15"))

    assert runbook(never, leaves=(Leaf(never, TOMCAT_ECDSA),)).steps[0].is_optional
    assert not runbook(used, leaves=(Leaf(used, TOMCAT_ECDSA),)).steps[0].is_optional


def test_chat_on_the_internet_needs_a_public_certificate() -> None:
    for at in ("11.5", "12.5", "15"):
        found = runbook(node("sm1.example.com", "socialminer", at))
        assert any("internet" in each.title and "public authority" in each.text for each in found.warnings)


@pytest.mark.parametrize(
    ("product", "at", "text"),
    [
        ("uccx", "10.6", "say nothing of this version"),
        ("uccx", "14", "say nothing of this version"),
        ("uccx", "16", "Newer than what was read: the documents end with UCCX 15.0."),
        ("cucm", "15SU5", "Newer than what was read: the documents end with CUCM 15SU4."),
    ],
)
def test_a_version_that_nothing_is_known_of_is_told_and_gets_the_steps_that_all_have(
    product: str, at: str, text: str
) -> None:
    found = runbook(node("n1.example.com", product, at))

    assert text in found.warnings[0].text
    assert step(found, "Upload the certificate to tomcat-ECDSA on n1.example.com").commands
    assert "No port is known" in step(found, "Check n1.example.com").text
    assert titles(found) == [A, B, D]


def test_every_port_is_asked_with_tls_1_2_and_1_3_for_ecdsa_only() -> None:
    check = step(runbook(node("uccx1.example.com", at="15")), "Check the ports of uccx1.example.com")
    [line] = check.terminal

    assert line.startswith(
        "for port in 8443 8445 12015 7443 8444 8447 5223 8553 9443; do echo uccx1.example.com:$port;"
    )
    for part in ("-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384:", "-tls1_3 -sigalgs ecdsa_secp384r1_sha384:"):
        assert line.count(part) == 1
    assert line.count("-curves P-256:P-384") == 2
    assert subprocess.run(["sh", "-n", "-c", line], check=False).returncode == 0
    assert check.answer == f"serial={SIGNED.serial_number.upper()}"
    assert verify_key(TOMCAT_ECDSA, SIGNED.serial_number) == check.key
    assert "8443,8445,12015" in check.powershell[0]
    assert "'Tls12','Tls13'" in check.powershell[0]


def test_ports_that_begin_without_tls_are_asked_with_starttls_and_not_in_powershell() -> None:
    [check] = [
        each
        for each in runbook(
            node("imp1.example.com", "imp", "14"),
            leaves=(Leaf(node("imp1.example.com", "imp", "14"), PURPOSES["cup-xmpp-ECDSA"], SIGNED.leaf),),
        ).steps
        if each.terminal
    ]
    jabber, others = check.terminal

    assert "in 5222;" in jabber
    assert jabber.count("-starttls xmpp ") == 2
    assert "in 5280 7400 7336;" in others
    assert "starttls" not in others
    assert "5222" not in check.powershell[0]


def test_steps_that_two_versions_tell_differently_are_marked_each_by_itself() -> None:
    found = runbook(node("cucm1.example.com", "cucm", "12.5"), node("cucm2.example.com", "cucm", "15SU2"))
    keys = [each.key for each in found.steps if "HTTPS Ciphers" in each.title or "TFTP" in each.title]

    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("given", "title"),
    [
        (node("uccx1.example.com", at="15"), "Check that tomcat-trust on UCCX holds root and intermediate of CUCM"),
        (CALLS[0], "Upload root and intermediate to the trust store of Expressway, where there is one"),
        (CALLS[0], "Upload root and intermediate to tomcat-trust on UCCX, where there is one"),
        (
            node("fin1.example.com", "finesse", "12.6"),
            "Upload root and intermediate to tomcat-trust on the servers that Finesse talks to",
        ),
        (node("uccx1.example.com"), "Install the root on the computers of users"),
    ],
)
def test_peers_and_computers_trust_the_authority_in_phase_a(given: Node, title: str) -> None:
    assert any(each.title.startswith(title) for each in phase(runbook(given), A))


def test_a_chat_is_checked_once_where_socialminer_is_in_the_cluster() -> None:
    chats = [each.title for each in runbook(*CENTRE).steps if "chat" in each.title]

    assert chats == ["Answer a chat in Finesse"]
    assert "Answer a chat in Finesse, where chat is used" in [each.title for each in runbook(CENTRE[2]).steps]


def test_a_step_for_a_peer_says_why_the_peer_needs_it() -> None:
    imp = node("imp1.example.com", "imp", "14SU3")
    found = runbook(CALLS[0], imp, leaves=(Leaf(imp, PURPOSES["cup-ECDSA"], SIGNED.leaf),))
    peer = step(found, "Upload root and intermediate to CallManager-trust on cucm1.example.com")

    assert "restart of Cisco HAProxy and Cisco CallManager" in peer.why
    assert {each.title.split()[0] for each in found.remarks} == {"IM&P"}


def test_peers_of_a_node_without_a_certificate_are_not_asked_for() -> None:
    found = runbook(*CALLS, CENTRE[2], leaves=(Leaf(CENTRE[2], TOMCAT_ECDSA, SIGNED.leaf),))

    assert not any("Expressway" in each.title for each in found.steps)


def test_the_accesses_are_listed_before_the_first_step() -> None:
    text = as_text(runbook(*CALLS))

    assert "Before you begin: administrator of the operating system (page and SSH) of cucm1.example.com" in text
    assert "Cisco Unified CM Administration and Cisco Unified Serviceability" in " ".join(text.split())
    assert text.index("Before you begin") < text.index("1. ")


@pytest.mark.parametrize(
    ("product", "at"), [(each.id, f"{release.first[0]}.{release.first[1]}") for each in products().values()
                        for release in each.releases]
)  # fmt: skip
def test_every_product_and_version_has_a_text_that_is_written_in_full(product: str, at: str) -> None:
    nodes = tuple(node(f"n{n}.example.com", product, at, role) for n, role in enumerate(get_product(product).roles))
    text = as_text(runbook(*nodes))

    for each in runbook(*nodes).steps:
        assert " ".join(each.title.split()) in " ".join(text.split())
    assert not re.search(r"\{\w+\}", text)
    assert [line for line in text.splitlines() if len(line) > WIDTH and " " in line.strip()] == []


def test_every_term_is_explained_where_it_first_stands() -> None:
    requests = as_html(runbook(*CENTRE, leaves=(Leaf(CENTRE[0], TOMCAT_ECDSA),)))
    page = html.unescape(as_html(runbook(*CENTRE, *CALLS)))

    for term, explained in (("CSR", "CSR (certificate signing"), ("SAN", "SAN (subject alternative name)")):
        assert requests.index(explained) <= requests.index(f"{term} (")
    flat = " ".join(page[page.index("</style>") :].split())
    for term, explained in (
        ("GPO", "GPO (group policy)"),
        ("subscriber", "the others are subscribers"),
        ("FQDN", "FQDN (the full name"),
        ("MRA", "(MRA, mobile and remote access)"),
        ("CSR", "CSR (certificate signing request)"),
        ("leaf", "called its leaf"),
        ("EC", "EC (elliptic curve)"),
        ("TFTP", "TFTP gives phones their files"),
        ("SSO", "SSO (single sign-on)"),
        ("DRF", "DRF (disaster recovery framework)"),
        ("DRS", "DRS (disaster recovery system)"),
    ):
        assert explained in flat, term


def test_names_are_escaped_on_the_page() -> None:
    found = cluster_runbook("<b>Lab</b>", CENTRE, [Leaf(CENTRE[0], TOMCAT_ECDSA)], ())

    assert "<b>Lab" not in as_html(found)
    assert "&lt;b&gt;Lab" in as_html(found)


def test_what_is_good_to_know_is_at_the_end_of_the_page_once_for_all_nodes() -> None:
    found = runbook(*CENTRE)

    assert found.remarks
    assert all(before != after for before, after in pairwise(sorted((each.title, each.text) for each in found.remarks)))
    assert as_html(found).index("Good to know") > as_html(found).index(D)
    assert "Good to know" not in as_text(found)
