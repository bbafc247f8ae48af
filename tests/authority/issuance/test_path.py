"""Before a signature, the path above the certificate must be valid for its purposes and names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.issuance.examination import Options
from ca_service.errors import Finding, Refused
from ca_service.pki import encodings
from tests.support import pkcs10, requests
from tests.support.factories import Lab, actor, event
from tests.support.fakes import NOON
from tests.support.paths import ISSUING, ROOT, UNKNOWN, Step, key, path
from tests.support.requests import UCCX_PUBLISHER, node

REQUESTER = actor(Role.REQUESTER)
ADDRESS = pkcs10.pem(requests.node("uccx1-EC.lab.example", "lab.example", "uccx1.lab.example").der())


def imported(lab: Lab, operator: Actor, issuing: Step = ISSUING, root: Step = ROOT) -> Lab:
    """The same, with these authorities; all of them pass the import."""
    lab.external.import_authority(operator, path(issuing, root), issuing.private_key)
    return lab


def errors(lab: Lab, data: bytes = UCCX_PUBLISHER.data, **options: Any) -> list[Finding]:
    """The errors by which a CSR is refused: the same by a check and by an attempt to issue, and nothing is stored."""
    asked = Options(**options)
    [examined] = lab.issuance.check(REQUESTER, [data], asked)
    found = [each for each in examined.findings if each.is_error]
    if found:
        with pytest.raises(Refused) as caught:
            lab.issuance.issue(REQUESTER, [data], asked)
        assert [each.rule for each in caught.value.findings if each.is_error] == [each.rule for each in found]
    else:
        assert lab.issuance.issue(REQUESTER, [data], asked).created
    return found


def test_names_that_the_constraints_of_an_external_root_exclude_are_refused_before_signing(
    lab: Lab, operator: Actor
) -> None:
    imported(lab, operator, root=replace(ROOT, permitted=[x509.DNSName("lab.example")]))
    first, second = errors(lab)

    assert (first.rule, first.pointer) == ("chain.name-not-permitted", "/subject_alternative_name")
    assert "DNS:example.com is not among the names that \u201cCN=Path Root G1\u201d may issue for" in first.detail
    assert "DNS:lab.example" in first.detail
    assert "DNS:uccx1.example.com" in second.detail


def test_names_within_the_constraints_are_signed(lab: Lab, operator: Actor) -> None:
    imported(lab, operator, replace(ISSUING, permitted=[x509.DNSName("lab.example")]))

    assert errors(lab, ADDRESS) == []


def test_a_subject_outside_the_constraints_is_refused(lab: Lab, operator: Actor) -> None:
    other = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Other House")])
    imported(lab, operator, replace(ISSUING, permitted=[x509.DirectoryName(other)]))
    [found] = errors(lab)

    assert (found.rule, found.pointer) == ("chain.name-not-permitted", "/subject")


def test_an_authority_that_is_limited_to_servers_signs_no_node_but_a_server_that_is_no_client(
    lab: Lab, operator: Actor
) -> None:
    imported(lab, operator, replace(ISSUING, purposes=("serverAuth",)))

    assert [found.rule for found in errors(lab)] == ["chain.purpose"]
    assert [found.rule for found in errors(lab, profile="server")] == ["chain.purpose"]  # it asks for clientAuth
    alone = node("www.example.com", "www.example.com", purposes=("serverAuth",)).der()
    assert errors(lab, alone, profile="server") == []


def test_a_purpose_that_tls_does_not_need_does_not_prevent_signing(lab: Lab, operator: Actor) -> None:
    imported(lab, operator, replace(ISSUING, purposes=("serverAuth", "clientAuth")))

    assert errors(lab) == []


def test_a_policy_that_no_certificate_of_ours_has_is_refused(lab: Lab, operator: Actor) -> None:
    required = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
    anything = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)])
    imported(lab, operator, replace(ISSUING, extra=((required, True), (anything, False))))

    assert [found.rule for found in errors(lab)] == ["chain.policy"]


def test_a_chain_that_an_earlier_version_has_imported_is_validated_as_well(lab: Lab) -> None:
    issuing, root = path(replace(ISSUING, extra=((UNKNOWN, True),)), ROOT)
    lab.keystore.store("intermediate-g1", key("CN=Path Issuing CA G1"))
    records = [
        IssuerRecord(id="root-g1", role="root", generation=1, name="Root", created_at=NOON,
                     certificate_der=encodings.der(root)),
        IssuerRecord(id="intermediate-g1", role="intermediate", generation=1, name="Issuing", created_at=NOON,
                     certificate_der=encodings.der(issuing), key_id="intermediate-g1", parent_id="root-g1",
                     is_issuing=True),
    ]  # fmt: skip
    lab.issuers.save_issuers(records, event("intermediate-g1"))

    assert [found.rule for found in errors(lab)] == ["chain.critical"]


def test_the_part_for_all_certificates_is_computed_once(lab: Lab, operator: Actor) -> None:
    imported(lab, operator)
    before = lab.hierarchy.active().path
    errors(lab)

    assert lab.hierarchy.active().path is before
    assert before.is_free


def test_a_certificate_that_exists_is_returned_without_a_new_validation(lab: Lab) -> None:
    lab.initialised()
    first = lab.issuance.issue(REQUESTER, [UCCX_PUBLISHER.data], Options())
    again = lab.issuance.issue(REQUESTER, [UCCX_PUBLISHER.data], Options())

    assert again.certificates == first.certificates


def test_the_import_warns_of_the_names_that_may_be_signed(lab: Lab, operator: Actor) -> None:
    imported(lab, operator, replace(ISSUING, permitted=[x509.DNSName("lab.example")], authority_identifier="none"))
    strict, names = lab.hierarchy.active().warnings

    assert (strict.rule, names.rule) == ("strict.authority-key-identifier", "chain.names-limited")
    assert "Permitted: DNS:lab.example" in names.detail
