"""Authorities that come from elsewhere: imported, or certified by an external root."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import Event
from ca_service.errors import Conflict, InvalidInput, NotFound, Refused
from ca_service.pki import profiles
from ca_service.pki.contents import key_usage_names
from tests.support import certificates
from tests.support.certificates import common_name
from tests.support.external_roots import Certified, certify, ec_root, rsa_root, self_signed
from tests.support.factories import PLAN, Lab
from tests.support.fakes import NOON, InMemoryIssuerStore

NAME = common_name("Corporate Voice CA")


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    """The key of an intermediate."""
    return ec.generate_private_key(ec.SECP256R1())


def requested(lab: Lab, operator: Actor) -> x509.CertificateSigningRequest:
    """The request of an intermediate."""
    return x509.load_pem_x509_csr(lab.external.request_intermediate(operator, "Example Lab", "P-256"))


def public(csr: x509.CertificateSigningRequest) -> ec.EllipticCurvePublicKey:
    """Its key."""
    key = csr.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def test_an_imported_authority_signs_from_then_on(lab: Lab, operator: Actor) -> None:
    pair = certificates.intermediate("P-256", "P-256")
    root, intermediate = lab.external.import_authority(operator, pair.chain[::-1], pair.key)
    active = lab.hierarchy.active()
    assert (root.role, intermediate.role) == ("root", "intermediate")
    assert active.chain == pair.chain
    assert lab.hierarchy.signing_key(active).public_key() == pair.key.public_key()


def test_the_root_key_is_imported_only_if_it_is_given(lab: Lab, operator: Actor) -> None:
    pair, root = certificates.intermediate("P-256", "P-256"), certificates.root("P-256")
    without, _ = Lab().external.import_authority(operator, pair.chain, pair.key)
    with_key, _ = lab.external.import_authority(operator, pair.chain, pair.key, root.key)
    assert without.key_id is None
    assert with_key.key_id is not None
    assert lab.keystore.signer(with_key.key_id).public_key() == root.key.public_key()


def test_an_imported_authority_is_called_by_its_common_name(lab: Lab, operator: Actor) -> None:
    pair = certificates.intermediate("P-256", "P-256")
    imported = [record.name for record in lab.external.import_authority(operator, pair.chain, pair.key)]
    assert imported == ["Example Lab EC Root CA G1", "Example Lab EC Issuing CA G1"]


def test_an_authority_without_a_common_name_is_called_by_its_id(
    lab: Lab, operator: Actor, key: ec.EllipticCurvePrivateKey
) -> None:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Nameless")])
    given = [certify(ec_root(), subject, key.public_key()), ec_root().certificate]
    assert lab.external.import_authority(operator, given, key)[-1].name == "intermediate-g1"


def test_a_longer_chain_is_imported_root_first(lab: Lab, operator: Actor, key: ec.EllipticCurvePrivateKey) -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    upper = Certified(keys[0], certify(ec_root(), common_name("Upper 2"), keys[0].public_key(), path_length=2))
    lower = Certified(keys[1], certify(upper, common_name("Upper 1"), keys[1].public_key(), path_length=1))
    issuing = certify(lower, NAME, key.public_key())
    path = (issuing, lower.certificate, upper.certificate, ec_root().certificate)
    records = lab.external.import_authority(operator, [path[2], path[0], path[3], path[1]], key)
    assert [record.id for record in records] == ["root-g1", "upper-2-g1", "upper-1-g1", "intermediate-g1"]
    assert lab.hierarchy.list_issuers() == records
    assert lab.hierarchy.active().chain == path


def test_an_import_is_recorded(lab: Lab, operator: Actor) -> None:
    pair = certificates.intermediate("P-256", "P-256")
    lab.external.import_authority(operator, pair.chain, pair.key)
    assert isinstance(lab.issuers, InMemoryIssuerStore)
    assert [(event.event, event.subject) for event in lab.issuers.events] == [
        (Event.AUTHORITY_IMPORTED, "intermediate-g1")
    ]


def test_nothing_is_imported_beside_an_authority(lab: Lab, operator: Actor) -> None:
    lab.initialised()
    pair = certificates.intermediate("P-256", "P-256")
    with pytest.raises(Conflict) as caught:
        lab.external.import_authority(operator, pair.chain, pair.key)
    assert caught.value.rule == "authority.exists"
    assert len(lab.hierarchy.list_issuers()) == 2


def test_a_key_that_no_certificate_belongs_to_is_refused(
    lab: Lab, operator: Actor, key: ec.EllipticCurvePrivateKey
) -> None:
    pair = certificates.intermediate("P-256", "P-256")
    for intermediate_key, root_key in ((key, None), (pair.key, key)):
        with pytest.raises(Refused) as caught:
            lab.external.import_authority(operator, pair.chain, intermediate_key, root_key)
        assert caught.value.rule == "authority.key-mismatch"
    assert lab.hierarchy.list_issuers() == ()


def test_a_root_alone_is_refused(lab: Lab, operator: Actor) -> None:
    root = certificates.root("P-256")
    with pytest.raises(Refused) as caught:
        lab.external.import_authority(operator, root.chain, root.key)
    assert caught.value.rule == "chain.no-intermediate"


def test_certificates_with_keys_that_cannot_be_read_are_passed_over(
    lab: Lab, operator: Actor, key: ec.EllipticCurvePrivateKey
) -> None:
    curve_name_of_p256, unknown = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03017f")
    good = [certify(ec_root(), NAME, key.public_key()), ec_root().certificate]
    broken = good[1].public_bytes(Encoding.DER).replace(curve_name_of_p256, unknown)
    unreadable = x509.load_der_x509_certificate(broken)
    records = lab.external.import_authority(operator, [unreadable, *good], key)
    assert len(records) == 2


def _refusals(
    issuer: Certified, key: ec.EllipticCurvePublicKey, subject: x509.Name
) -> dict[str, list[x509.Certificate]]:
    """Rule -> certificates that are refused for it."""
    root = issuer.certificate
    ec_521 = self_signed(ec.generate_private_key(ec.SECP521R1()), "Large Root")
    namesake = self_signed(ec.generate_private_key(ec.SECP256R1()), "Namesake")
    return {
        "chain.rsa-link": [certify(rsa_root(), subject, key), rsa_root().certificate],
        "chain.expired": [certify(issuer, subject, key, not_after=NOON - timedelta(days=1)), root],
        "chain.not-authority": [certify(issuer, subject, key, is_authority=False), root],
        "chain.key-usage": [certify(issuer, subject, key, can_sign=False), root],
        "chain.incomplete": [certify(issuer, subject, key)],
        "chain.curve": [certify(ec_521, subject, key), ec_521.certificate],
        "chain.same-name": [certify(namesake, namesake.certificate.subject, key), namesake.certificate],
    }


RULES = ("chain.rsa-link", "chain.expired", "chain.not-authority", "chain.key-usage", "chain.incomplete", "chain.curve",
         "chain.same-name")  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_a_chain_that_could_not_stand_above_leaves_is_not_imported(
    lab: Lab, operator: Actor, key: ec.EllipticCurvePrivateKey, rule: str
) -> None:
    given = _refusals(ec_root(), key.public_key(), NAME)[rule]
    with pytest.raises(Refused) as caught:
        lab.external.import_authority(operator, given, key)
    assert caught.value.rule == rule
    assert lab.hierarchy.list_issuers() == ()


#: Object identifier and content; the second is no DER of the first.
DAMAGED = {
    "nsCertType": ("2.16.840.1.113730.1.1", b"\x04\x01"),
    "address blocks (RFC 3779)": ("1.3.6.1.5.5.7.1.7", b"\x30\x03\x02"),
    "autonomous systems (RFC 3779)": ("1.3.6.1.5.5.7.1.8", b"\x30\x03\x02"),
}


@pytest.mark.parametrize("is_in_root", [True, False])
@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
def test_authorities_that_openssl_refuses_are_not_imported(
    lab: Lab, operator: Actor, key: ec.EllipticCurvePrivateKey, damaged: tuple[str, bytes], is_in_root: bool
) -> None:
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(damaged[0]), damaged[1])
    own_key = ec.generate_private_key(ec.SECP256R1())
    root = self_signed(own_key, also=extension if is_in_root else None)
    issuing = certify(root, NAME, key.public_key(), also=None if is_in_root else extension)
    with pytest.raises(Refused) as caught:
        lab.external.import_authority(operator, [issuing, root.certificate], key)
    assert caught.value.rule == "authority.openssl"
    assert lab.hierarchy.list_issuers() == ()


def test_an_extension_that_is_only_unknown_is_no_damage(
    lab: Lab, operator: Actor, key: ec.EllipticCurvePrivateKey
) -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\xff")
    given = [certify(ec_root(), NAME, key.public_key(), also=unknown), ec_root().certificate]
    assert len(lab.external.import_authority(operator, given, key)) == 2


@pytest.mark.parametrize("rule", RULES)
def test_a_chain_that_could_not_stand_above_leaves_is_not_installed(lab: Lab, operator: Actor, rule: str) -> None:
    csr = requested(lab, operator)
    before = lab.hierarchy.list_issuers()
    with pytest.raises(Refused) as caught:
        lab.external.install_intermediate(operator, _refusals(ec_root(), public(csr), csr.subject)[rule])
    assert caught.value.rule == rule
    assert lab.hierarchy.list_issuers() == before


def test_a_path_length_that_leaves_no_room_is_refused(
    lab: Lab, operator: Actor, key: ec.EllipticCurvePrivateKey
) -> None:
    upper_key = ec.generate_private_key(ec.SECP256R1())
    upper = Certified(upper_key, certify(ec_root(), common_name("Upper"), upper_key.public_key(), path_length=0))
    given = [certify(upper, NAME, key.public_key()), upper.certificate, ec_root().certificate]
    with pytest.raises(Refused) as caught:
        lab.external.import_authority(operator, given, key)
    assert caught.value.rule == "chain.path-length"


@pytest.mark.parametrize("known", ["intermediate", "root"])
def test_an_authority_whose_private_key_is_public_is_refused(
    lab: Lab, operator: Actor, key: ec.EllipticCurvePrivateKey, known: str
) -> None:
    tiny = ec.derive_private_key(7, ec.SECP384R1())
    root = self_signed(tiny if known == "root" else key)
    own = key if known == "root" else tiny
    path = (certify(root, common_name("Sub"), own.public_key()), root.certificate)
    with pytest.raises(Refused) as refusal:
        lab.external.import_authority(operator, path, own)
    assert refusal.value.rule == "authority.key-known"


def test_an_rsa_root_is_refused_with_what_would_happen_below_it(
    lab: Lab, operator: Actor, key: ec.EllipticCurvePrivateKey
) -> None:
    with pytest.raises(Refused, match="SocialMiner chat and e-mail stop"):
        lab.external.import_authority(
            operator, [certify(rsa_root(), NAME, key.public_key()), rsa_root().certificate], key
        )


def test_the_request_asks_for_an_intermediate(lab: Lab, operator: Actor) -> None:
    csr = requested(lab, operator)
    constraints = csr.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = csr.extensions.get_extension_for_class(x509.KeyUsage)
    assert csr.is_signature_valid
    assert csr.subject.rfc4514_string() == "CN=Example Lab EC Intermediate CA G1,O=Example Lab"
    assert (constraints.value, constraints.critical) == (x509.BasicConstraints(ca=True, path_length=0), True)
    assert key_usage_names(usage.value) == profiles.INTERMEDIATE.key_usage


def test_a_request_without_a_name_gets_one_of_its_own(lab: Lab, operator: Actor) -> None:
    csr = x509.load_pem_x509_csr(lab.external.request_intermediate(operator, "", "P-256"))
    assert csr.subject != x509.load_pem_x509_csr(Lab().external.request_intermediate(operator, "", "P-256")).subject


def test_the_request_can_be_shown_again(lab: Lab, operator: Actor) -> None:
    first, again = requested(lab, operator), requested(lab, operator)
    assert (first.subject, first.public_key()) == (again.subject, again.public_key())
    assert len(lab.hierarchy.list_issuers()) == 1


@pytest.mark.parametrize(
    ("name", "curve", "rule"), [("Käse", "P-256", "authority.name"), ("Lab", "P-521", "authority.curve")]
)
def test_a_request_that_cannot_be_is_refused_before_a_key_is_made(
    lab: Lab, operator: Actor, name: str, curve: str, rule: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.external.request_intermediate(operator, name, curve)
    assert caught.value.rule == rule
    assert not lab.keystore.has("intermediate-g1")


def test_no_intermediate_is_requested_beside_an_authority(lab: Lab, operator: Actor) -> None:
    lab.initialised()
    with pytest.raises(Conflict) as caught:
        lab.external.request_intermediate(operator, PLAN.name, "P-256")
    assert caught.value.rule == "authority.exists"


def test_a_pending_intermediate_does_not_sign(lab: Lab, operator: Actor) -> None:
    requested(lab, operator)
    assert lab.hierarchy.find_active() is None


def test_an_installed_intermediate_signs_under_the_external_root(lab: Lab, operator: Actor) -> None:
    csr = requested(lab, operator)
    issued = certify(ec_root(), csr.subject, public(csr))
    root, intermediate = lab.external.install_intermediate(operator, [ec_root().certificate, issued])
    active = lab.hierarchy.active()
    assert active.chain == (issued, ec_root().certificate)
    assert lab.hierarchy.signing_key(active).public_key() == public(csr)
    assert (root.key_id, intermediate.key_id) == (None, "intermediate-g1")


def test_nothing_is_installed_that_was_not_requested(lab: Lab, operator: Actor) -> None:
    with pytest.raises(NotFound) as caught:
        lab.external.install_intermediate(operator, [ec_root().certificate])
    assert caught.value.rule == "authority.not-pending"


def test_the_certificate_of_another_key_is_not_installed(
    lab: Lab, operator: Actor, key: ec.EllipticCurvePrivateKey
) -> None:
    csr = requested(lab, operator)
    given: Sequence[x509.Certificate] = [certify(ec_root(), csr.subject, key.public_key()), ec_root().certificate]
    with pytest.raises(Refused) as caught:
        lab.external.install_intermediate(operator, given)
    assert caught.value.rule == "authority.key-mismatch"
