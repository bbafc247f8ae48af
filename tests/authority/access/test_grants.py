"""What a token may at most: certificates whose names and profile it allows, at the check, the issue and the reading."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ca_service.authority.access.grants import Grant
from ca_service.authority.access.permissions import SCOPES, Actor, Role
from ca_service.authority.fleet.records import ClusterQuery
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.examination import Options
from ca_service.errors import Conflict, NotAllowed, NotFound, Refused, only_errors
from tests.support import pkcs10, requests
from tests.support.factories import Lab, actor
from tests.support.requests import ALTERNATE_ADDRESS, UCCX_PUBLISHER, UCCX_SUBSCRIBER, key


def holder(*names: str, profiles: tuple[str, ...] = (), role: Role = Role.REQUESTER) -> Actor:
    """Somebody with a token for these names and profiles."""
    return replace(actor(role), grant=Grant(1, frozenset(SCOPES), names, profiles))


def request(common_name: str, *hosts: str) -> bytes:
    """A request with this common name and these DNS names."""
    extensions = (pkcs10.hosts(*hosts),) if hosts else ()
    return pkcs10.Recipe(key(common_name), pkcs10.name(("CN", 12, common_name)), extensions).der()


def faults(lab: Lab, who: Actor, data: bytes, options: Options = Options()) -> list[tuple[str, str]]:  # noqa: B008
    """(rule, pointer) of what stands in the way, which has to be the same at the check and at the issue."""
    [examination] = lab.issuance.check(who, [data], options)
    found = [(each.rule, each.pointer) for each in only_errors(examination.findings)]
    if found:
        with pytest.raises(Refused) as caught:
            lab.issuance.issue(who, [data], options)
        assert [(each.rule, each.pointer) for each in only_errors(caught.value.findings)] == [
            (rule, f"/csr/0{pointer}") for rule, pointer in found
        ]
        assert not lab.inventory.list_certificates(actor(), CertificateQuery()).certificates
    else:
        assert lab.issuance.issue(who, [data], options).created
    return found


SAN = "/subject_alternative_name"


@pytest.mark.parametrize(
    ("names", "common_name", "hosts", "expected"),
    [
        (("*.example.com",), "uccx1-EC.example.com", ("example.com", "uccx1.example.com"), []),
        (("*.example.com",), "uccx1-EC-ms.example.com", ("example.com", "uccx1.example.com", "b.example.com"), []),
        (("*.EXAMPLE.com".lower(),), "UCCX1-EC.example.com", ("Example.COM", "UCCX1.example.com"), []),
        (("uccx1.example.com", "example.com"), "uccx1-EC.example.com", ("example.com", "uccx1.example.com"), []),
        (("uccx1.example.com",), "uccx1-EC.example.com", ("uccx1.example.com",), []),
        (("uccx1.example.com",), "uccx1-EC.example.com", ("example.com", "uccx1.example.com"), [f"{SAN}/0"]),
        (("uccx1.example.com",), "uccx1-EC.example.com", ("uccx1.example.com", "vcenter.example.com"), [f"{SAN}/1"]),
        (("*.uc.example.com",), "uccx1-EC.example.com", ("uccx1.example.com",), [f"{SAN}/0", "/subject"]),
        (("uccx1.example.com",), "evil-EC.example.com", ("uccx1.example.com",), ["/subject"]),
        (("uccx1.example.com",), "evil.example.com.", ("uccx1.example.com",), ["/subject"]),
        (("uccx1.example.com",), "10.0.0.5", ("uccx1.example.com",), ["/subject"]),
        (("*.example.com",), "example.com", ("example.com",), [f"{SAN}/0", "/subject"]),
        *(
            (("uccx1.example.com",), common_name, ("uccx1.example.com",), ["/subject"])
            for common_name in (
                *(
                    "An ordinary name",
                    "*",
                    "bank.com:443",
                    "https://bank.com",
                    "bank.com/",
                    "user@bank.com",
                    "bank,com",
                ),
                *(
                    "\uff42\uff41\uff4e\uff4b.com",
                    "bank\u3002com",
                    "10.0.0.5:443",
                    "uccx1.example.com bank.com",
                    "bank_com",
                ),
            )
        ),
        *(
            (("*.example.com",), common_name, ("uccx1.example.com",), ["/subject"])
            for common_name in ("https://bank.com?.example.com", "bank.com/.example.com", "bank.com      .example.com")
        ),
        (("uccx1.example.com",), " uccx1-EC.example.com ", ("uccx1.example.com",), []),
    ],
)
def test_every_name_of_the_certificate_has_to_be_allowed(
    lab: Lab, names: tuple[str, ...], common_name: str, hosts: tuple[str, ...], expected: list[str]
) -> None:
    found = faults(lab.initialised(), holder(*names), request(common_name, *hosts))
    assert [pointer for _, pointer in found] == expected
    assert {rule for rule, _ in found} <= {"token.name", "token.name-parent"}


def test_the_parent_domain_is_explained(lab: Lab) -> None:
    data = request("uccx1-EC.example.com", "example.com", "uccx1.example.com")
    [examination] = lab.initialised().issuance.check(holder("uccx1.example.com"), [data], Options())
    [found] = only_errors(examination.findings)
    assert found.rule == "token.name-parent"
    assert "example.com, the parent domain that a node adds to its CSR" in found.detail


def test_all_common_names_count(lab: Lab) -> None:
    subject = pkcs10.name(("CN", 12, "evil.example.com"), ("CN", 12, "uccx1-EC.example.com"))
    data = pkcs10.Recipe(key("two"), subject, (pkcs10.hosts("uccx1.example.com"),)).der()
    assert faults(lab.initialised(), holder("uccx1.example.com"), data) == [("token.name", "/subject")]


def test_addresses_have_to_be_allowed_as_well(lab: Lab) -> None:
    lab.initialised()
    found = faults(lab, holder("*.example.com"), ALTERNATE_ADDRESS.data)
    assert {rule for rule, _ in found} == {"token.name"}
    assert not faults(
        lab, holder("*.example.com", "10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"), ALTERNATE_ADDRESS.data
    )


def test_the_host_name_that_is_added_has_to_be_allowed(lab: Lab) -> None:
    data, options = request("uccx1-EC.example.com"), Options(add_host_name=True)
    found = faults(lab.initialised(), holder("other.example.com"), data, options)
    assert found == [("token.name", f"{SAN}/0"), ("token.name", "/subject")]
    assert not faults(lab, holder("uccx1.example.com"), data, options)


def test_under_the_profile_server_the_parent_domain_is_a_name_like_any_other(lab: Lab) -> None:
    data, options = request("www.example.com", "example.com", "www.example.com"), Options(profile="server")
    assert faults(lab.initialised(), holder("*.example.com"), data, options) == [("token.name", f"{SAN}/0")]


def test_a_wildcard_certificate_is_below_the_wildcard_of_the_token(lab: Lab) -> None:
    options = Options(profile="server")
    wide, fit = (request(f"*.{domain}", f"*.{domain}") for domain in ("example.com", "uc.example.com"))
    assert faults(lab.initialised(), holder("*.uc.example.com"), wide, options)[0] == ("token.name", f"{SAN}/0")
    assert not faults(lab, holder("*.uc.example.com"), fit, options)


def test_the_profile_has_to_be_allowed(lab: Lab) -> None:
    lab.initialised()
    data = request("www.example.com", "www.example.com")
    options = Options(profile="server")
    assert faults(lab, holder(profiles=("vos",)), data, options) == [("token.profile", "/profile")]
    assert not faults(lab, holder(profiles=("vos", "server")), data, options)


def test_without_a_limit_everything_is_allowed(lab: Lab) -> None:
    assert not faults(lab.initialised(), holder(), UCCX_PUBLISHER.data)


def test_a_request_that_cannot_be_read_is_refused_for_that_alone(lab: Lab) -> None:
    [examination] = lab.initialised().issuance.check(holder("a.example.com"), [b"no request"], Options())
    assert not any(found.rule.startswith("token.") for found in examination.findings)


# Reading


def test_a_certificate_is_seen_by_those_who_could_have_it(lab: Lab) -> None:
    lab.initialised()
    record, other = lab.issuance.issue(actor(), [UCCX_PUBLISHER.data, UCCX_SUBSCRIBER.data], Options()).certificates
    for names, profiles, sees in (
        (("*.example.com",), (), True),
        (("uccx1.example.com", "example.com"), ("vos",), True),
        (("uccx1.example.com",), (), False),
        (("*.example.com",), ("server",), False),
        ((), (), True),
    ):
        who = holder(*names, profiles=profiles)
        listed = lab.inventory.list_certificates(who, CertificateQuery()).certificates
        assert (record in listed) is sees, names
        if sees:
            assert lab.issuance.get_certificate(who, record.serial_number) == record
            continue
        with pytest.raises(NotFound) as caught:
            lab.issuance.get_certificate(who, record.serial_number)
        assert caught.value.rule == "certificate.unknown"
    assert (
        other
        not in lab.inventory.list_certificates(
            holder("uccx1.example.com", "example.com"), CertificateQuery()
        ).certificates
    )


def test_nothing_is_taken_from_the_answer_to_another_token_of_the_account(lab: Lab) -> None:
    lab.initialised()
    lab.issuance.issue(holder("*.example.com"), [UCCX_PUBLISHER.data], Options(), "key")
    with pytest.raises(Refused) as caught:
        lab.issuance.issue(holder("other.example.com"), [UCCX_PUBLISHER.data], Options(), "key")
    assert caught.value.rule == "token.name-parent"
    with pytest.raises(Refused) as caught:
        lab.issuance.issue(holder(profiles=("server",)), [UCCX_PUBLISHER.data], Options(), "key")
    assert caught.value.rule == "token.profile"
    assert not lab.issuance.issue(holder("*.example.com"), [UCCX_PUBLISHER.data], Options(), "other").created
    with pytest.raises(Conflict):
        lab.issuance.issue(holder("*.example.com"), [UCCX_SUBSCRIBER.data], Options(), "key")


@pytest.mark.parametrize("who", [holder("*.example.com"), holder(profiles=("vos",))])
def test_clusters_are_not_for_tokens_with_bounds(lab: Lab, who: Actor) -> None:
    for act in (
        lambda: lab.fleet.list_clusters(who, ClusterQuery()),
        lambda: lab.fleet.get_cluster(who, 1),
        lambda: lab.fleet.create(who, "Lab", []),
    ):
        with pytest.raises(NotAllowed) as caught:
            act()
        assert caught.value.rule == "token.bounded"
    assert not lab.fleet.list_clusters(holder(), ClusterQuery()).items


def test_requests_of_real_nodes_need_no_more_than_the_wildcard_of_their_domain(lab: Lab) -> None:
    lab.initialised()
    data = [each.data for each in requests.THREE_NODES]
    assert len(lab.issuance.issue(holder("*.example.com", profiles=("vos",)), data, Options()).certificates) == 3


def test_a_parent_domain_in_the_subject_is_not_allowed_by_a_host_beside_it() -> None:
    grant = Grant(1, frozenset(SCOPES), ("*.example.com",))
    hosts = ("DNS:uccx1.example.com", "DNS:example.com")
    assert list(grant.faults("vos", hosts)) == []
    assert [each.pointer for each in grant.faults("vos", ("DNS:uccx1.example.com",), hosts)] == ["/subject"]


@pytest.mark.parametrize(("count", "shown"), [(5, "n0, n1, n2, n3, n4."), (6, "n0, n1, n2, n3, n4 ...")])
def test_five_of_the_names_that_a_token_covers_are_shown(count: int, shown: str) -> None:
    grant = Grant(1, frozenset(SCOPES), tuple(f"n{number}" for number in range(count)))
    [fault] = grant.faults("server", ("DNS:other",))
    assert f"It covers {shown}" in fault.remedy
