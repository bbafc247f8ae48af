"""Revocation lists, as cryptography reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ca_service.errors import SigningError
from ca_service.pki import crl, der, keys
from ca_service.pki.crl import RevocationList
from ca_service.pki.reasons import Reason
from tests.support import certificates
from tests.support.certificates import NOW
from tests.support.revocation import limited_crl

DELTA_URL = "http://ca.example.com/ca/intermediate-g1-delta.crl"
WEEK = timedelta(days=7)


def signed(*entries: bytes, curve: str = "P-384", **changes: object) -> x509.CertificateRevocationList:
    """A list with these entries, read again."""
    authority = certificates.intermediate(curve)
    wanted = RevocationList(7, NOW, NOW + WEEK, entries, **changes)  # type: ignore[arg-type]
    return x509.load_der_x509_crl(crl.sign(wanted, authority.issuer, authority.key))


def value(found: x509.CertificateRevocationList, kind: type[x509.ExtensionType]) -> x509.Extension[x509.ExtensionType]:
    """One extension of a list."""
    return found.extensions.get_extension_for_class(kind)


@pytest.mark.parametrize("curve", ["P-256", "P-384"])
def test_the_list_is_signed_by_the_issuer_with_the_hash_of_its_curve(curve: str) -> None:
    found, issuer = signed(curve=curve), certificates.intermediate(curve).certificate
    key = issuer.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert found.is_signature_valid(key)
    assert found.issuer == issuer.subject
    assert type(found.signature_hash_algorithm) is type(keys.signature_hash(key))


def test_the_list_tells_from_when_to_when_it_is_good() -> None:
    found = signed()
    assert (found.last_update_utc, found.next_update_utc) == (NOW, NOW + WEEK)


def test_a_list_without_entries_has_none() -> None:
    assert len(signed()) == 0


def test_each_entry_tells_serial_number_time_and_reason() -> None:
    lost = NOW - timedelta(days=3)
    found = signed(
        crl.entry(0x80, NOW, Reason.KEY_COMPROMISE, lost), crl.entry(2**158, NOW - WEEK, Reason.CERTIFICATE_HOLD)
    )
    first, second = found
    assert (first.serial_number, first.revocation_date_utc) == (0x80, NOW)
    assert first.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    assert first.extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc == lost
    assert (second.serial_number, second.revocation_date_utc) == (2**158, NOW - WEEK)
    assert second.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.certificate_hold
    assert all(not extension.critical for entry in found for extension in entry.extensions)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_read_by_others(reason: Reason) -> None:
    [entry] = signed(crl.entry(1, NOW, reason))
    told = [extension.value.reason for extension in entry.extensions if isinstance(extension.value, x509.CRLReason)]
    assert [flag.value for flag in told] == ([] if reason is Reason.UNSPECIFIED else [reason.value])


def test_an_entry_of_2050_is_read_by_others() -> None:
    late = datetime(2050, 1, 1, tzinfo=UTC)
    [entry] = signed(crl.entry(1, late, Reason.SUPERSEDED))
    assert entry.revocation_date_utc == late


def test_a_full_list_names_its_number_its_issuers_key_and_where_its_delta_is() -> None:
    found = signed(delta_url=DELTA_URL)
    assert value(found, x509.CRLNumber).value == x509.CRLNumber(7)
    issuer = certificates.intermediate().issuer
    wanted = x509.AuthorityKeyIdentifier(issuer.subject_key_identifier, None, None)
    assert value(found, x509.AuthorityKeyIdentifier).value == wanted
    freshest = value(found, x509.FreshestCRL)
    assert not freshest.critical
    assert isinstance(freshest.value, x509.FreshestCRL)
    [place] = freshest.value
    assert place.full_name == [x509.UniformResourceIdentifier(DELTA_URL)]


@pytest.mark.parametrize("delta_url", ["", DELTA_URL])
def test_a_full_list_has_no_critical_extension(delta_url: str) -> None:
    assert [each for each in signed(delta_url=delta_url).extensions if each.critical] == []


def test_a_list_without_deltas_names_none() -> None:
    assert {type(each.value) for each in signed().extensions} == {x509.AuthorityKeyIdentifier, x509.CRLNumber}


def test_a_delta_has_the_scope_of_its_base_so_its_number_alone_is_critical() -> None:
    critical = [type(each.value) for each in signed(base_number=5).extensions if each.critical]
    assert critical == [x509.DeltaCRLIndicator]


def test_a_list_that_says_what_it_is_limited_to_is_known_as_such() -> None:
    authority = certificates.intermediate("P-256")
    assert crl.is_limited(limited_crl(authority.certificate.subject, authority.key, 1, NOW, NOW + WEEK))
    assert not crl.is_limited(signed().public_bytes(Encoding.DER))


def test_a_delta_says_so_critically_and_names_no_delta_of_its_own() -> None:
    found = signed(base_number=5, delta_url=DELTA_URL)
    indicator = value(found, x509.DeltaCRLIndicator)
    assert (indicator.critical, indicator.value) == (True, x509.DeltaCRLIndicator(5))
    with pytest.raises(x509.ExtensionNotFound):
        value(found, x509.FreshestCRL)


def test_the_key_of_somebody_else_does_not_sign() -> None:
    wanted = RevocationList(1, NOW, NOW + WEEK, ())
    with pytest.raises(SigningError) as caught:
        crl.sign(wanted, certificates.intermediate().issuer, keys.generate_key("P-384"))
    assert caught.value.rule == "signing.key"


@given(st.lists(st.tuples(st.integers(1, 2**159 - 1), st.sampled_from(list(Reason))), max_size=30))
def test_what_goes_in_comes_out(wanted: list[tuple[int, Reason]]) -> None:
    found = signed(*(crl.entry(number, NOW, reason) for number, reason in wanted), curve="P-256")
    assert [entry.serial_number for entry in found] == [number for number, _ in wanted]


@given(st.lists(st.integers(1, 2**159 - 1), min_size=1, max_size=5, unique=True))
def test_the_bytes_are_those_of_a_builder(numbers: list[int]) -> None:
    builder = x509.CertificateRevocationListBuilder(
        certificates.intermediate("P-256").certificate.subject, NOW, NOW + WEEK
    )
    for number in numbers:
        entry = x509.RevokedCertificateBuilder(number, NOW).add_extension(
            x509.CRLReason(x509.ReasonFlags.superseded), critical=False
        )
        builder = builder.add_revoked_certificate(entry.build())
    theirs = builder.sign(
        certificates.intermediate("P-256").key, keys.signature_hash(certificates.intermediate("P-256").key.public_key())
    )
    ours = signed(*(crl.entry(number, NOW, Reason.SUPERSEDED) for number in numbers), curve="P-256")

    def parts(found: x509.CertificateRevocationList) -> list[bytes]:
        return [part.der for part in der.read(found.tbs_certlist_bytes)[0].children[:6]]

    assert parts(ours) == parts(theirs)


# What is used again


ENTRIES = [crl.entry(number, NOW, reason) for number, reason in ((7, Reason.SUPERSEDED), (2**150, Reason.UNSPECIFIED))]


@pytest.mark.parametrize("entries", [[], ENTRIES[:1], ENTRIES])
def test_the_entries_of_a_list_are_found_as_they_stand_in_it(entries: list[bytes]) -> None:
    found = signed(*entries).public_bytes(Encoding.DER)
    assert crl.entries_of(found) == b"".join(entries)


def test_an_entry_is_found_by_its_serial_number_whatever_it_says() -> None:
    body = b"".join(ENTRIES)
    assert crl.is_in(crl.entry(2**150, NOW - WEEK, Reason.CERTIFICATE_HOLD), body)
    assert not crl.is_in(crl.entry(2**150 + 1, NOW, Reason.SUPERSEDED), body)


def test_a_removal_is_told_from_all_other_entries() -> None:
    assert [reason for reason in Reason if crl.is_removal(crl.entry(1, NOW, reason))] == [Reason.REMOVE_FROM_CRL]
