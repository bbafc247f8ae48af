"""Making nodes use a certificate, and proving it: settings, restarts, ports."""

from __future__ import annotations

import subprocess

import pytest

from ca_service.vos.node_lines import preparing_steps, running_steps
from ca_service.vos.purposes import CALLMANAGER_ECDSA, PURPOSES, TOMCAT_ECDSA
from ca_service.vos.runbook import (
    Leaf,
    as_text,
    cluster_runbook,
    verify_key,
)
from tests.support.requests import THREE_NODES
from tests.vos.runbooks import (
    CALLS,
    CENTRE,
    SIGNED,
    A,
    B,
    C,
    D,
    node,
    phase,
    places,
    runbook,
    step,
)
from tests.vos.test_bundle import delivery


def test_without_folders_the_files_are_beside() -> None:
    leaf = Leaf(CENTRE[0], TOMCAT_ECDSA, SIGNED.leaf)
    found = cluster_runbook("Lab", CENTRE[:1], [leaf], SIGNED.authorities, has_folders=False)

    assert phase(found, B)[-1].files == ("3-sm1.example.com.tomcat-ECDSA.pem",)
    assert phase(found, D)[0].files == ("check-tomcat-ECDSA.sh", "check-tomcat-ECDSA.ps1")


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


def test_the_ctl_file_is_updated_once_for_the_certificates_of_all_nodes() -> None:
    leaves = [
        Leaf(each, CALLMANAGER_ECDSA, delivery(request).leaf)
        for each, request in zip(CALLS[:2], THREE_NODES[:2], strict=True)
    ]
    found = {
        count: [each.key for each in phase(runbook(*CALLS[:2], leaves=tuple(leaves[:count])), C) if "CTL" in each.title]
        for count in (1, 2)
    }

    assert [len(keys) for keys in found.values()] == [1, 1]
    assert found[1] != found[2]


def test_a_setting_of_the_publisher_is_made_for_a_subscriber_that_alone_is_signed() -> None:
    title = "Set the enterprise parameter HTTPS Ciphers on {} to allow EC ciphers"
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


def test_what_is_restarted_anyway_is_not_restarted_again_on_a_condition() -> None:
    cucm = node("cucm1.example.com", "cucm", "12.5")
    both, alone = (
        [each.title for each in phase(runbook(cucm, leaves=tuple(Leaf(cucm, p, SIGNED.leaf) for p in of)), C)]
        for of in ((TOMCAT_ECDSA, CALLMANAGER_ECDSA), (TOMCAT_ECDSA,))
    )

    assert [title for title in both if "CallManager" in title] == ["Restart Cisco CallManager on cucm1.example.com"]
    assert "Restart Cisco CallManager on cucm1.example.com, if SIP OAuth is used" in alone


def test_single_sign_on_is_off_from_the_upload_to_the_last_restart_once_for_all() -> None:
    found = runbook(*CALLS)
    off, metadata, on = (each for each in found.steps if "single sign-on" in each.title or "metadata" in each.title)

    assert ("off" in off.title, "metadata" in metadata.title, "back on" in on.title) == (True, True, True)
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
    assert len(found.accesses) == 1  # no peer and no user meets the certificate, and nothing is restarted
    assert "tomcat certificate (RSA key)" in found.warnings[1].text
    look = step(found, "Check uccx1.example.com")
    assert look.terminal == ()
    assert "nothing to see of it" in look.text
    assert look.why == ""  # which is about the script that it does not have


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


def test_a_step_for_a_peer_says_why_the_peer_needs_it() -> None:
    imp = node("imp1.example.com", "imp", "14SU3")
    found = runbook(CALLS[0], imp, leaves=(Leaf(imp, PURPOSES["cup-ECDSA"], SIGNED.leaf),))
    peer = step(found, "Upload root and intermediate to CallManager-trust on cucm1.example.com")

    assert "CUCM connects to the SIP Proxy" in peer.why
    assert "cucm1.example.com, imp1.example.com" in found.accesses[0]  # also of the peer that is visited
    assert peer.files[0] == "1-root.cup-trust.pem"
    assert "The files are named after cup-trust: the certificates in them are the same." in peer.text
    assert "named after" not in step(found, "Upload root and intermediate to cup-trust on imp1.example.com").text
    assert {each.title.split()[0] for each in found.remarks} == {"IM&P"}


def test_the_accesses_are_listed_before_the_first_step() -> None:
    text = as_text(runbook(*CALLS))

    assert "Before you begin: administrator of the operating system (page and SSH) of cucm1.example.com" in text
    assert "Cisco Unified CM Administration and Cisco Unified Serviceability" in " ".join(text.split())
    assert text.index("Before you begin") < text.index("1. ")


def test_a_node_that_is_changed_alone_has_the_steps_of_all_others_before_and_those_that_settle_it_first() -> None:
    imp, never = node("imp1.example.com", "imp", "14SU3"), node("uccx1.example.com", at="12.5")
    before = [each.title.split()[0] for each in preparing_steps(imp, TOMCAT_ECDSA)]
    after = running_steps(imp.fqdn, imp, TOMCAT_ECDSA)

    assert before == ["Upload", "Install", "Switch"]  # Expressway, the computers of users, single sign-on
    assert after[0].commands == ("utils service restart Cisco Intercluster Sync Agent",)
    assert [each.key.split("/")[0] for each in after] == ["settle", "switch", "restart", "restore"]
    assert not any(each.files or each.powershell for each in preparing_steps(imp, TOMCAT_ECDSA))
    assert preparing_steps(never, TOMCAT_ECDSA) == preparing_steps(None, TOMCAT_ECDSA) == ()
