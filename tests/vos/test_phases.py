"""The phases of a runbook, for every release of every product and each of its purposes."""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import replace

import pytest

from ca_service.vos.bundle import node_bundle
from ca_service.vos.products import Product, Release, Use
from ca_service.vos.purposes import Purpose
from ca_service.vos.runbook import (
    WIDTH,
    Leaf,
    Node,
    as_html,
    as_text,
    cluster_runbook,
)
from ca_service.vos.runbook_parts import MENU
from tests.support.requests import THREE_NODES
from tests.vos.runbooks import (
    CENTRE,
    KEYS,
    PHASES,
    SIGNED,
    A,
    B,
    C,
    each_release,
    node,
    of_release,
    phase,
    runbook,
    titles,
)
from tests.vos.test_bundle import delivery
from tests.vos.test_products import RELEASES, is_one_step

#: Browsers meet the first, Jabber the second. Phones know CallManager by their CTL file, the others are for servers.
MET_BY_USERS = {"tomcat-ECDSA", "cup-xmpp-ECDSA"}


@each_release
def test_every_release_and_purpose_has_its_phases_in_order_and_no_step_of_one_in_another(
    product: Product, release: Release, purpose: Purpose
) -> None:
    found = of_release(product, release, purpose)

    assert titles(found) == [each for each in PHASES if each != C or phase(found, C)]
    for title in titles(found):
        assert {each.key.split("/")[0] for each in phase(found, title)} <= KEYS[title]
    in_phase_a = {each.key.split("/")[0] for each in phase(found, A)}
    assert "trust" in in_phase_a
    assert ("agents" in in_phase_a) is (release.use is not Use.NEVER and purpose.service in MET_BY_USERS)
    assert {each.purpose for each in phase(found, B)} - {""} == {purpose.service}


@pytest.mark.parametrize(("product", "release"), RELEASES, ids=lambda each: getattr(each, "id", None) or each.label)
def test_no_two_steps_of_a_cluster_have_one_title(product: Product, release: Release) -> None:
    roles = (*product.roles, product.roles[-1])
    nodes = [Node(f"n{n}.example.com", product, release.label, role, release) for n, role in enumerate(roles)]
    leaves = [
        Leaf(each, purpose, delivery(request).leaf)
        for purpose in release.purposes
        for each, request in zip(nodes, THREE_NODES, strict=False)
    ]
    found = Counter(each.title for each in cluster_runbook("Lab", nodes, leaves, SIGNED.authorities).steps)

    assert {title for title, count in found.items() if count > 1} == set()


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
        delivery(purpose=purpose),
        node=Node(fqdn := "pub-frankfurt-01.voice.example.com", product, "11.5", product.roles[0], release),
        receipt=b'{"key": {"fingerprint": "%s"}}' % (b"a" * 64),
    )
    text = next(file.data.decode() for file in node_bundle(given).extras if file.path == "UPLOAD.txt")

    assert len(text.splitlines()) <= 40
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []
    assert given.serial_number in text
    flat = " ".join(text.split())
    assert f"{MENU} > Upload Certificate/Certificate chain" in flat
    assert not any(word + fqdn in flat for word in (" on ", " of "))  # the title names it
    assert ("sh FILE.sh" in flat) is (f"check-{purpose.service}" in flat)


def test_the_text_has_the_command_of_a_restart_below_the_heading_and_the_services_where_the_title_has_not() -> None:
    cucm = node("cucm1.example.com", "cucm", "14SU3")
    text = as_text(runbook(cucm))

    rule = "Restart a service on the command line of the node (SSH): utils service restart NAME"
    assert f"\nC. Activate\n   {rule}\n" in text
    assert "> utils service restart NAME: Cisco Tomcat, then Cisco UDS Tomcat, then Cisco AXL Tomcat" in text
    assert "Restart Cisco SSOSP Tomcat on cucm1.example.com, if SSO or OAuth is used\n" in text
    assert "> utils service restart Cisco SSOSP Tomcat" not in text


def test_a_restart_in_phase_a_has_its_own_command_and_a_reboot_is_none_of_a_service() -> None:
    imp, uccx = node("imp1.example.com", "imp", "14SU3"), node("uccx1.example.com")

    assert "> utils service restart Cisco Intercluster Sync Agent\n" in as_text(runbook(imp))
    assert "\nA. Trust everywhere\n" in as_text(runbook(imp))
    assert "\nC. Activate\n" in as_text(runbook(uccx))


def test_a_server_without_a_second_node_has_no_word_of_another_one() -> None:
    alone = runbook(node("sm1.example.com", "socialminer"))

    assert [step.effect.users for step in phase(alone, C) if step.effect] == [
        "Calls, chats and sign-ins on this server stop meanwhile."
    ]
    assert "other" not in next(each.text for each in alone.sections if each.title == C)
    assert "one node after the other" in next(each.text for each in runbook(*CENTRE).sections if each.title == C)


def test_the_text_says_how_to_see_that_a_reboot_is_over() -> None:
    text = " ".join(as_text(runbook(node("uccx1.example.com", at="15"))).split())

    assert "> set tls server cert_type ecdsa Wait until: The node has rebooted, SSH answers, " in text
    assert "About 30 minutes." in text


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
