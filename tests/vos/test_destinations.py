"""Where a certificate goes: the purpose is read from file name and CSR, and what cannot be is refused."""

from __future__ import annotations

import pytest

from ca_service.errors import InvalidInput, Severity
from ca_service.vos.destinations import NOWHERE, Destination, checked, propose_purpose, purpose_in
from ca_service.vos.purposes import PURPOSES, UNSIGNED_PURPOSES, get_purpose

VOS_12 = (("digitalSignature", "keyEncipherment", "dataEncipherment"), ("serverAuth", "clientAuth"))
OLD = ((*VOS_12[0], "keyAgreement"), (*VOS_12[1], "ipsecEndSystem"))
CUP = (VOS_12[0], (*VOS_12[1], "ipsecEndSystem"))


@pytest.mark.parametrize(
    ("file_name", "purpose"),
    [
        ("tomcat-ECDSA.csr", "tomcat-ECDSA"),
        ("uccx1.example.com-tomcat-ECDSA.csr", "tomcat-ECDSA"),
        ("sme-tomcat-ecdsa (2).csr", "tomcat-ECDSA"),
        ("CallManager-ECDSA.csr", "CallManager-ECDSA"),
        ("callmanager_ecdsa.pem", "CallManager-ECDSA"),
        ("cup-xmpp-s2s-ECDSA.csr", "cup-xmpp-s2s-ECDSA"),
        ("cup-xmpp-ECDSA.csr", "cup-xmpp-ECDSA"),
        ("cup-ECDSA.csr", "cup-ECDSA"),
        ("tomcat.csr", "tomcat-ECDSA"),  # with an EC key, which is why it is asked
        ("cup-xmpp-s2s.csr", "cup-xmpp-s2s-ECDSA"),
        ("ipsec.csr", ""),
        ("TVS.csr", ""),
        ("cupboard.csr", ""),
        ("request.csr", ""),
        ("", ""),
    ],
)
def test_the_name_of_the_file_says_the_purpose(file_name: str, purpose: str) -> None:
    found = purpose_in(file_name)
    assert (found.service if found else "") == purpose


def test_what_nothing_speaks_against_is_the_usual_purpose_without_a_word() -> None:
    for usages in (VOS_12, OLD, ((), ())):
        found = propose_purpose("", *usages)
        assert found.purpose is PURPOSES["tomcat-ECDSA"]
        assert found.findings == ()


def test_where_the_csr_speaks_against_it_a_person_chooses() -> None:
    found = propose_purpose("", *CUP)
    (finding,) = found.findings
    assert (found.purpose, finding.rule, finding.severity) == (None, "purpose.unsure", Severity.ERROR)
    assert "generated: cup-ECDSA, cup-xmpp-ECDSA, cup-xmpp-s2s-ECDSA." in finding.remedy


def test_another_purpose_than_the_usual_one_is_remarked() -> None:
    (finding,) = propose_purpose("cup-ECDSA.csr", *CUP).findings
    assert (finding.rule, finding.severity) == ("purpose.proposed", Severity.NOTE)
    assert finding.detail == "The purpose is cup-ECDSA: the name of the file says so."


@pytest.mark.parametrize(
    ("destination", "rule"),
    [
        (Destination("mail"), "purpose.unknown"),
        (Destination("CAPF"), "purpose.unsigned"),
        (Destination("", "fax", "1"), "product.unknown"),
        (Destination("", "uccx", ""), "product.without-version"),
        (Destination("", "", "11.5"), "version.without-product"),
        (Destination("", "uccx", "eleven"), "version.unknown"),
        (Destination("CallManager-ECDSA", "uccx", "11.5"), "purpose.product"),
    ],
)
def test_a_destination_that_cannot_exist_is_refused(destination: Destination, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked(destination)
    assert caught.value.rule == rule


def test_one_destination_completes_another_but_does_not_mix_product_and_version() -> None:
    uccx = Destination("", "uccx", "11.5")
    assert Destination("tomcat-ECDSA") | uccx == Destination("tomcat-ECDSA", "uccx", "11.5")
    assert uccx | Destination("cup-ECDSA", "cucm", "14") == Destination("cup-ECDSA", "uccx", "11.5")
    assert checked(NOWHERE | NOWHERE) == NOWHERE


def test_a_node_is_the_first_of_its_product() -> None:
    node = Destination("", "uccx", "11.5").node("a.example.com")
    assert node is not None
    assert (node.fqdn, node.role, node.release is not None) == ("a.example.com", "publisher", True)
    assert NOWHERE.node("a.example.com") is None


def test_each_unsigned_purpose_has_its_own_sentence_and_way_out() -> None:
    texts = set[str]()
    for service in UNSIGNED_PURPOSES:
        with pytest.raises(InvalidInput) as caught:
            get_purpose(service)
        (finding,) = caught.value.findings
        assert finding.remedy
        texts.add(finding.detail)
    assert len(texts) == len(UNSIGNED_PURPOSES)
