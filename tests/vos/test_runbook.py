"""The runbook: exactly these nodes, in their order: CSRs, trust, certificates, text and page."""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from ca_service.pki import encodings
from ca_service.vos.bundle import node_bundle
from ca_service.vos.products import get_product, products
from ca_service.vos.purposes import CALLMANAGER_ECDSA, PURPOSES, TOMCAT_ECDSA
from ca_service.vos.runbook import (
    WIDTH,
    Leaf,
    Node,
    as_html,
    as_text,
    cluster_runbook,
    in_order,
    upload_key,
)
from ca_service.vos.runbook_parts import MENU
from tests.support.requests import CUCM_MULTI
from tests.vos.runbooks import (
    CALLS,
    CENTRE,
    SIGNED,
    A,
    B,
    D,
    node,
    phase,
    places,
    runbook,
    step,
    titles,
)
from tests.vos.test_bundle import delivery


def test_before_anything_is_signed_there_are_only_the_requests() -> None:
    found = runbook(*CENTRE, leaves=tuple(Leaf(each, TOMCAT_ECDSA) for each in CENTRE))

    assert titles(found) == ["Generate the CSRs"]
    assert found.accesses == ()
    assert [each.nodes for each in found.steps] == [
        ("sm1.example.com",),
        ("uccx1.example.com",),
        ("uccx2.example.com",),
    ]
    assert found.steps[0].commands == (
        "set cli pagination off",
        "set csr gen tomcat-ECDSA",
        "show csr own tomcat-ECDSA/tomcat-ECDSA.csr",
    )
    assert dict(found.steps[0].details)["Distribution"] == "this server"
    assert "OU" not in dict(found.steps[0].details)["Command line"]


def test_the_runbook_of_a_csr_says_that_cucm_asks_for_the_ou() -> None:
    [asked] = runbook(at := node("cucm1.example.com", "cucm", "15SU3"), leaves=(Leaf(at, TOMCAT_ECDSA),)).steps
    assert "The node asks whether to include the OU" in dict(asked.details)["Command line"]


def test_a_certificate_that_is_due_asks_for_a_new_request_as_well() -> None:
    [leaf] = (Leaf(CENTRE[0], TOMCAT_ECDSA, SIGNED.leaf, is_due=True),)

    assert titles(runbook(CENTRE[0], leaves=(leaf,)))[0] == "Generate the CSRs"


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
    covered = "Multi-server(SAN), which covers cucm2.example.com"
    assert covered in dict(only.details)["Distribution"]
    assert covered in " ".join(as_text(runbook(*CALLS, leaves=(leaf,))).split())
    assert only.answer == ""  # which the line prints that is not there
    assert only.commands == ("show csr own tomcat-ECDSA/tomcat-ECDSA.csr",)  # the line to make one knows no choice


def test_two_csrs_of_one_node_have_titles_of_their_own_and_the_text_names_the_menu_and_what_follows() -> None:
    leaves = tuple(Leaf(CALLS[0], each) for each in (TOMCAT_ECDSA, CALLMANAGER_ECDSA))
    found = cluster_runbook("Lab 2", CALLS, leaves, ())
    text = as_text(found)

    assert [each.title for each in found.steps] == [
        "Generate the CSR for tomcat-ECDSA on cucm1.example.com",
        "Generate the CSR for CallManager-ECDSA on cucm1.example.com",
    ]
    assert f"On {MENU}: Generate CSR, then Download CSR." in " ".join(text.split())
    lines = ["add 'Lab 2' FILE...", "sign 'Lab 2'", "runbook 'Lab 2'"]
    assert [line for line in text.splitlines() if "$" in line] == [f"   $ ca-service cluster {line}" for line in lines]
    assert "cluster add" not in as_text(runbook(*CALLS))


def test_the_text_names_the_page_only_where_there_is_one() -> None:
    given = replace(SIGNED, node=CENTRE[2])
    [upload] = [file.data.decode() for file in node_bundle(given).extras if file.path == "UPLOAD.txt"]

    assert "the .html file beside this one" in upload
    assert ".html" not in as_text(runbook(*CENTRE))
    assert "or its JSON. The files are in the bundle of the cluster." in " ".join(as_text(runbook(*CENTRE)).split())


def test_wildcards_of_federation_are_enabled_before_the_csr() -> None:
    imp = node("imp1.example.com", "imp", "14SU3")
    for purpose in ("cup-xmpp-ECDSA", "cup-xmpp-s2s-ECDSA"):
        warnings = runbook(imp, leaves=(Leaf(imp, PURPOSES[purpose]),)).warnings
        assert any("wildcards" in each.title for each in warnings) is (purpose == "cup-xmpp-s2s-ECDSA")


@pytest.mark.parametrize(("at", "restarts"), [("12.5", 0), ("14", 2), ("15SU3", 2)])
def test_cucm_restarts_for_what_callmanager_trust_received_before_im_and_presence_presents_it(
    at: str, restarts: int
) -> None:
    nodes = (
        node("cucm1.example.com", "cucm", at),
        node("cucm2.example.com", "cucm", at, "subscriber"),
        node("imp1.example.com", "imp", at),
    )
    cup = Leaf(nodes[2], PURPOSES["cup-ECDSA"], SIGNED.leaf)
    own = tuple(Leaf(each, CALLMANAGER_ECDSA, SIGNED.leaf) for each in nodes[:2])
    alone, both = (
        [each for each in phase(runbook(*nodes, leaves=given), A) if "CallManager and HAProxy" in each.title]
        for given in ((cup,), (cup, *own))
    )

    assert [each.nodes[0] for each in alone] == ["cucm1.example.com", "cucm2.example.com"][:restarts]
    assert both == []  # phase C restarts the same


def test_a_port_is_told_once_for_all_the_nodes_of_a_certificate() -> None:
    multi = Leaf(CALLS[0], TOMCAT_ECDSA, delivery(CUCM_MULTI).leaf, CALLS[1:])
    names = ", ".join(each.fqdn for each in CALLS)
    check = step(runbook(*CALLS, leaves=(multi,)), f"Check the ports of {names}")
    ports = [port for port, _ in check.details]

    assert ports == ["8443", "6972", "4040"]
    assert all(f"echo {each.fqdn}:" in " ".join(check.terminal) for each in CALLS)
    assert "each of these nodes" in check.text


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


def test_peers_of_a_node_without_a_certificate_are_not_asked_for() -> None:
    found = runbook(*CALLS, CENTRE[2], leaves=(Leaf(CENTRE[2], TOMCAT_ECDSA, SIGNED.leaf),))

    assert not any("Expressway" in each.title for each in found.steps)


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
