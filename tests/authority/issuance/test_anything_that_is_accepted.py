"""Whatever a person can ask: it is refused with findings, or signed; our own lint never has to stop it."""

from __future__ import annotations

from functools import cache

from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from ca_service.errors import InvalidInput, Refused
from tests.support import pkcs10, requests
from tests.support.asn1 import PRINTABLE_STRING, UTF8_STRING
from tests.support.factories import Lab, actor
from tests.support.pkcs10 import DNS, EMAIL, IP, KEY_USAGE_BITS, URI, Recipe

WHO = actor(Role.REQUESTER)
GOOD_LABELS = st.sampled_from(["a", "uccx1", "uccx1-EC", "UCCX1", "x" * 63, "1", "xn--kse-qla"])
ODD_LABELS = st.sampled_from(["-", "*", "a_b", "", "x" * 64])
HOSTS = st.lists(GOOD_LABELS, min_size=1, max_size=5).map(".".join)
ODD_HOSTS = st.lists(GOOD_LABELS | ODD_LABELS, min_size=1, max_size=5).map(".".join)
GOOD_NAMES = st.one_of(
    st.tuples(st.just(DNS), HOSTS),
    st.tuples(st.just(IP), st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)),
)
ODD_NAMES = st.tuples(st.sampled_from([DNS, EMAIL, URI]), ODD_HOSTS)
PURPOSES = st.lists(st.sampled_from(["serverAuth", "clientAuth", "ipsecEndSystem"]), min_size=1, max_size=5)
ODD_PURPOSES = st.lists(st.sampled_from(list(pkcs10.PURPOSES)), min_size=1, max_size=5)
BITS = st.lists(st.sampled_from(requests.OLD_USAGE), min_size=1, unique=True)
ODD_BITS = st.lists(st.sampled_from(KEY_USAGE_BITS), min_size=1, unique=True)
ATTRIBUTES = st.tuples(
    st.sampled_from(["C", "ST", "L", "O", "OU", "CN"]),
    st.just(UTF8_STRING),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=70),
)
ODD_ATTRIBUTES = st.tuples(
    st.sampled_from(["C", "CN"]), st.sampled_from([UTF8_STRING, PRINTABLE_STRING]), st.text(max_size=70) | ODD_HOSTS
)


@st.composite
def recipes(draw: st.DrawFn) -> bytes:
    """A request that is well signed, and odd in one thing at most; DER."""
    odd = draw(st.sampled_from(["", "", "", "names", "bits", "purposes", "subject"]))
    names = draw(st.lists(ODD_NAMES if odd == "names" else GOOD_NAMES, max_size=4, unique=odd != "names"))
    extensions = [pkcs10.alternative_name(*names)] if names or odd == "names" else []
    if draw(st.booleans()):
        extensions.append(pkcs10.key_usage(*draw(ODD_BITS if odd == "bits" else BITS)))
    if draw(st.booleans()):
        extensions.append(pkcs10.extended_key_usage(*draw(ODD_PURPOSES if odd == "purposes" else PURPOSES)))
    attributes = draw(st.lists(ODD_ATTRIBUTES if odd == "subject" else ATTRIBUTES, min_size=1, max_size=4))
    return Recipe(requests.key("anything"), pkcs10.name(*attributes), tuple(extensions)).der()


OPTIONS = st.builds(
    Options,
    profile=st.sampled_from(["vos", "server"]),
    validity_days=st.none() | st.integers(1, 825) | st.sampled_from([-(10**12), 0, 826, 10**12]),
    new=st.booleans(),
    add_host_name=st.booleans(),
)


@cache
def signing() -> Lab:
    """Use cases with an authority; the same within a process."""
    return Lab().initialised()


@settings(max_examples=150)
@given(data=recipes() | st.binary(max_size=200), options=OPTIONS)
def test_a_submission_is_refused_or_signed(data: bytes, options: Options) -> None:
    lab = signing()
    try:
        (record,) = lab.issuance.issue(WHO, [data], options).certificates
    except (Refused, InvalidInput) as error:
        assert all(finding.detail for finding in error.findings)  # noqa: PT017 - both ways out are right
        return
    certificate = x509.load_der_x509_certificate(record.der)
    certificate.verify_directly_issued_by(lab.hierarchy.active().chain[0])
    assert lab.issuance.bundle([record]).to_zip()
