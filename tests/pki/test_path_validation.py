"""Path validation: each fault by itself is named with its clause, and a good path has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.errors import Refused
from ca_service.pki import chain, der
from ca_service.pki.link import Link
from ca_service.pki.name_constraints import Subtrees, faults
from ca_service.pki.path_validation import AuthorityPath, issue_fault
from ca_service.pki.strictness import strict_faults
from tests.support import certificates
from tests.support.certificates import common_name
from tests.support.fakes import NOON
from tests.support.paths import (
    AUTHORITY,
    ISSUING,
    LEAF,
    OTHER_NAME,
    PROXY,
    ROOT,
    UNKNOWN,
    Step,
    authorities,
    limited,
    path,
)

DNS, IP, DN = x509.DNSName, x509.IPAddress, x509.DirectoryName
UPPER = Step("Path Upper CA G1")
LAB = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example Lab")])


def rules(of: Sequence[x509.Certificate]) -> list[str]:
    """The rules that these authorities break."""
    return [found.rule for found in AuthorityPath.of(of).findings]


def name_rules(of: Sequence[x509.Certificate], *hosts: x509.GeneralName, subject: x509.Name | None = None) -> list[str]:
    """The rules by which a leaf with these names is refused."""
    alternative_name = x509.SubjectAlternativeName(hosts) if hosts else None
    found = AuthorityPath.of(of).name_faults(LEAF.subject if subject is None else subject, alternative_name)
    return [each.rule for each in found]


def policy(*oids: str) -> tuple[x509.CertificatePolicies, bool]:
    """The extension with these policies."""
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids]), False


ANY = policy("2.5.29.32.0")
ROOT_IDENTIFIER = x509.SubjectKeyIdentifier.from_public_key(ROOT.private_key.public_key()).digest
REQUIRED = (x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None), True)
POLICY = "1.3.6.1.4.1.99999.10"


# The authorities


def test_good_authorities_break_no_rule() -> None:
    assert rules(authorities()) == []
    assert rules(path(ISSUING, UPPER, ROOT)) == []
    assert rules(certificates.intermediate().chain) == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"constraints": None}, "chain.not-authority"),
        ({"constraints": x509.BasicConstraints(False, None)}, "chain.not-authority"),
        ({"usage": ("digitalSignature", "cRLSign")}, "chain.key-usage"),
        ({"usage": ("keyCertSign",)}, "strict.crl-sign"),
        ({"usage": None}, "strict.key-usage"),
        ({"critical_constraints": False}, "strict.basic-constraints"),
        ({"has_subject_identifier": False}, "strict.subject-key-identifier"),
        ({"authority_identifier": "none"}, "strict.authority-key-identifier"),
        ({"authority_identifier": "wrong"}, "chain.key-identifier"),
        ({"extra": ((UNKNOWN, True),)}, "chain.critical"),
        ({"extra": ((PROXY, False),)}, "chain.extensions"),
        ({"extra": ((x509.SubjectAlternativeName([OTHER_NAME]), True),)}, ""),
        ({"extra": ((UNKNOWN, False),)}, ""),
        ({"name": x509.Name([])}, "strict.empty-name"),
        ({"extra": ((x509.UnrecognizedExtension(x509.InhibitAnyPolicy.oid, b"\x30"), False),)}, "chain.extensions"),
    ],
)
def test_a_fault_of_an_authority_is_found_and_is_the_only_one(changes: dict[str, object], rule: str) -> None:
    assert rules(limited(**changes)) == ([rule] if rule else [])


def test_each_finding_says_where_and_how_to_fix_it() -> None:
    [found] = AuthorityPath.of(limited(extra=((UNKNOWN, True),))).findings

    assert "\u201cCN=Path Issuing CA G1\u201d" in found.detail
    assert "1.3.6.1.4.1.99999.1" in found.detail
    assert "RFC 5280, 6.1.4" in found.detail
    assert found.remedy


def test_a_chain_that_was_not_issued_like_that_is_found() -> None:
    stranger = replace(ROOT, key="another key").issued_by(replace(ROOT, key="another key"))

    assert rules((authorities()[0], stranger)) == ["chain.signature"]


def test_the_path_length_counts_what_is_between_and_not_what_is_self_issued() -> None:
    short = replace(ROOT, constraints=x509.BasicConstraints(True, 1))
    renewed = replace(short, key="new key of the root", authority_identifier="right")
    self_issued = renewed.issued_by(short)

    assert rules(path(ISSUING, UPPER, short)) == ["chain.path-length"]
    assert rules((ISSUING.issued_by(renewed), self_issued, short.issued_by(short))) == []


def test_the_key_identifier_of_a_root_that_names_another_issuer_is_found() -> None:
    other, own = (x509.AuthorityKeyIdentifier(each, None, None) for each in (b"x" * 20, ROOT_IDENTIFIER))

    assert rules(authorities(root=replace(ROOT, extra=((other, False),)))) == ["chain.key-identifier"]
    assert rules(authorities(root=replace(ROOT, extra=((own, False),)))) == []


def test_an_authority_key_identifier_may_name_the_issuer_by_its_serial_number() -> None:
    root = ROOT.issued_by(ROOT)

    def named(serial_number: int, issuer: x509.Name) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(issuer)], serial_number)

    for identifier, is_right in (
        (named(root.serial_number, root.issuer), True),
        (named(1, root.issuer), False),
        (named(root.serial_number, common_name("Another Root")), False),
    ):
        issuing = replace(ISSUING, authority_identifier="none", extra=((identifier, False),)).issued_by(ROOT)
        assert (issue_fault(Link.of(issuing), Link.of(root)) is None) == is_right


def test_a_version_before_3_has_no_extensions() -> None:
    issuing, root = authorities()
    body, *rest = der.read(issuing.public_bytes(Encoding.DER))[0].children
    version_1 = der.sequence(*(part.der for part in body.children[1:]))
    old = x509.load_der_x509_certificate(der.sequence(version_1, *(part.der for part in rest)))

    assert rules((old, root)) == ["chain.signature", "strict.version"]


@pytest.mark.parametrize(("usage", "rule"), [(("digitalSignature",), []), (("cRLSign",), ["strict.empty-name"])])
def test_a_subject_may_be_empty_beside_a_critical_alternative_name_unless_it_signs_crls(
    usage: tuple[str, ...], rule: list[str]
) -> None:
    named = x509.SubjectAlternativeName([DNS("uccx1.example.com")])
    leaf = replace(LEAF, name=x509.Name([]), key="leaf", usage=usage, hosts=(), extra=((named, True),))

    assert [found.rule for found in strict_faults(Link.of(leaf.issued_by(ISSUING)), is_last=False)] == rule


# Purposes


def test_without_extended_key_usage_every_purpose_is_allowed() -> None:
    assert list(AuthorityPath.of(authorities()).purpose_faults(["serverAuth", "clientAuth"])) == []


@pytest.mark.parametrize("allowed", [("serverAuth",), ("anyExtendedKeyUsage",), ("serverAuth", "OCSPSigning")])
@pytest.mark.parametrize("where", [0, 1])
def test_a_purpose_that_an_authority_anywhere_in_the_path_does_not_allow_is_found(
    allowed: tuple[str, ...], where: int
) -> None:
    steps = [ISSUING, ROOT]
    steps[where] = replace(steps[where], purposes=allowed)
    [found] = AuthorityPath.of(path(*steps)).purpose_faults(["clientAuth"])

    assert found.rule == "chain.purpose"
    assert "clientAuth is not among them" in found.detail


def test_a_purpose_that_tls_does_not_need_is_a_warning() -> None:
    of = AuthorityPath.of(limited(purposes=("serverAuth", "clientAuth")))
    [found] = of.purpose_faults(["serverAuth", "clientAuth", "ipsecEndSystem"])

    assert (found.rule, found.is_error) == ("chain.purpose-idle", False)


# Names


@pytest.mark.parametrize(
    ("permitted", "host", "is_permitted"),
    [
        ("example.com", "example.com", True),
        ("example.com", "uccx1.example.com", True),
        ("EXAMPLE.com", "uccx1.example.COM", True),
        ("example.com", "notexample.com", False),
        ("example.com", "example.com.evil.org", False),
        ("uccx1.example.com", "example.com", False),
        (".example.com", "uccx1.example.com", True),
        (".example.com", "example.com", False),
        ("", "uccx1.example.com", True),
        ("example.com", "*.example.com", True),
        ("uccx1.example.com", "*.example.com", False),
    ],
)
def test_a_permitted_dns_name_is_the_domain_or_below_it(permitted: str, host: str, is_permitted: bool) -> None:
    of = limited(permitted=[DNS(permitted)])

    assert name_rules(of, DNS(host)) == ([] if is_permitted else ["chain.name-not-permitted"])


@pytest.mark.parametrize(
    ("excluded", "host", "is_excluded"),
    [
        ("example.com", "uccx1.example.com", True),
        ("example.com", "example.com", True),
        (".example.com", "example.com", True),
        ("example.com", "notexample.com", False),
        ("uccx1.example.com", "*.example.com", True),
        ("a.uccx1.example.com", "*.example.com", False),
        ("", "uccx1.example.com", True),
    ],
)
def test_an_excluded_dns_name_is_refused_also_as_part_of_a_wildcard(
    excluded: str, host: str, is_excluded: bool
) -> None:
    assert name_rules(limited(excluded=[DNS(excluded)]), DNS(host)) == (["chain.name-excluded"] if is_excluded else [])


@pytest.mark.parametrize(
    ("network", "address", "is_within"),
    [
        ("192.0.2.0/24", "192.0.2.7", True),
        ("192.0.2.0/24", "192.0.3.7", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "192.0.2.7", False),
        ("0.0.0.0/0", "::1", False),
    ],
)
def test_addresses_are_matched_in_their_own_family(network: str, address: str, is_within: bool) -> None:
    subtree, name = IP(ip_network(network)), IP(ip_address(address))

    assert name_rules(limited(permitted=[subtree]), name) == ([] if is_within else ["chain.name-not-permitted"])
    assert name_rules(limited(excluded=[subtree]), name) == (["chain.name-excluded"] if is_within else [])


def organisation(value: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, value)])


@pytest.mark.parametrize(
    ("base", "is_permitted", "is_excluded"),
    [
        (LAB, True, True),
        (organisation("EXAMPLE  lab"), True, True),
        (organisation("\uff25xample Lab"), False, True),
        (organisation("Other Lab"), False, False),
        (common_name("uccx1-EC.example.com"), False, False),
        (x509.Name([]), True, True),
    ],
)
def test_a_subject_is_within_a_name_that_it_begins_with(base: x509.Name, is_permitted: bool, is_excluded: bool) -> None:
    permitted, excluded = limited(permitted=[DN(base)]), limited(excluded=[DN(base)])

    assert name_rules(permitted, DNS("example.com")) == ([] if is_permitted else ["chain.name-not-permitted"])
    assert name_rules(excluded, DNS("example.com")) == (["chain.name-excluded"] if is_excluded else [])


def test_constraints_of_one_kind_leave_other_kinds_alone() -> None:
    assert name_rules(limited(permitted=[DNS("example.com")]), IP(ip_address("192.0.2.7")), DNS("example.com")) == []


@pytest.mark.parametrize("name", [x509.UniformResourceIdentifier("https://example.com"), OTHER_NAME])
def test_a_name_of_a_kind_that_is_not_processed_is_refused_as_soon_as_its_kind_is_constrained(
    name: x509.GeneralName,
) -> None:
    assert name_rules(limited(permitted=[name]), name) == ["chain.name-not-permitted"]
    assert name_rules(limited(excluded=[name]), name) == ["chain.name-excluded"]
    assert name_rules(limited(permitted=[DNS("example.com")]), name, DNS("example.com")) == []


def test_a_common_name_counts_as_a_host_where_no_alternative_name_is_one() -> None:
    of = limited(excluded=[DNS("example.com")])

    assert name_rules(of) == ["chain.name-excluded"]
    assert name_rules(of, IP(ip_address("192.0.2.7"))) == ["chain.name-excluded"]
    assert name_rules(of, DNS("uccx1.lab.example")) == []


@pytest.mark.parametrize("address", ["voice@example.com", "no address"])
def test_an_e_mail_address_of_the_subject_counts(address: str) -> None:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, address)])
    of = limited(permitted=[x509.RFC822Name("example.org")])

    assert name_rules(of, DNS("uccx1.example.com"), subject=subject) == ["chain.name-not-permitted"]


def test_a_lower_authority_does_not_widen_the_names_of_an_upper_one() -> None:
    upper = replace(UPPER, permitted=[DNS("example.com")])
    issuing = replace(ISSUING, permitted=[DNS("example.com"), DNS("example.org")])

    assert name_rules(path(issuing, upper, ROOT), DNS("a.example.org")) == ["chain.name-not-permitted"]


def test_the_constraints_of_the_root_count_also_for_authorities() -> None:
    root = replace(ROOT, permitted=[DN(LAB)])

    assert rules(path(ISSUING, root)) == ["chain.name-not-permitted"]
    assert rules(path(replace(ISSUING, name=LAB), root)) == []


def test_a_minimum_in_name_constraints_is_refused_because_the_parser_drops_it() -> None:
    plain = x509.NameConstraints([DNS("example.com")], None).public_bytes()
    with_minimum = bytes.fromhex("3014 a012 3010 820b") + b"example.com" + bytes.fromhex("800101")
    assert x509.NameConstraints([DNS("example.com")], None).public_bytes() == plain
    extension = x509.UnrecognizedExtension(x509.NameConstraints.oid, with_minimum)

    assert rules(limited(extra=((extension, True),))) == ["chain.name-constraints"]


@pytest.mark.parametrize(("count", "found"), [(500, []), (501, ["chain.too-many-names"])])
def test_more_names_and_constraints_than_clients_compare_are_refused(count: int, found: list[str]) -> None:
    subtrees = Subtrees("Lab", (), (DNS("example.org"),) * 500)
    names = [IP(ip_address("192.0.2.1"))] * count

    assert [each.rule for each in faults([subtrees], names)] == found


def test_the_limits_name_what_may_be_signed() -> None:
    of = limited(permitted=[DNS("example.com"), IP(ip_network("192.0.2.0/24"))], purposes=("serverAuth",))
    purposes, names = AuthorityPath.of(of).limits

    assert not purposes.is_error
    assert "serverAuth" in purposes.detail
    assert "Permitted: DNS:example.com, IP:192.0.2.0/24. Excluded: none." in names.detail


def test_a_self_issued_authority_is_not_bound_by_name_constraints() -> None:
    root = replace(ROOT, permitted=[DN(LAB)])
    renewed = replace(root, key="new key of the root")
    issuing = replace(ISSUING, name=LAB)

    assert rules((issuing.issued_by(renewed), renewed.issued_by(root), root.issued_by(root))) == []


def test_letters_beyond_ascii_are_equal_without_case_only_where_that_excludes() -> None:
    base, subject = [DN(organisation("\u00c9cole"))], organisation("\u00e9cole")

    assert name_rules(limited(permitted=base), DNS("a.example"), subject=subject) == ["chain.name-not-permitted"]
    assert name_rules(limited(excluded=base), DNS("a.example"), subject=subject) == ["chain.name-excluded"]


def test_a_network_as_a_name_is_in_doubt_excluded() -> None:
    of, network = limited(excluded=[IP(ip_network("198.51.100.0/24"))]), IP(ip_network("192.0.2.0/24"))

    assert name_rules(of, network) == ["chain.name-excluded"]


# Policies


@pytest.mark.parametrize(
    ("issuing", "leaf", "is_good"),
    [
        ((REQUIRED,), None, False),
        ((REQUIRED, policy(POLICY)), None, False),
        ((REQUIRED, policy(POLICY)), policy(POLICY), True),
        ((REQUIRED, policy(POLICY)), policy("1.3.6.1.4.1.99999.11"), False),
        ((REQUIRED, ANY), policy(POLICY), True),
        ((REQUIRED, policy(POLICY)), ANY, True),
        ((REQUIRED, policy(POLICY), (x509.InhibitAnyPolicy(0), True)), ANY, False),
        ((policy(POLICY),), None, True),
        (((x509.PolicyConstraints(require_explicit_policy=1, inhibit_policy_mapping=None), True),), None, False),
        (((x509.PolicyConstraints(require_explicit_policy=2, inhibit_policy_mapping=None), True),), None, True),
    ],
)
def test_a_required_policy_must_reach_the_leaf(
    issuing: tuple[tuple[x509.ExtensionType, bool], ...],
    leaf: tuple[x509.CertificatePolicies, bool] | None,
    is_good: bool,
) -> None:
    of = AuthorityPath.of(limited(extra=issuing))
    found = [each.rule for each in of.policy_faults("leaf", leaf[0] if leaf else None)]

    assert found == ([] if is_good else ["chain.policy"])


def test_a_self_issued_authority_does_not_count_for_policies() -> None:
    later = (x509.PolicyConstraints(require_explicit_policy=2, inhibit_policy_mapping=None), True)
    any_above = (REQUIRED, ANY, (x509.InhibitAnyPolicy(0), True))
    for extra, policies in (((later,), None), (any_above, policy(POLICY)[0])):
        upper = replace(UPPER, extra=extra)
        renewed = replace(UPPER, key="new key of the upper authority", extra=(ANY,) if policies else ())
        of = AuthorityPath.of((renewed.issued_by(upper), upper.issued_by(ROOT), ROOT.issued_by(ROOT)))

        assert of.errors == ()
        assert list(of.policy_faults("leaf", policies)) == []


def test_a_policy_that_ends_above_the_issuing_authority_is_a_fault_of_the_authorities() -> None:
    upper = replace(UPPER, extra=(REQUIRED, policy(POLICY)))

    assert rules(path(ISSUING, upper, ROOT)) == ["strict.client", "chain.policy"]


def test_below_a_policy_mapping_no_policy_is_valid() -> None:
    mapping = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), bytes.fromhex("3000"))
    of = AuthorityPath.of(limited(extra=((mapping, True), REQUIRED, policy(POLICY))))

    assert of.errors == ()
    assert [each.rule for each in of.policy_faults("leaf", None)] == ["chain.policy"]


# The choice among several paths


def test_every_candidate_path_is_tried_and_not_the_first() -> None:
    expired = replace(ROOT, not_after=NOON - timedelta(days=1))
    issuing, old, new = ISSUING.issued_by(ROOT), expired.issued_by(expired), ROOT.issued_by(ROOT)

    for pool in ((issuing, old, new), (issuing, new, old)):
        assert chain.find_authorities(issuing, pool, NOON) == (issuing, new)


def test_a_cross_certificate_gives_two_paths() -> None:
    other_root = Step("Other Root G1")
    cross = ROOT.issued_by(other_root)
    issuing, root, other = ISSUING.issued_by(ROOT), ROOT.issued_by(ROOT), other_root.issued_by(other_root)

    assert set(chain.paths(issuing, (cross, root, other))) == {(issuing, root), (issuing, cross, other)}


def test_of_several_bad_paths_the_one_with_the_fewest_faults_is_explained() -> None:
    bad = replace(ROOT, not_after=NOON - timedelta(days=1), usage=("digitalSignature",))
    worse = bad.issued_by(bad)
    expired = replace(ROOT, not_after=NOON - timedelta(days=1)).issued_by(ROOT)
    issuing = ISSUING.issued_by(ROOT)

    with pytest.raises(Refused) as caught:
        chain.find_authorities(issuing, (worse, expired), NOON)
    assert [found.rule for found in caught.value.findings] == ["chain.expired"]


def test_many_certificates_of_one_name_do_not_keep_the_search_going_forever() -> None:
    names = [Step(f"Mesh {number}") for number in range(2)]
    crossed = [one.issued_by(other) for one in names for other in names if one is not other for _ in range(20)]

    with pytest.raises(Refused) as caught:
        chain.paths(LEAF.issued_by(names[0]), crossed)
    assert caught.value.rule == "chain.incomplete"


# What this service needs beyond a valid path


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"usage": ("keyCertSign",)}, "chain.no-crl-sign"),
        ({"purposes": ("clientAuth",)}, "chain.nothing-to-sign"),
        ({"has_subject_identifier": False}, "chain.no-key-identifier"),
    ],
)
def test_an_issuing_authority_that_is_of_no_use_here_is_refused(changes: dict[str, object], rule: str) -> None:
    with pytest.raises(Refused) as caught:
        chain.check_authorities(limited(**changes), NOON)
    assert [found.rule for found in caught.value.findings] == [rule]


def test_an_upper_authority_needs_no_crl_sign_here() -> None:
    root = replace(ROOT, usage=AUTHORITY[:1])

    chain.check_authorities(path(ISSUING, root), NOON)
