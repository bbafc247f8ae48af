"""A request held against its profile and the policy: what is found, and what the certificate would contain."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.issuance.examination import Examination, Options, Policy, examine, require_all
from ca_service.errors import InvalidInput, Refused, Severity
from ca_service.pki import csr
from ca_service.pki.profiles import get_leaf_profile
from ca_service.vos.destinations import NOWHERE, Destination
from tests.support import pkcs10, refused_requests, requests
from tests.support.asn1 import UTF8_STRING
from tests.support.pkcs10 import Recipe
from tests.support.requests import PURPOSES, USAGE, Request

POLICY = Policy()
_MISSING = ("usage.server-missing", "usage.client-missing")


def examined(data: bytes, options: Options | None = None, policy: Policy = POLICY) -> Examination:
    """The examination of a request, under the profile `vos` if nothing else is said."""
    options = options or Options()
    return examine(csr.read(data), get_leaf_profile(options.profile), options, policy)


def rules(examination: Examination) -> dict[str, Severity]:
    """rule -> severity."""
    return {found.rule: found.severity for found in examination.findings}


def asking(*extensions: bytes, common_name: str = "node-EC.example.com") -> bytes:
    """A request with these extensions."""
    return Recipe(requests.key("node"), requests.subject(common_name), extensions).der()


def named(common_name: str, *names: str | tuple[int, bytes]) -> bytes:
    """A request for these names."""
    entries = [(pkcs10.DNS, name) if isinstance(name, str) else name for name in names]
    asked = (pkcs10.alternative_name(*entries),) if entries else ()
    return asking(*requests.usages(USAGE, PURPOSES), *asked, common_name=common_name)


@pytest.mark.parametrize("request_", requests.GOOD, ids=lambda request: request.name)
def test_a_good_request_is_not_refused(request_: Request) -> None:
    assert not examined(request_.data).is_refused


def test_what_a_refused_request_says_is_shown_if_it_can_be_read() -> None:
    by_rule = {request.rule: request.data for request in refused_requests.REFUSALS}
    rsa, nothing = examined(by_rule["csr.key.rsa"]), examined(b"")
    assert rsa.description is not None
    assert rsa.description.key.startswith("RSA")
    assert nothing.description is None


def test_subject_alternative_name_and_usages_are_copied_as_they_are() -> None:
    data = named("node-EC.example.com", "node.example.com", (pkcs10.IP, ip_address("192.0.2.1").packed), "example.com")
    examination = examined(data)
    assert examination.subject_alternative_name == x509.SubjectAlternativeName(
        [x509.DNSName("node.example.com"), x509.IPAddress(ip_address("192.0.2.1")), x509.DNSName("example.com")]
    )
    assert (examination.key_usage, examination.extended_key_usage) == (USAGE, PURPOSES)
    assert examination.findings == ()


@pytest.mark.parametrize(
    ("extensions", "put_in"),
    [
        ((), "digitalSignature, serverAuth, clientAuth"),
        ((pkcs10.key_usage("digitalSignature"),), "serverAuth, clientAuth"),
        ((pkcs10.extended_key_usage("serverAuth", "clientAuth"),), "digitalSignature"),
    ],
)
def test_what_a_request_does_not_ask_is_put_in_and_told(extensions: tuple[bytes, ...], put_in: str) -> None:
    examination = examined(asking(*extensions, pkcs10.hosts("node.example.com")))
    (finding,) = examination.findings
    assert (finding.rule, finding.severity) == ("usage.default", Severity.NOTE)
    assert finding.detail.endswith(f"are added: {put_in}.")
    assert examination.key_usage
    assert examination.extended_key_usage


@pytest.mark.parametrize(
    ("asked", "destination", "rules"),
    [
        (("serverAuth",), NOWHERE, ["usage.client-missing"]),
        (("clientAuth",), NOWHERE, ["usage.server-missing"]),
        (("serverAuth",), Destination("tomcat-ECDSA", "uccx", "12.5"), ["usage.client-missing"]),
        (("serverAuth",), Destination("tomcat-ECDSA", "uccx", "15.0(1)SU2"), []),
        (("serverAuth", "clientAuth"), NOWHERE, []),
    ],
)
def test_a_node_that_would_lack_a_usage_is_warned_of_until_its_release_has_separate_certificates(
    asked: tuple[str, ...], destination: Destination, rules: list[str]
) -> None:
    made = asking(pkcs10.extended_key_usage(*asked), pkcs10.hosts("node.example.com"))
    found = examined(made, Options(destination=destination)).findings
    assert [each.rule for each in found if each.rule in _MISSING] == rules
    assert not any(each.is_error for each in found)


def test_a_plain_server_needs_no_client_auth() -> None:
    made = asking(pkcs10.extended_key_usage("serverAuth"), pkcs10.hosts("node.example.com"))
    assert not [each for each in examined(made, Options("server")).findings if each.rule in _MISSING]


@pytest.mark.parametrize(
    ("extension", "rule"),
    [
        (pkcs10.key_usage("digitalSignature", "contentCommitment"), "csr.key-usage"),
        (pkcs10.extended_key_usage("serverAuth", "codeSigning"), "csr.extended-key-usage"),
        (pkcs10.key_usage("digitalSignature", "keyCertSign"), "csr.authority"),
        (pkcs10.key_usage("cRLSign"), "csr.authority"),
    ],
)
def test_a_usage_that_the_profile_does_not_issue_is_refused(extension: bytes, rule: str) -> None:
    assert rules(examined(asking(extension, pkcs10.hosts("node.example.com"))))[rule] is Severity.ERROR


SERVER_ALONE, BOTH, CLIENT_ALONE = ("serverAuth",), ("serverAuth", "clientAuth"), ("clientAuth",)


@pytest.mark.parametrize(
    ("profile", "asked", "issued", "is_told"),
    [
        ("server", ("serverAuth",), SERVER_ALONE, False),
        ("server", ("serverAuth", "clientAuth"), BOTH, False),
        ("server", ("clientAuth", "serverAuth"), BOTH, False),
        ("server", ("clientAuth",), BOTH, True),
        ("server", ("serverAuth", "codeSigning"), SERVER_ALONE, True),
        ("client", ("clientAuth",), CLIENT_ALONE, False),
        ("client", ("serverAuth", "clientAuth"), CLIENT_ALONE, True),
        ("client", ("serverAuth",), CLIENT_ALONE, True),
    ],
)
def test_server_and_client_get_their_purposes_and_a_server_that_asks_is_a_client_too(
    profile: str, asked: tuple[str, ...], issued: tuple[str, ...], is_told: bool
) -> None:
    purposes = pkcs10.extended_key_usage(*asked)
    examination = examined(_with_subject(("CN", "host.example.com"), more=(purposes,)), Options(profile=profile))
    assert (examination.key_usage, examination.extended_key_usage) == (("digitalSignature",), issued)
    assert rules(examination) == ({"usage.fixed": Severity.NOTE} if is_told else {})


def test_a_server_gets_no_encipherment_bit_and_is_told() -> None:
    data = asking(*requests.usages(USAGE, SERVER_ALONE), pkcs10.hosts("host.example.com"))
    examination = examined(data, Options(profile="server"))
    assert examination.key_usage == ("digitalSignature",)
    assert rules(examination)["usage.fixed"] is Severity.NOTE


@pytest.mark.parametrize("profile", ["server", "client"])
def test_what_a_node_may_have_in_its_subject_is_refused_elsewhere(profile: str) -> None:
    long, junk = _with_subject(("CN", "x" * 65)), _with_subject(("C", "Germany"), ("CN", "host.example.com"))
    for data, warned, refused in (
        (long, "subject.common-name-length", "subject.common-name-refused"),
        (junk, "subject.country", "subject.country-refused"),
    ):
        assert rules(examined(data))[warned] is Severity.WARNING
        found = rules(examined(data, Options(profile=profile)))
        assert (found.get(refused), warned in found) == (Severity.ERROR, False)


@pytest.mark.parametrize("value", ["de", "DE"])
def test_a_country_of_two_letters_and_a_common_name_of_64_are_good(value: str) -> None:
    data = _with_subject(("C", value), ("CN", "x" * 64))
    assert examined(data, Options(profile="server")).findings == ()


def test_an_empty_subject_is_refused_for_a_node_and_accepted_elsewhere() -> None:
    data = _with_subject()
    assert rules(examined(data))["subject.empty"] is Severity.ERROR
    for profile in ("server", "client"):
        examination = examined(data, Options(profile=profile))
        assert (examination.findings, examination.host) == ((), "host.example.com")


def test_an_empty_subject_without_names_is_refused() -> None:
    data = Recipe(requests.key("nobody"), pkcs10.name()).der()
    assert rules(examined(data, Options(profile="server", add_host_name=True)))["san.no-host-name"] is Severity.ERROR


def test_a_client_gets_no_wildcard() -> None:
    data = asking(pkcs10.hosts("*.example.com"), common_name="a.example.com")
    assert rules(examined(data, Options(profile="client")))["san.wildcard-client"] is Severity.ERROR
    assert "san.wildcard-client" not in rules(examined(data, Options(profile="server")))


def _with_subject(*parts: tuple[str, str], more: tuple[bytes, ...] = ()) -> bytes:
    """A CSR with this subject, for a host."""
    usages = (pkcs10.key_usage("digitalSignature"), pkcs10.hosts("host.example.com"), *more)
    return Recipe(
        requests.key("host"), pkcs10.name(*((kind, UTF8_STRING, value) for kind, value in parts)), usages
    ).der()


def test_a_plain_server_that_asks_for_no_usages_is_told_nothing() -> None:
    data = asking(pkcs10.hosts("host.example.com"), common_name="host.example.com")
    assert examined(data, Options(profile="server")).findings == ()


def test_an_extension_that_is_not_copied_is_told() -> None:
    policies = pkcs10.extension("2.5.29.32", bytes.fromhex("30083006060455040300"))
    examination = examined(asking(policies, pkcs10.hosts("node.example.com")))
    assert rules(examination)["extension.left-out"] is Severity.NOTE


def test_p521_is_signed_with_a_warning_where_the_operator_allows_it() -> None:
    data = requests.CUCM_14SU2.data
    assert rules(examined(data))["csr.key.p521"] is Severity.ERROR
    assert rules(examined(data, policy=replace(POLICY, allow_p521=True)))["csr.key.p521-allowed"] is Severity.WARNING


def test_a_profile_that_there_is_not_is_refused() -> None:
    for name in ("root", "intermediate", "VOS", ""):
        with pytest.raises(InvalidInput) as caught:
            examined(requests.UCCX_PUBLISHER.data, Options(profile=name))
        assert caught.value.rule == "profile.unknown"


@pytest.mark.parametrize(("days", "refused"), [(-1, True), (0, True), (1, False), (825, False), (826, True)])
def test_a_lifetime_out_of_range_is_refused(days: int, refused: bool) -> None:
    examination = examined(requests.UCCX_PUBLISHER.data, Options(validity_days=days))
    assert ("validity.range" in rules(examination)) is refused
    assert examination.days == days


def test_the_operators_limit_counts_and_the_default_is_the_operators() -> None:
    policy = replace(POLICY, default_days=30, max_days=60)
    assert examined(requests.UCCX_PUBLISHER.data, policy=policy).days == 30
    too_long = examined(requests.UCCX_PUBLISHER.data, Options(validity_days=61), policy)
    assert "1 to 60 days" in too_long.findings[-1].detail


def test_a_bad_lifetime_of_a_bad_request_is_told_as_well() -> None:
    assert {"csr.empty", "validity.range"} <= rules(examined(b"", Options(validity_days=0))).keys()


ADDRESS = (pkcs10.IP, ip_address("192.0.2.1").packed)


@pytest.mark.parametrize(
    ("common_name", "names", "host"),
    [
        ("uccx1-EC.example.com", ("example.com", "uccx1.example.com"), "uccx1.example.com"),
        ("cucm1-EC-ms.example.com", ("cucm2.example.com", "cucm1.example.com", "example.com"), "cucm1.example.com"),
        ("UCCX1-EC.Example.com", ("example.com", "uccx1.example.com"), "uccx1.example.com"),
        ("uccx1-EC", ("example.com", "uccx2.example.com", "uccx1.example.com"), "uccx1.example.com"),
        ("uccx1-EC.other.com", ("uccx2.example.com", "uccx1.example.com"), "uccx1.example.com"),
        ("Our cluster", ("example.com", "a.example.com"), "a.example.com"),
        ("Our cluster", (ADDRESS, "example.com"), "example.com"),
        ("192.0.2.1", (ADDRESS,), "192.0.2.1"),
        ("node", ((pkcs10.IP, ip_address("2001:db8::1").packed),), "2001:db8::1"),
    ],
)
def test_the_host_is_the_name_that_clients_use(
    common_name: str, names: tuple[str | tuple[int, bytes], ...], host: str
) -> None:
    assert examined(named(common_name, *names)).host == host


def test_a_plain_server_keeps_a_common_name_that_ends_like_a_nodes() -> None:
    data = named("web-EC.example.com", "web-EC.example.com", "web.example.com")
    assert examined(data, Options(profile="server")).host == "web-EC.example.com"


def test_a_wildcard_is_for_plain_servers_only() -> None:
    data = named("example.com", "*.example.com")
    assert rules(examined(data))["san.wildcard"] is Severity.ERROR
    assert not examined(data, Options(profile="server")).is_refused


def test_a_request_without_names_is_refused_unless_the_host_is_to_be_added() -> None:
    data = requests.BLANK_PARENT_DOMAIN.data
    added = examined(data, Options(add_host_name=True))
    assert rules(examined(data))["san.missing"] is Severity.ERROR
    assert rules(added) == {"san.added": Severity.NOTE}
    assert added.subject_alternative_name == x509.SubjectAlternativeName([x509.DNSName("fin1.example.com")])
    assert added.host == "fin1.example.com"


def test_a_common_name_that_is_no_host_is_not_added() -> None:
    examination = examined(named("Our cluster"), Options(add_host_name=True))
    assert rules(examination)["san.no-host-name"] is Severity.ERROR
    assert examination.subject_alternative_name is None


def test_a_subject_without_a_common_name_is_no_obstacle_where_there_are_names() -> None:
    subject = pkcs10.name(*requests.PLACE)
    data = Recipe(ec.generate_private_key(ec.SECP256R1()), subject, (pkcs10.hosts("node.example.com"),)).der()
    examination = examined(data)
    assert not examination.is_refused
    assert examination.host == "node.example.com"


def test_one_refused_request_refuses_all_with_every_finding_in_its_place() -> None:
    junk, bad = examined(requests.JUNK_COUNTRY.data), examined(b"")
    with pytest.raises(Refused) as caught:
        require_all([junk, bad])
    found = {(finding.rule, finding.pointer.split("/")[2]) for finding in caught.value.findings}
    assert found == {("subject.country", "0"), ("csr.empty", "1")}


def test_good_requests_are_let_through() -> None:
    require_all([examined(request.data) for request in requests.THREE_NODES])


@pytest.mark.parametrize(
    ("common_name", "hosts", "host", "is_missing"),
    [
        ("uccx1-EC.example.com", ("example.com",), "uccx1.example.com", True),  # CSCus47235
        ("uccx1-EC.example.com", ("example.com", "uccx1.example.com"), "uccx1.example.com", False),
        ("uccx1-EC.example.com", ("UCCX1.example.com",), "UCCX1.example.com", False),
        (
            "cucm1-EC-ms.example.com",
            ("example.com", "cucm1.example.com", "imp1.example.com"),
            "cucm1.example.com",
            False,
        ),
        ("test1.example.com", ("test2.example.com", "test3.example.com"), "test2.example.com", True),
        ("uccx1", ("example.com", "uccx1.example.com"), "uccx1.example.com", False),
        ("Contact Centre", ("uccx1.example.com",), "uccx1.example.com", False),
        ("192.0.2.1", ("uccx1.example.com",), "uccx1.example.com", False),
    ],
)
def test_a_host_that_is_not_among_its_names_is_a_warning(
    common_name: str, hosts: tuple[str, ...], host: str, is_missing: bool
) -> None:
    examination = examined(requests.node(common_name, *hosts).der())

    assert examination.host == host
    assert rules(examination).get("san.host-missing") is (Severity.WARNING if is_missing else None)
    assert examination.names == tuple(f"DNS:{each}" for each in hosts)


def test_a_wildcard_names_the_host() -> None:
    data = requests.node("www.example.com", "*.example.com").der()

    assert "san.host-missing" not in rules(examined(data, Options(profile="server")))


@pytest.mark.parametrize(
    ("data", "is_offered"),
    [
        (asking(pkcs10.hosts("wiki.example.com"), common_name="wiki.example.com"), True),
        (asking(pkcs10.hosts("wiki.example.com"), common_name="wiki-EC.example.com"), False),
        (asking(*requests.usages(USAGE, ("serverAuth",)), common_name="wiki.example.com"), False),
        (asking(pkcs10.extended_key_usage("clientAuth"), common_name="wiki.example.com"), False),
    ],
)
def test_the_profile_of_servers_is_offered_for_what_does_not_look_like_a_node(data: bytes, is_offered: bool) -> None:
    assert rules(examined(data)).get("profile.server") is (Severity.NOTE if is_offered else None)
    assert "profile.server" not in rules(examined(data, Options(profile="server")))
