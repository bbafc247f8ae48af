"""The messages of nodes, tools and browsers: pasted as they are printed, and as people really paste them."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import resources
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ca_service.errors import Rule, Severity
from ca_service.pki import name_constraints, path_validation, policies, strictness
from ca_service.vos import checks, fit, fit_chain, fit_request
from ca_service.vos.knowledge import sources
from ca_service.vos.messages import MAX_LENGTH, Kind, all_messages, explain, find_messages, fold

#: As Cisco, the API or the browser prints it, and the message by which it is explained.
PRINTED: Final = {
    "CSR SAN and Certificate SAN does not match": "san-mismatch",
    "CSR Public Key and Certificate Public Key Do Not Match": "key-mismatch",
    "CA Certificate is Not Available in the Trust-Store": "ca-missing",
    "File /usr/local/platform/.security/tomcat/keys/tomcat.csr Does Not Exist": "csr-missing",
    "The file /usr/local/platform/upload/certs//tomcat.der could not be uploaded.": "file-not-uploaded",
    "CAA1015": "caa1015",
    "CAA1016": "caa1016",
    "CAA1017": "caa1017",
    "CAA1018": "caa1018",
    "CAA1019": "caa1019",
    "CAA1020": "caa1020",
    "CAA1021": "caa1021",
    "CAA1022": "caa1022",
    "CAA1023": "caa1023",
    "CAA1025": "caa1025",
    "CAA1026": "caa1026",
    "not replaced": "trust-not-replaced",
    "HTTP 400": "api-400",
    "CMPlatform Realm": "api-401",
    "Invalid User ID/Password": "finesse-login",
    "SSLHandshakeException": "finesse-login",
    "NET::ERR_CERT_COMMON_NAME_INVALID": "chrome-no-names",
    "[missing_subjectAltName]": "chrome-no-names",
    "SEC_ERROR_UNKNOWN_ISSUER": "firefox-issuer",
    "HSTS": "firefox-issuer",
    "Unable to log in to SocialMiner with both tomcat and tomcat-ECDSA signed by RSA CA": "socialminer-rsa",
    "CSCvb58580": "socialminer-rsa",
    "UCCX: Tomcat ECDSA certificate impact on Finesse Live Data": "live-data-ecdsa",
    "CSCvb46250": "live-data-ecdsa",
    "Unable to find Country in platform database": "junk-subject",
    "Success: Certificate Uploaded. Perform a Disaster Recovery backup so the latest backup contains the uploaded "
    "certificate. Restart the Cisco Tomcat web service using the CLI": "uploaded",
    "Successfully Generated CSR for tomcat.": "csr-generated",
    "Successfully imported certificate for tomcat. Please restart services related to tomcat for the new certificate "
    "to become active.": "imported",
    "NET::ERR_CERT_AUTHORITY_INVALID": "authority-invalid",
    "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT": "self-signed",
    "error 18 at 0 depth lookup: self-signed certificate": "self-signed",
    "curl: (60) SSL certificate problem: self-signed certificate in certificate chain": "root-not-trusted",
    "Error: SELF_SIGNED_CERT_IN_CHAIN": "root-not-trusted",
    "error:0A000418:SSL routines::tlsv1 alert unknown ca": "alert-unknown-ca",
    "javax.net.ssl.SSLHandshakeException: Received fatal alert: unknown_ca": "alert-unknown-ca",
    "curl: (35) error:0A000410:SSL routines::sslv3 alert handshake failure": "cipher-mismatch",
    "javax.net.ssl.SSLHandshakeException: Received fatal alert: handshake_failure": "cipher-mismatch",
    "ERR_SSL_VERSION_OR_CIPHER_MISMATCH": "cipher-mismatch",
    "SSL_ERROR_NO_CYPHER_OVERLAP": "cipher-mismatch",
    "NET::ERR_CERT_DATE_INVALID": "certificate-date",
    "error 10 at 0 depth lookup: certificate has expired": "certificate-date",
    "NET::ERR_CERT_VALIDITY_TOO_LONG": "validity-too-long",
    "SSL_ERROR_BAD_CERT_DOMAIN": "bad-domain",
    "java.security.cert.CertificateException: No subject alternative DNS name matching uccx1 found.": "bad-domain",
    "NET::ERR_CERT_REVOKED": "certificate-revoked",
    "error 26 at 0 depth lookup: unsuitable certificate purpose": "wrong-usage",
    "SEC_ERROR_INADEQUATE_CERT_TYPE": "wrong-usage",
    "NET::ERR_CERT_WEAK_SIGNATURE_ALGORITHM": "weak-signature",
    "MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY": "authority-as-server",
    "javax.net.ssl.SSLHandshakeException: PKIX path building failed: "
    "sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested "
    "target": "java-trust",
    "keytool error: java.lang.Exception: Failed to establish chain from reply": "keytool-chain",
    "error 20 at 0 depth lookup: unable to get local issuer certificate": "openssl-chain",
    "Reason: unable to get local issuer certificate; traffic server: SSL connection failed, certificate verify "
    "failed": "expressway-verify",
    "HTTP 500": "api-500",
    "%UC_CERT-4-CertValidLessThanMonth: %[Message=Certificate expiration Notification.": "node-expiry",
    "The signing certificate does not match what's defined in the entity metadata.": "saml-signature",
    "Msis.SamlException: MSIS0038: SAML Message has wrong signature. Issuer: 'cucm1.example.com'.": "saml-signature",
    "40E7B3F1397F0000:error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:ssl/"
    "statem/statem_clnt.c:1889:": "verify-failed",
    "The remote certificate is invalid according to the validation procedure": "verify-failed",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get issuer certificate": "openssl-chain",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch": "bad-domain",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Missing Authority Key Identifier": "strict-refused",
    "tls: failed to verify certificate: x509: certificate signed by unknown authority": "openssl-chain",
    "curl: (60) SSL: no alternative certificate subject name matches target host name 'uccx1'": "bad-domain",
    "x509: certificate relies on legacy Common Name field, use SANs instead": "chrome-no-names",
    "CertGetCertificateChain trust error CERT_TRUST_IS_UNTRUSTED_ROOT": "root-not-trusted",
    "A certificate chain processed, but terminated in a root certificate which is not trusted by the trust provider. "
    "0x800B0109": "root-not-trusted",
    "error 47 at 0 depth lookup: permitted subtree violation": "path-refused",
    "java.security.cert.CertPathValidatorException: basic constraints check failed: pathLenConstraint violated - this "
    "cert must be the last cert in the certification path": "path-refused",
    "javax.net.ssl.SSLHandshakeException: PKIX path validation failed: java.security.cert.CertPathValidatorException: "
    "name constraints check failed": "path-refused",
    "sun.security.validator.ValidatorException: PKIX path validation failed: validity check failed": "certificate-date",
    "PKIX path validation failed: java.security.cert.CertPathValidatorException: Algorithm constraints check failed on "
    "signature algorithm: SHA1withRSA": "weak-signature",
    "error:0A00042E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version": "tls-version",
    "javax.net.ssl.SSLHandshakeException: No appropriate protocol (protocol is disabled or cipher suites are "
    "inappropriate)": "tls-version",
    "curl: (35) error:0A00010B:SSL routines::wrong version number": "not-tls",
    "javax.net.ssl.SSLHandshakeException: Received fatal alert: certificate_unknown": "alert-certificate",
    "ERR_BAD_SSL_CLIENT_AUTH_CERT": "client-certificate",
    "schannel: next InitializeSecurityContext failed: CRYPT_E_NO_REVOCATION_CHECK (0x80092012)": "no-crl",
    "SEC_ERROR_REUSED_ISSUER_AND_SERIAL": "reused-serial",
    "keytool error: java.lang.Exception: Public keys in reply and keystore don't match": "keytool-key",
    "keytool error: java.lang.Exception: Input not an X.509 certificate": "not-a-certificate",
}
#: A word of the cause that no other message has for its reason.
CAUSES: Final = {
    "san-mismatch": "does not name exactly what the CSR names",
    "key-mismatch": "public key in the certificate is not that of the CSR",
    "ca-missing": "has not been uploaded into the trust store",
    "csr-missing": "no CSR of this type on the node",
    "file-not-uploaded": "either of two faults",
    "trust-not-replaced": "only if it begins later",
    "api-400": "Most often the certificate of the authority is not in the trust store",
    "finesse-login": "critical extension besides key usage and basic constraints",
    "chrome-no-names": "has no SAN",
    "firefox-issuer": "tomcat-ECDSA is still self-signed",
}
#: What surrounds a message when somebody pastes it.
NOISE: Final[dict[str, Callable[[str], str]]] = {
    "as printed": lambda text: text,
    "in upper case": str.upper,
    "within a log": lambda text: (
        f"admin:\r\n2026-11-24 10:03:11,402 ERROR [http-nio-8443] {text}\r\n\tat x.y(Z.java:7)"
    ),
    "from a mail": lambda text: f"\u201c\u00a0{text.replace(' ', chr(0xA0) + ' ')}\u201d \u2013 what is this?",
    "broken into lines": lambda text: text.replace(" ", "\r\n    "),
    "with typographic hyphens": lambda text: text.replace("-", "\u2011"),
    "within Japanese": lambda text: (
        f"\u63a5\u7d9a\u30a8\u30e9\u30fc: {text} \u3068\u8868\u793a\u3055\u308c\u307e\u3059\u3002"
    ),
    "in full-width letters": lambda text: "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text),
    "with marks that nobody sees": lambda text: "\u200b".join(text),
}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_every_message_is_explained_however_it_is_pasted(noise: Callable[[str], str]) -> None:
    found = {text: [each.message.id for each in explain(noise(text))] for text in PRINTED}
    assert {text: ids for text, ids in found.items() if ids != [PRINTED[text]]} == {}


@pytest.mark.parametrize(("message_id", "cause"), CAUSES.items())
def test_a_message_has_its_own_cause(message_id: str, cause: str) -> None:
    (message,) = (each for each in all_messages() if each.id == message_id)

    assert cause in message.cause.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("File /usr/local/platform/.security/tomcat/keys/tomcat-ECDSA.csr Does Not Exist", "csr-missing"),
        ("File '/usr/local/platform/.security/CallManager/keys/CallManager.csr' does not exist", "csr-missing"),
        ("The file /usr/local/platform/upload/certs//tomcat-ECDSA.der could not be uploaded.", "file-not-uploaded"),
        ('The file "/usr/local/platform/upload/certs/ipsec.der" could not be uploaded', "file-not-uploaded"),
        ("Successfully Generated CSR for tomcat-ECDSA.", "csr-generated"),
        ("Successfully imported certificate for CallManager-ECDSA.", "imported"),
        ("400 Client Error: Bad Request for url: https://cucm1/platformcom/api/v1/certmgr/config/x", "api-400"),
        ('HTTP/1.1 401\nWWW-Authenticate: Basic realm="CMPlatform Realm"', "api-401"),
        ("javax.net.ssl.SSLHandshakeException: Received fatal alert", "finesse-login"),
        ("[CAA1015] certificate upload", "caa1015"),
    ],
)
def test_other_units_and_paths_make_no_difference(text: str, expected: str) -> None:
    assert [each.message.id for each in explain(text)] == [expected]


@pytest.mark.parametrize("text", ["CAA10150", "XCAA1015", "CAA101", "HTTP 4000", "hstsx"])
def test_a_longer_word_is_another_word(text: str) -> None:
    assert explain(text) == ()


def test_a_message_is_found_behind_a_longer_word_that_begins_like_it() -> None:
    assert [each.message.id for each in explain("CAA10150, then CAA1015")] == ["caa1015"]


@pytest.mark.parametrize("text", ["", "   \n", "the network is down", "tomcat", "\u201c\u201d", "\u200b"])
def test_nothing_is_made_up_for_a_text_that_is_not_known(text: str) -> None:
    assert explain(text) == ()


def test_several_messages_are_explained_the_longest_match_first() -> None:
    text = "CAA1016 HSTS: CSR SAN and Certificate SAN does not match"

    assert [each.message.id for each in explain(text)] == ["san-mismatch", "caa1016", "firefox-issuer"]


def test_a_message_that_stands_there_twice_is_explained_once_by_its_longest_part() -> None:
    text = "HSTS SEC_ERROR_UNKNOWN_ISSUER HSTS SEC_ERROR_UNKNOWN_ISSUER"

    assert [(each.message.id, each.pattern) for each in explain(text)] == [
        ("firefox-issuer", "sec_error_unknown_issuer")
    ]


def test_what_stands_beyond_the_limit_is_not_looked_at() -> None:
    assert explain("." * (MAX_LENGTH - 7) + "CAA1015") != ()
    assert explain("." * MAX_LENGTH + "CAA1015") == ()


@given(st.text(max_size=300))
@example("\ufdfa" * 300)  # becomes eighteen times as long when it is folded
@example("\u0345\u0390\u1e9e")
def test_any_text_gets_an_answer_without_repetitions(text: str) -> None:
    found = [each.message.id for each in explain(text)]

    assert len(set(found)) == len(found)


@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(sorted(PRINTED)))
def test_a_message_is_explained_whatever_stands_around_it(before: str, after: str, text: str) -> None:
    assert PRINTED[text] in [each.message.id for each in explain(f"{before} .\n{text}\n. {after}")]


@pytest.mark.parametrize(
    "piece", ["caa1015x", "a", "csr san and certificate ", ".csr does not exis", "\ufdfa", "\u200b "]
)
def test_a_text_that_is_made_to_be_slow_is_not(piece: str) -> None:
    started = time.process_time()
    explain(piece * 1_000_000)

    assert time.process_time() - started < 2


def test_every_message_is_found_by_what_is_printed() -> None:
    for message in all_messages():
        for printed in message.printed:
            assert message.id in [each.message.id for each in explain(printed)], printed


def test_every_message_says_what_to_do_next_from_sources_that_are_listed() -> None:
    for message in all_messages():
        assert message.next, message.id
        assert message.cause.sources, message.id
        assert set(message.sources) <= set(sources()), message.id


def test_every_message_has_a_name_of_its_own() -> None:
    names = [message.id for message in all_messages()]

    assert len(set(names)) == len(names) >= len(set(PRINTED.values()))
    assert set(PRINTED.values()) == set(names)  # and each is in these tests


def test_a_code_of_hcmf_leads_to_the_same_steps_as_the_message_of_the_node() -> None:
    known = {message.id: message for message in all_messages()}

    for code, same in (("caa1015", "key-mismatch"), ("caa1016", "san-mismatch"), ("caa1018", "ca-missing")):
        assert known[code].next == known[same].next
    assert known["caa1017"].next == known["caa1023"].next == known["csr-missing"].next


def test_the_rules_that_are_named_are_those_of_the_fit_check() -> None:
    folders = [resources.files(f"ca_service.{name}") for name in ("vos", "pki")]
    files = [file for folder in folders for file in folder.iterdir() if file.name.endswith(".py")]
    code = "".join(file.read_text("utf-8") for file in files)

    for message in all_messages():
        for rule in message.rules:
            assert f'"{rule}"' in code, (message.id, rule)


#: Errors about the files that were given, not about what is in the certificate.
ABOUT_FILES: Final = {
    "fit.several", "fit.files", "fit.readable", "fit.several-pkcs7", "fit.private-key", "fit.several-authorities",
    "fit.csr",
}  # fmt: skip
#: No document prints what a node says to these: it says nothing, and something breaks later.
WITHOUT_WORDS: Final = {"fit.rsa-leaf"}


def test_every_fault_that_the_fit_check_finds_has_its_message() -> None:
    modules = [fit, fit_chain, checks, fit_request, path_validation, name_constraints, policies]
    rules = {rule for module in modules for rule in vars(module).values() if isinstance(rule, Rule)}
    errors = {rule.id for rule in rules if rule.severity is Severity.ERROR and rule.id.startswith(("fit.", "chain."))}
    strict = {rule.id for rule in vars(strictness).values() if isinstance(rule, Rule) and rule.id.startswith("strict.")}
    explained = {rule for message in all_messages() for rule in message.rules}
    assert errors - ABOUT_FILES - WITHOUT_WORDS <= explained
    assert strict <= explained
    assert not WITHOUT_WORDS & explained


def test_several_messages_in_one_text_are_all_explained() -> None:
    text = "Chrome: NET::ERR_CERT_AUTHORITY_INVALID\nFirefox: SEC_ERROR_UNKNOWN_ISSUER\nthe node: CAA1015"
    assert [each.message.id for each in explain(text)] == ["authority-invalid", "firefox-issuer", "caa1015"]


def test_what_only_repeats_a_message_that_says_more_is_left_out() -> None:
    text = "javax.net.ssl.SSLHandshakeException: No subject alternative DNS name matching a found"
    assert [each.message.id for each in explain(text)] == ["bad-domain"]
    known = {message.id for message in all_messages()}
    assert all(set(message.unless) <= known for message in all_messages())


def test_good_news_is_told_apart_from_bad() -> None:
    good = {message.id for message in all_messages() if message.kind is Kind.SUCCESS}

    assert good == {"uploaded", "imported", "csr-generated"}


def test_what_is_only_inferred_is_marked() -> None:
    (message,) = (each for each in all_messages() if each.id == "san-mismatch")

    assert [step.is_confirmed for step in message.next] == [True, True, False, True]


def test_an_empty_search_lists_every_message() -> None:
    assert find_messages("  ") == all_messages()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trust-store", ["ca-missing"]),
        ("HCM-F \u201cCSR\u201d waiting", ["caa1017", "caa1023"]),
        ("chrome", ["chrome-no-names", "authority-invalid"]),
        ("no such words", []),
    ],
)
def test_a_search_finds_messages_with_all_its_words(text: str, expected: list[str]) -> None:
    assert [message.id for message in find_messages(text)] == expected


def test_folding_leaves_what_a_screen_a_log_and_a_mail_have_in_common() -> None:
    assert fold(" \u201cTrust\u2011Store\u201d\r\n\tIS\u00a0n\u200bot `there' ") == "trust-store is not there"
