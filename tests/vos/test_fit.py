"""Would the node take it, and would it work? Each fault by itself, each in Cisco's own words where there are such."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from ca_service.authority.issuance.examination import Options, Policy
from ca_service.errors import CAServiceError, Severity
from ca_service.pki import csr
from ca_service.vos.fit import Check, Files, Fit, Result, Stage, judge_files
from ca_service.vos.fit_request import judge_issued
from tests.support import pkcs10, spoiled
from tests.support.certificates import common_name
from tests.support.factories import OPERATOR, Lab
from tests.support.fakes import NOON
from tests.support.refused_requests import rsa_key
from tests.support.requests import (
    ALTERNATE_ADDRESS,
    BLANK_PARENT_DOMAIN,
    CUCM_14SU2,
    CUCM_MULTI,
    JUNK_COUNTRY,
    OLD_USAGE,
    THREE_NODES,
    Request,
    key,
    subject,
)
from tests.support.spoiled import SPOILED, Made, Recipe, asked, files, intermediate, issued, root


def judged(of: Files) -> Fit:
    return judge_files(of, NOON)


def check(of: Files | Fit, topic: str) -> Check:
    """The one check of this topic."""
    fit = of if isinstance(of, Fit) else judged(of)
    [found] = [each for each in fit.checks if each.topic == topic]
    return found


def said(of: Files, topic: str) -> tuple[Result, str, Severity | None]:
    """Result, rule and severity of a check."""
    found = check(of, topic)
    return found.result, found.finding.rule if found.finding else "", found.finding.severity if found.finding else None


def refusal(of: Files) -> tuple[str, str]:
    """Rule and place by which files are refused that cannot be read."""
    with pytest.raises(CAServiceError) as caught:
        judged(of)
    return caught.value.rule, caught.value.findings[0].pointer


def listing(name: str) -> str:
    """What a node prints of a trust store that holds this file."""
    return f"admin:show cert list trust\r\ntomcat-trust/{name}.pem: CA-signed certificate\r\nadmin:"


def snapshot(*certificates: x509.Certificate, service: str = "tomcat") -> str:
    """What the API of a node tells of such a trust store."""
    rows = [{"filename": "x.pem", "certificate": each.public_bytes(Encoding.PEM).decode()} for each in certificates]
    return json.dumps({"trusts": [{"service": service, "certificate_data": rows}]})


# The whole


def test_a_good_certificate_fits() -> None:
    found = judged(files(trust=listing("somebody-else")))

    assert (found.is_taken, found.works, found.is_complete, found.findings) == (True, True, True, ())
    assert found.verdict == "It fits."


def test_without_a_list_of_the_trust_store_that_is_said() -> None:
    found = judged(files())

    assert found.works
    assert [each.rule for each in found.findings] == ["fit.no-trust-list"]
    assert found.verdict == "Nothing speaks against it, but not everything could be checked."


@pytest.mark.parametrize(("make", "rule"), [row[1:] for row in SPOILED], ids=[row[0] for row in SPOILED])
def test_each_of_the_ten_faults_is_named_and_is_the_only_one(make: Callable[[], Files], rule: str) -> None:
    found = judged(make())

    failed = [each for each in found.checks if each.result is Result.FAILED]
    assert [each.finding.rule for each in failed if each.finding] == [rule]
    assert not found.works
    assert found.is_taken == (failed[0].stage is Stage.USE)


def test_the_questions_of_the_upload_come_first() -> None:
    stages = [each.stage for each in judged(files()).checks]

    assert stages == sorted(stages, key=lambda stage: stage is Stage.USE)


# Against the request


def test_without_a_request_the_comparisons_are_not_made_and_that_is_said() -> None:
    found = judged(replace(files(trust=listing("x")), csr=None))

    left_out = [each for each in found.checks if each.result is Result.NOT_CHECKED]
    assert [each.topic for each in left_out] == [
        "public key",
        "subject alternative name",
        "common name",
        "rest of the subject",
        "key usage",
        "extended key usage",
    ]
    assert {each.finding.rule for each in left_out if each.finding} == {"fit.no-request"}
    assert found.works
    assert not found.is_complete


def test_the_node_says_so_itself_when_the_key_is_another() -> None:
    found = check(spoiled.spoiled(public_key=key("another node").public_key()), "public key")

    assert found.message == "CSR Public Key and Certificate Public Key Do Not Match"


@pytest.mark.parametrize(
    ("hosts", "missing", "extra"),
    [
        (("example.com", "uccx1.example.com", "www.example.com"), "none", "DNS:www.example.com"),
        (("uccx1.example.com",), "DNS:example.com", "none"),
        (("example.com", "uccx2.example.com"), "DNS:uccx1.example.com", "DNS:uccx2.example.com"),
    ],
)
def test_names_that_are_missing_or_too_many_are_named(hosts: tuple[str, ...], missing: str, extra: str) -> None:
    finding = check(spoiled.spoiled(hosts=hosts), "subject alternative name").finding

    assert finding is not None
    assert f"Missing: {missing}. Not asked for: {extra}." in finding.detail


@pytest.mark.parametrize(
    "hosts",
    [
        ("uccx1.example.com", "example.com"),
        ("EXAMPLE.com", "uccx1.example.com"),
        ("example.com", "uccx1.example.com", "example.com"),
    ],
)
def test_order_case_and_repetition_of_names_do_not_matter(hosts: tuple[str, ...]) -> None:
    assert check(spoiled.spoiled(hosts=hosts), "subject alternative name").result is Result.PASSED


def test_the_names_are_free_where_the_request_has_none() -> None:
    recipe = Recipe(
        subject=common_name("fin1-EC.example.com"),
        public_key=x509.load_pem_x509_csr(BLANK_PARENT_DOMAIN.data).public_key(),  # type: ignore[arg-type]
        hosts=("anything.example.com",),
    )
    of = replace(files(issued(recipe=recipe)), csr=BLANK_PARENT_DOMAIN.data)

    assert said(of, "subject alternative name") == (Result.PASSED, "fit.san-free", Severity.NOTE)


def test_another_common_name_is_a_warning_that_says_who_found_it() -> None:
    name = x509.Name([*list(asked().subject)[:-1], x509.NameAttribute(NameOID.COMMON_NAME, "uccx1.example.com")])
    of = spoiled.spoiled(subject=name)

    assert said(of, "common name") == (Result.PASSED, "fit.common-name", Severity.WARNING)
    finding = check(of, "common name").finding
    assert finding is not None
    assert "uccx1-EC.example.com" in finding.detail
    assert "not confirmed by Cisco\u2019s documents" in finding.detail


def test_a_certificate_without_a_common_name_is_told_as_such() -> None:
    name = x509.Name(list(asked().subject)[:-1])
    finding = check(spoiled.spoiled(subject=name), "common name").finding

    assert finding is not None
    assert "The common name is none" in finding.detail


def test_a_missing_unit_is_taken_all_the_same() -> None:
    name = x509.Name([part for part in asked().subject if part.oid != NameOID.ORGANIZATIONAL_UNIT_NAME])
    finding = check(spoiled.spoiled(subject=name), "rest of the subject").finding

    assert finding is not None
    assert "takes it all the same" in finding.detail


@pytest.mark.parametrize(
    "parts",
    [
        [(NameOID.ORGANIZATIONAL_UNIT_NAME, "Other")],
        [(NameOID.ORGANIZATION_NAME, "Other"), (NameOID.ORGANIZATIONAL_UNIT_NAME, "Contact Centre")],
    ],
)
def test_any_other_change_of_the_subject_is_a_note(parts: list[tuple[x509.ObjectIdentifier, str]]) -> None:
    changed = {kind for kind, _ in parts}
    rest = [part for part in asked().subject if part.oid not in changed]
    of = spoiled.spoiled(subject=x509.Name([*rest, *(x509.NameAttribute(kind, value) for kind, value in parts)]))

    assert said(of, "rest of the subject") == (Result.PASSED, "fit.subject", Severity.NOTE)
    finding = check(of, "rest of the subject").finding
    assert finding is not None
    assert "do not say whether a node refuses that" in finding.detail


def test_a_stripped_key_usage_is_named_with_what_cisco_asks() -> None:
    finding = check(spoiled.spoiled(bits=("digitalSignature", "keyEncipherment", "keyAgreement")), "key usage").finding

    assert finding is not None
    assert "lacks dataEncipherment." in finding.detail
    assert "Data Encipherment" in finding.detail


def test_a_key_usage_too_many_is_a_warning() -> None:
    few = pkcs10.pem(
        pkcs10.Recipe(key("few"), subject("few-EC.example.com"), (pkcs10.key_usage("digitalSignature"),)).der()
    )
    of = replace(spoiled.spoiled(bits=("digitalSignature", "keyAgreement")), csr=few)

    assert said(of, "key usage") == (Result.PASSED, "fit.key-usage-extra", Severity.WARNING)


def test_usages_are_free_where_the_request_asks_none() -> None:
    none = pkcs10.pem(pkcs10.Recipe(key("none"), subject("none-EC.example.com")).der())
    of = replace(files(), csr=none)

    assert said(of, "key usage") == (Result.PASSED, "", None)
    assert said(of, "extended key usage") == (Result.PASSED, "", None)


def test_a_purpose_that_public_authorities_leave_out_is_named() -> None:
    finding = check(spoiled.spoiled(purposes=spoiled.PURPOSES[:1]), "extended key usage").finding

    assert finding is not None
    assert finding.is_error
    assert "lacks clientAuth, ipsecEndSystem." in finding.detail


def test_a_purpose_too_many_is_a_note() -> None:
    purposes = (*spoiled.PURPOSES, ExtendedKeyUsageOID.CODE_SIGNING)

    assert said(spoiled.spoiled(purposes=purposes), "extended key usage") == (
        Result.PASSED,
        "fit.extended-key-usage-extra",
        Severity.NOTE,
    )


# What the certificate says


def test_a_certificate_that_begins_tomorrow_is_taken_and_does_not_work_yet() -> None:
    found = judged(spoiled.spoiled(not_before=NOON + timedelta(days=1)))

    assert found.is_taken
    assert not found.works
    assert check(found, "beginning of validity").finding is not None


def test_the_last_second_still_counts() -> None:
    assert check(spoiled.spoiled(not_after=NOON), "end of validity").result is Result.PASSED
    assert check(spoiled.spoiled(not_before=NOON), "beginning of validity").result is Result.PASSED


@pytest.mark.parametrize(
    ("recipe", "topic", "rule"),
    [
        ({"is_authority": True}, "no authority", "fit.authority"),
        ({"bits": (*OLD_USAGE, "keyCertSign")}, "no authority", "fit.authority"),
        ({"hosts": None}, "names for browsers", "fit.no-names"),
        ({"hosts": ("example.com", "*.example.com")}, "names for browsers", "fit.wildcard"),
        ({"not_after": NOON + timedelta(days=826)}, "lifetime", "fit.lifetime"),
        ({"public_key": key("large", ec.SECP521R1).public_key()}, "curve", "fit.curve"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_certificate_may_not_say_is_named(recipe: dict[str, object], topic: str, rule: str) -> None:
    assert said(spoiled.spoiled(**recipe), topic)[1] == rule


def test_only_what_stops_the_node_or_its_clients_counts_as_failed() -> None:
    warned = spoiled.spoiled(not_after=NOON + timedelta(days=826))

    assert said(warned, "lifetime") == (Result.PASSED, "fit.lifetime", Severity.WARNING)
    assert said(spoiled.spoiled(hosts=None), "names for browsers")[0] is Result.FAILED


def test_an_unknown_critical_extension_is_named_by_its_number() -> None:
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    authority = intermediate()
    assert isinstance(authority.key, ec.EllipticCurvePrivateKey)
    good = issued().certificate
    builder = x509.CertificateBuilder(
        good.issuer, good.subject, good.public_key(), 5, good.not_valid_before_utc, good.not_valid_after_utc
    )
    made = builder.add_extension(extension, critical=True).sign(authority.key, hashes.SHA256())
    finding = check(files(Made(made)), "critical extensions").finding

    assert finding is not None
    assert "1.2.3.4" in finding.detail
    assert "Invalid User ID/Password" in finding.detail


def test_a_weak_hash_is_refused() -> None:
    """A certificate that says of itself that it is signed with SHA-1: no program makes one any more."""
    good = issued(root("RSA Root", is_rsa=True)).certificate.public_bytes(Encoding.DER)
    weak = good.replace(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05")

    found = check(Files(None, weak), "signature hash")

    assert found.result is Result.FAILED
    assert found.finding is not None
    assert (found.finding.rule, found.finding.values["hash"]) == ("fit.hash", "SHA1")


@pytest.mark.parametrize("time", [b"\x17\x0d" + b"26112211+0100", b"\x18\x0d" + b"2026112211.5Z"])
def test_a_time_that_is_not_gmt_in_whole_seconds_cannot_be_read_and_that_is_said(time: bytes) -> None:
    good = files()
    der = x509.load_pem_x509_certificate(good.certificate).public_bytes(Encoding.DER)
    place = der.index(b"\x17\x0d")  # UTCTime of thirteen characters

    changed = replace(good, certificate=der[:place] + time + der[place + 15 :])

    assert refusal(changed) == ("fit.readable", "/certificate")


# The chain


def test_the_node_says_so_itself_when_an_authority_is_missing() -> None:
    found = check(files(issued(), root()), "chain to the root")

    assert found.message == "CA Certificate is Not Available in the Trust-Store"
    assert found.finding is not None
    assert "Other Issuing CA G1" in found.finding.detail


def test_authorities_that_the_node_has_already_need_not_be_given() -> None:
    of = replace(files(trust=snapshot(intermediate().certificate, root().certificate)), chain=())

    assert judged(of).works


def test_authorities_in_the_file_of_the_certificate_count_too() -> None:
    of = replace(files(), certificate=issued().pem + intermediate().pem + root().pem, chain=())

    assert check(of, "chain to the root").result is Result.PASSED
    assert said(of, "one certificate in the file")[1] == "fit.several"


def test_a_pkcs7_chain_is_taken_by_some_products_and_a_warning() -> None:
    chain = [each.certificate for each in (issued(), intermediate(), root())]
    bag = pkcs7.serialize_certificates(chain, Encoding.PEM)
    leaf_first = replace(files(), certificate=bag, chain=())
    found = judged(leaf_first)

    assert said(leaf_first, "one certificate in the file") == (Result.PASSED, "fit.several-pkcs7", Severity.WARNING)
    assert found.works


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_in_a_pkcs7_file_the_certificate_of_the_node_is_found_wherever_it_stands(encoding: Encoding) -> None:
    found = [issued().certificate, intermediate().certificate, root().certificate]
    for chain in (found, found[::2]):  # with all that is above it, and without the intermediate
        bag = pkcs7.serialize_certificates(chain, encoding)
        of = replace(files(), certificate=bag)

        assert said(of, "public key") == (Result.PASSED, "", None)
        assert said(of, "no authority") == (Result.PASSED, "", None)


def test_several_authorities_in_one_file_are_a_warning_that_is_not_confirmed() -> None:
    of = replace(files(), chain=(intermediate().pem + root().pem,))

    assert said(of, "one authority per file") == (Result.PASSED, "fit.several-authorities", Severity.WARNING)
    assert check(of, "chain to the root").result is Result.PASSED


def test_an_authority_that_has_ended_is_not_taken() -> None:
    late = judge_files(
        files(issued(recipe=Recipe(not_after=NOON + spoiled.SIX_YEARS * 2))), NOON + spoiled.SIX_YEARS * 1.5
    )

    found = check(late, "validity of the authorities")
    assert found.finding is not None
    assert found.finding.rule == "fit.authority-expired"


def test_a_key_that_is_too_large_is_not_taken() -> None:
    own = rsa.generate_private_key(65537, 4104)
    recipe = Recipe(common_name("Large Root"), own.public_key(), None, ("keyCertSign",), (), is_authority=True)
    large = Made(recipe.signed(common_name("Large Root"), own), own)

    assert said(files(issued(large), large), "size of the keys")[1] == "fit.key-size"


def test_an_rsa_certificate_for_tomcat_is_judged_too() -> None:
    made = pkcs10.pem(
        pkcs10.Recipe(rsa_key(), subject("uccx1.example.com"), (pkcs10.hosts("uccx1.example.com"),)).der()
    )
    loaded = x509.load_pem_x509_csr(made)
    public_key = loaded.public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    above = root("RSA Root", is_rsa=True)
    of = replace(files(issued(above, Recipe(loaded.subject, public_key, ("uccx1.example.com",))), above), csr=made)

    assert judged(of).works
    assert said(of, "EC from leaf to root") == (Result.PASSED, "fit.rsa-leaf", Severity.NOTE)
    assert check(of, "curve").finding is None


def test_authorities_without_a_common_name_are_told_apart_by_their_whole_name() -> None:
    names = [x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)]) for text in ("One", "Two")]
    own = key("organisation")
    made = [
        Made(Recipe(name, own.public_key(), None, ("keyCertSign",), (), is_authority=True).signed(name, own), own)
        for name in names
    ]

    assert check(files(issued(made[0]), *made), "one name each").result is Result.PASSED


# The trust store


def test_the_same_certificate_is_there_already() -> None:
    of = files(trust=snapshot(root().certificate, intermediate().certificate))

    assert said(of, "room in the trust store") == (Result.PASSED, "", None)


def renewed(later: bool) -> x509.Certificate:
    """Another certificate of the same name as the root."""
    start = NOON - timedelta(days=364 if later else 366)
    recipe = Recipe(
        common_name("Other Root G1"),
        key("renewed").public_key(),
        None,
        ("keyCertSign",),
        (),
        is_authority=True,
        not_before=start,
    )
    return recipe.signed(common_name("Other Root G1"), key("renewed"))


def test_a_newer_certificate_of_the_same_name_keeps_ours_out() -> None:
    of = files(trust=snapshot(renewed(later=True)))

    assert said(of, "room in the trust store") == (Result.FAILED, "fit.trust", Severity.ERROR)
    assert not judged(of).is_taken


def test_an_older_certificate_of_the_same_name_is_replaced_and_that_is_a_warning() -> None:
    of = files(trust=snapshot(renewed(later=False)))

    assert said(of, "room in the trust store") == (Result.PASSED, "fit.trust-replaced", Severity.WARNING)


@pytest.mark.parametrize("name", ["Other_Root_G1", "Other-Root-G1", "OTHER_ROOT_G1_4f2a"])
def test_a_file_that_may_be_of_the_same_name_is_a_warning_and_leaves_the_question_open(name: str) -> None:
    of = files(trust=listing(name))

    assert said(of, "room in the trust store") == (Result.NOT_CHECKED, "fit.trust-perhaps", Severity.WARNING)
    assert judged(of).verdict == "Nothing speaks against it, but not everything could be checked."


@pytest.mark.parametrize("name", ["Other_Root_G12", "Other_Root", "Another_Root_G1", "Other_Root_G1_test"])
def test_a_file_of_another_name_is_none(name: str) -> None:
    assert said(files(trust=listing(name)), "room in the trust store") == (Result.PASSED, "", None)


def test_other_stores_of_the_node_do_not_count() -> None:
    trust = snapshot(renewed(later=True), service="CallManager")

    assert said(files(trust=trust), "room in the trust store")[1] == "fit.no-trust-list"


# What cannot be read


@pytest.mark.parametrize("data", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_that_is_no_certificate_is_refused_with_its_place(data: bytes) -> None:
    assert refusal(replace(files(), certificate=data)) == ("fit.readable", "/certificate")
    assert refusal(replace(files(), chain=(root().pem, data))) == ("fit.readable", "/chain/1")


def test_a_file_of_too_many_certificates_is_refused() -> None:
    assert refusal(replace(files(), chain=(root().pem * 21,))) == ("fit.readable", "/chain/0")


def test_too_many_files_are_refused() -> None:
    assert refusal(replace(files(), chain=(root().pem,) * 11)) == ("fit.files", "/chain")


def test_a_private_key_is_refused_wherever_it_stands() -> None:
    secret = b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"

    assert refusal(replace(files(), certificate=issued().pem + secret)) == ("fit.private-key", "/certificate")
    assert refusal(replace(files(), chain=(secret,))) == ("fit.private-key", "/chain/0")
    assert refusal(replace(files(), csr=secret)) == ("csr.private-key", "/csr")


def test_a_request_that_is_none_is_refused_with_its_place() -> None:
    assert refusal(replace(files(), csr=b"hello")) == ("csr.unreadable", "/csr")


def test_a_request_with_an_extension_that_nobody_can_read_is_refused() -> None:
    broken = pkcs10.pem(
        pkcs10.Recipe(key("x"), subject("x-EC.example.com"), (*[pkcs10.hosts("x.example.com")] * 2,)).der()
    )

    assert refusal(replace(files(), csr=broken)) == ("fit.csr", "/csr")


def test_a_certificate_with_a_kind_of_key_that_nobody_knows_here_is_judged_or_refused_and_no_crash() -> None:
    own = ed25519.Ed25519PrivateKey.generate()
    name = common_name("Edwards")
    made = x509.CertificateBuilder(name, name, own.public_key(), 7, NOON, NOON + timedelta(days=9)).sign(own, None)

    found = judged(replace(files(), certificate=made.public_bytes(Encoding.PEM)))
    assert check(found, "signature hash").finding is None


GOOD = files(trust=snapshot(root().certificate))


@given(st.sampled_from(["csr", "certificate", "chain", "trust"]), st.integers(0, 2000), st.binary(max_size=8))
@example("certificate", 15, b"\x80")  # a serial number below zero
def test_whatever_is_sent_it_is_judged_or_refused(part: str, place: int, noise: bytes) -> None:
    def mutated(data: bytes) -> bytes:
        at = place % (len(data) + 1)
        return data[:at] + noise + data[at + len(noise) :]

    def der(pem: bytes) -> bytes:
        return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)

    changed = {
        "csr": lambda: replace(GOOD, csr=mutated(asked().public_bytes(Encoding.DER))),
        "certificate": lambda: replace(GOOD, certificate=mutated(der(GOOD.certificate))),
        "chain": lambda: replace(GOOD, chain=(mutated(der(GOOD.chain[0])), GOOD.chain[1])),
        "trust": lambda: replace(GOOD, trust=mutated(GOOD.trust.encode()).decode("utf-8", "replace")),
    }[part]()
    with suppress(CAServiceError):
        judged(changed)


# Our own


@pytest.mark.parametrize(
    "request_",
    [*THREE_NODES, CUCM_MULTI, CUCM_14SU2, BLANK_PARENT_DOMAIN, ALTERNATE_ADDRESS, JUNK_COUNTRY],
    ids=lambda request: request.name,
)
def test_what_we_sign_for_each_kind_of_node_fits(request_: Request) -> None:
    lab = Lab(policy=Policy(allow_p521=True)).initialised()
    [record] = lab.issuance.issue(OPERATOR, [request_.data], Options(add_host_name=True)).certificates
    chain = lab.hierarchy.active().chain

    ours = judge_issued(csr.read_request(request_.data), x509.load_der_x509_certificate(record.der), chain, lab.clock())
    as_files = judge_files(
        Files(request_.data, record.der, tuple(each.public_bytes(Encoding.PEM) for each in chain)), lab.clock()
    )
    assert ours.works
    assert as_files.works
    failed = [each for each in (*ours.checks, *as_files.checks) if each.result is Result.FAILED]
    assert not failed


def test_the_verdict_tells_what_would_break_later_from_what_is_not_taken() -> None:
    assert judged(spoiled.spoiled(hosts=("www.example.com",))).verdict == "The node would not take it."
    assert judged(spoiled.spoiled(bits=("digitalSignature",))).verdict == (
        "The node would take it, and something would break later."
    )
