"""Probes: who may look at what, what is kept of it, and where it moves the slots."""

from __future__ import annotations

import inspect
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service import deadline
from ca_service.authority.access.grants import Grant
from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.clusters import STEP_UNKNOWN
from ca_service.authority.fleet.connections import ProbeRules
from ca_service.authority.fleet.nodes import NodeInput
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.fleet.probing import MAX_PORTS
from ca_service.authority.fleet.states import Slot, State
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.documents.probes import ProbeDocument
from ca_service.errors import Busy, InvalidInput, NotAllowed, NotFound
from ca_service.pki.reasons import Reason
from ca_service.vos.served import SENTENCES, Remark, Verdict
from tests.support.factories import OPERATOR, Lab, actor
from tests.support.fakes import NOON
from tests.support.fleet import CONTACT_CENTRE
from tests.support.pkcs10 import pem
from tests.support.requests import THREE_NODES, UCCX_PUBLISHER, node
from tests.support.tls_servers import certified

REQUESTER = actor(Role.REQUESTER)
HOST = "uccx1.example.com"
LIVE_DATA = (HOST, 12015)


@pytest.fixture
def lab() -> Lab:
    """An authority with a cluster whose certificates are signed."""
    lab = Lab().initialised()
    lab.fleet.create(OPERATOR, "Lab", CONTACT_CENTRE)
    numbers = {each.fqdn: each.id for each in lab.fleet.get_cluster(OPERATOR, 1).nodes}
    placements = [
        Placement(each.data, numbers[f"{each.name}.example.com"], "tomcat-ECDSA", is_multi_server=False)
        for each in THREE_NODES
    ]
    lab.fleet.sign(OPERATOR, 1, placements, Options())
    return lab


def slot(lab: Lab, host: str = HOST) -> Slot:
    return next(each for each in lab.fleet.slots(OPERATOR, 1) if each.node.fqdn == host)


def certificate(lab: Lab, host: str = HOST) -> CertificateRecord:
    found = slot(lab, host).certificate
    assert found is not None
    return found


def chain(lab: Lab, record: CertificateRecord) -> tuple[x509.Certificate, ...]:
    return (x509.load_der_x509_certificate(record.der), *lab.hierarchy.chain_of(record.issuer_id)[:-1])


def self_signed() -> tuple[x509.Certificate, ...]:
    return (certified(ec.generate_private_key(ec.SECP256R1()), HOST, start=NOON - timedelta(days=1)),)


def test_what_agents_see_is_said_of_uccx_and_socialminer_11_5_alone(lab: Lab) -> None:
    nodes = [
        NodeInput("uccx15.example.com", "uccx", "15", "publisher"),
        NodeInput("cucm1.example.com", "cucm", "15", "publisher"),
    ]
    lab.fleet.create(OPERATOR, "Others", nodes)
    hosts = [HOST, "sm1.example.com", "uccx15.example.com", "cucm1.example.com", f"{HOST}:9443"]
    found = {each.target.host for each in lab.probes.probe(REQUESTER, hosts) if each.target.has_agents}
    assert found == {HOST, "sm1.example.com"}
    (single,) = lab.probes.probe(REQUESTER, [f"{HOST}:9443"])
    assert single.target.has_agents


def test_a_revoked_certificate_that_is_presented_does_not_work_until_the_hold_is_released(lab: Lab) -> None:
    only = Selection((certificate(lab).serial_number,))
    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    lab.revocation.revoke(OPERATOR, only, Reason.CERTIFICATE_HOLD)
    (held,) = lab.probes.probe(REQUESTER, [f"{HOST}:12015"])
    assert (held.verdict, held.remarks, held.works) == (Verdict.ISSUED, (Remark.REVOKED,), False)
    lab.revocation.release(OPERATOR, only)
    (released,) = lab.probes.probe(REQUESTER, [f"{HOST}:12015"])
    assert (released.remarks, released.works) == ((), True)


def test_a_certificate_below_a_revoked_authority_does_not_work(lab: Lab) -> None:
    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    lab.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)
    (found,) = lab.probes.probe(REQUESTER, [f"{HOST}:12015"])
    assert (found.verdict, found.remarks, found.works) == (Verdict.ISSUED, (Remark.AUTHORITY_REVOKED,), False)


def test_the_ports_of_the_product_are_looked_at_at_one_address(lab: Lab) -> None:
    lab.prober.addresses = {HOST: ("192.0.2.5", "192.0.2.6")}
    reports = list(lab.probes.probe(REQUESTER, [HOST]))
    assert {each.target.port for each in reports} == {12015, 7443, 5223, 8443, 8445}
    assert {address for _, _, address in lab.prober.connected} == {"192.0.2.5"}
    assert {each.verdict for each in reports} == {Verdict.REFUSED}


class Rebinding(dict[str, tuple[str, ...]]):
    """A name server that answers with this machine from the second question on."""

    def get(self, host: str, _default: object = None) -> tuple[str, ...]:
        """Answer."""
        return self.pop(host, ("127.0.0.1",))


def test_a_name_that_leads_elsewhere_after_it_was_judged_is_not_followed(lab: Lab) -> None:
    lab.prober.addresses = Rebinding({HOST: ("192.0.2.5",)})
    assert len(list(lab.probes.probe(REQUESTER, [f"{HOST}:8443", f"{HOST}:12015"]))) == 2
    assert {address for _, _, address in lab.prober.connected} == {"192.0.2.5"}
    with pytest.raises(InvalidInput, match=r"127\.0\.0\.1"):
        lab.probes.probe(REQUESTER, [HOST])


class Meeting(dict[str, tuple[str, ...]]):
    """A name server that answers once three questions are there; raises BrokenBarrierError if one waits for another."""

    def __init__(self) -> None:
        super().__init__()
        self._all_ask = threading.Barrier(3)

    def get(self, _host: str, _default: object = None) -> tuple[str, ...]:
        """Answer."""
        self._all_ask.wait(timeout=30)
        return ("192.0.2.7",)


def test_names_are_looked_up_at_the_same_time(lab: Lab) -> None:
    lab.prober.addresses = Meeting()
    hosts = [each.fqdn for each in CONTACT_CENTRE]
    assert {each.target.host for each in lab.probes.probe(REQUESTER, hosts)} == set(hosts)


def test_a_host_that_dns_does_not_know_is_one_report_and_says_nothing_of_its_ports(lab: Lab) -> None:
    lab.prober.addresses = {HOST: ()}
    (report,) = lab.probes.probe(REQUESTER, [HOST])
    assert (report.verdict, lab.probes.list_served(REQUESTER, HOST)) == (Verdict.UNKNOWN_HOST, ())


def test_a_single_port_is_looked_at_alone(lab: Lab) -> None:
    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    (report,) = lab.probes.probe(REQUESTER, [f"{HOST.upper()}.:12015"])
    assert (report.verdict, report.works, report.serial_number) == (
        Verdict.ISSUED,
        True,
        certificate(lab).serial_number,
    )
    assert report.target.service == "Socket.IO (Live Data)"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("uccx15.example.com:8443", ["once the certificate type is set to ECDSA"]),
        ("cucm1.example.com:8443", ["HTTPS Ciphers"]),
        ("uccx125.example.com:8443", ["Cisco removed ECDSA"]),
        ("cucm1.example.com:2443", []),  # of another purpose: HTTPS Ciphers is not for it
        ("cucm1.example.com:1234", []),
    ],
)
def test_a_port_without_an_ec_certificate_names_the_switch_of_its_product(
    lab: Lab, place: str, said: list[str]
) -> None:
    nodes = [
        NodeInput("uccx15.example.com", "uccx", "15", "publisher"),
        NodeInput("uccx125.example.com", "uccx", "12.5", "publisher"),
        NodeInput("cucm1.example.com", "cucm", "15", "publisher"),
    ]
    lab.fleet.create(OPERATOR, "Others", nodes)
    host, _, port = place.partition(":")
    lab.prober.rsa = {(host, int(port)): self_signed()}
    (report,) = lab.probes.probe(REQUESTER, [place])
    assert report.verdict is Verdict.NO_ECDSA
    first, *more = report.sentences
    assert first == SENTENCES[Verdict.NO_ECDSA]
    assert [part for sentence in more for part in said if part in sentence] == said
    assert len(more) == len(said) + len(report.remarks)


def test_a_node_that_was_not_restarted_is_named_where_others_of_its_product_were(lab: Lab) -> None:
    def named() -> list[str]:
        return ProbeDocument.of(list(lab.probes.probe_cluster(OPERATOR, 1))).not_restarted

    places = {each.fqdn: 12015 if "uccx" in each.fqdn else 7443 for each in CONTACT_CENTRE}
    lab.prober.chains = {(host, port): self_signed() for host, port in places.items()}
    assert named() == []
    lab.prober.chains[LIVE_DATA] = chain(lab, certificate(lab))
    lab.prober.chains[HOST, 8443] = self_signed()  # RSA alone by its documents
    assert named() == ["uccx2.example.com"]
    lab.prober.chains["uccx2.example.com", 12015] = chain(lab, certificate(lab, "uccx2.example.com"))
    assert named() == []


def test_an_earlier_certificate_is_older_and_one_that_only_has_the_number_is_not_ours(lab: Lab) -> None:
    first = certificate(lab)
    lab.issuance.issue(REQUESTER, [UCCX_PUBLISHER.data], Options(new=True))
    lab.prober.chains = {LIVE_DATA: chain(lab, first)}
    (report,) = lab.probes.probe(REQUESTER, [f"{HOST}:12015"])
    assert (report.verdict, report.serial_number) == (Verdict.OLDER, first.serial_number)
    key = ec.generate_private_key(ec.SECP256R1())
    forged = certified(key, HOST, start=NOON, serial_number=int(first.serial_number, 16))
    lab.prober.chains = {LIVE_DATA: (forged,)}
    (report,) = lab.probes.probe(REQUESTER, [f"{HOST}:12015"])
    assert (report.verdict, report.serial_number) == (Verdict.SELF_SIGNED, "")


@pytest.mark.parametrize("text", ["", "a b", "host:0", "host:65536", "host:x", "http://host/", "10.0.0.0/8", "*.a.com"])
def test_what_is_no_host_is_refused(lab: Lab, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.probes.probe(OPERATOR, [text])
    assert caught.value.rule == "probe.target"
    assert lab.prober.connected == []


def test_too_many_ports_are_refused(lab: Lab) -> None:
    for hosts in ([], [f"{HOST}:{port}" for port in range(1, MAX_PORTS + 2)]):
        with pytest.raises(InvalidInput) as caught:
            lab.probes.probe(REQUESTER, hosts)
        assert caught.value.rule == "probe.count"


def test_a_large_cluster_is_looked_at_as_a_whole(lab: Lab) -> None:
    hosts = [f"big{number}.example.com" for number in range(23)]  # with nine ports each
    large = lab.fleet.create(OPERATOR, "Large", [NodeInput(host, "uccx", "15", "publisher") for host in hosts])
    placements = [
        Placement(pkcs10_of(each.fqdn), each.id, "tomcat-ECDSA", is_multi_server=False)
        for each in lab.fleet.get_cluster(OPERATOR, large.id).nodes
    ]
    lab.fleet.sign(OPERATOR, large.id, placements, Options())
    assert len(list(lab.probes.probe_cluster(OPERATOR, large.id))) == 23 * 9 > MAX_PORTS


def pkcs10_of(host: str) -> bytes:
    """The CSR of a node."""
    return pem(node(host, host).der())


def test_only_hosts_that_are_known_here_are_looked_at(lab: Lab) -> None:
    with pytest.raises(InvalidInput) as caught:
        lab.probes.probe(REQUESTER, ["router.example.com:443"])
    assert caught.value.rule == "probe.host"
    lab.probes._connections._rules = ProbeRules(names=("*.example.com",))
    assert len(list(lab.probes.probe(REQUESTER, ["router.example.com:443"]))) == 1
    assert len(list(lab.probes.probe(OPERATOR, ["anything.example.org:443"]))) == 1


def test_a_host_with_a_certificate_from_here_is_known() -> None:
    lab = Lab().initialised()
    lab.issuance.issue(REQUESTER, [UCCX_PUBLISHER.data], Options())
    assert len(list(lab.probes.probe(REQUESTER, [HOST]))) == 6


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "::1", "169.254.169.254", "fe80::1%eth0", "0.0.0.0", "224.0.0.1", "::ffff:127.0.0.1"),  # noqa: S104
        *("0.1.2.3", "240.0.0.1", "255.255.255.255", "::", "::127.0.0.1", "::ffff:169.254.169.254", "ff02::1"),
        *("64:ff9b::7f00:1", "64:ff9b:1::a00:5", "2002:7f00:1::", "2001:0:1::1", "fd00:ec2::254"),
        *("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd20:ce::254"),
    ],
)
def test_this_machine_its_links_and_groups_are_not_connected_to(lab: Lab, address: str) -> None:
    lab.prober.addresses = {HOST: ("192.0.2.5", address)}
    with pytest.raises(InvalidInput) as caught:
        lab.probes.probe(REQUESTER, [HOST])
    assert caught.value.rule == "probe.address"
    assert lab.prober.connected == []
    lab.probes._connections._rules = ProbeRules(networks=("192.0.2.0/24", "127.0.0.0/8", "::1/128"))
    assert bool(list(lab.probes.probe(OPERATOR, [HOST])))


def test_an_address_of_an_interface_of_this_machine_is_connected_to_only_where_networks_allow_it(lab: Lab) -> None:
    lab.prober.addresses, lab.prober.own = {HOST: ("192.0.2.5", "2001:db8::5")}, ("2001:db8::5",)
    with pytest.raises(InvalidInput) as caught:
        lab.probes.probe(REQUESTER, [HOST])
    assert caught.value.rule == "probe.address"
    assert lab.prober.connected == []
    lab.probes._connections._rules = ProbeRules(networks=("192.0.2.0/24", "2001:db8::/32"))
    with pytest.raises(InvalidInput) as caught:  # the network of the nodes has this machine in it
        lab.probes.probe(REQUESTER, [HOST])
    assert caught.value.rule == "probe.address"
    lab.probes._connections._rules = ProbeRules(networks=("192.0.2.0/24", "2001:db8::5/128"))
    assert list(lab.probes.probe(REQUESTER, [HOST]))


@pytest.mark.parametrize(
    ("address", "networks", "is_allowed"),
    [
        ("127.0.0.1", ("0.0.0.0/0",), False),
        ("127.0.0.1", ("127.0.0.0/8",), True),
        ("::ffff:127.0.0.1", ("127.0.0.0/8",), True),
        ("169.254.169.254", ("0.0.0.0/0",), False),
        ("169.254.169.254", ("169.254.0.0/16",), True),
        ("::1", ("::/0",), False),
        ("::1", ("::1/128",), True),
        ("fe80::1%eth0", ("::/0", "fe80::/10"), True),
        ("64:ff9b::7f00:1", ("64::/16",), False),
        ("64:ff9b::7f00:1", ("64:ff9b::/96",), True),
        ("192.0.2.5", ("0.0.0.0/0",), True),
    ],
)
def test_a_wide_network_allows_nodes_and_not_this_machine_its_links_or_metadata(
    lab: Lab, address: str, networks: tuple[str, ...], is_allowed: bool
) -> None:
    lab.prober.addresses = {HOST: (address,)}
    lab.probes._connections._rules = ProbeRules(networks=networks)
    assert lab.probes._connections._is_allowed(address) is is_allowed


def test_with_networks_only_they_are_connected_to(lab: Lab) -> None:
    lab.probes._connections._rules = ProbeRules(networks=("198.51.100.0/24",))
    with pytest.raises(InvalidInput) as caught:
        lab.probes.probe(REQUESTER, [HOST])
    assert caught.value.rule == "probe.address"
    lab.prober.addresses = {HOST: ("198.51.100.7",)}
    assert list(lab.probes.probe(REQUESTER, [HOST]))


def test_a_token_that_is_limited_to_names_does_not_look(lab: Lab) -> None:
    limited = replace(REQUESTER, grant=Grant(1, frozenset({"read"}), names=(HOST,)))
    with pytest.raises(NotAllowed):
        lab.probes.probe(limited, [HOST])


def test_what_was_seen_is_kept_with_each_change(lab: Lab) -> None:
    lab.prober.chains = {LIVE_DATA: self_signed()}
    list(lab.probes.probe(REQUESTER, [f"{HOST}:12015"]))
    lab.clock.advance(hours=1)
    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    for _ in range(2):
        list(lab.probes.probe(REQUESTER, [f"{HOST}:12015"]))
    newest, first = lab.probes.list_served(REQUESTER, HOST)
    assert (first.verdict, first.at, newest.verdict) == (Verdict.SELF_SIGNED, NOON, Verdict.ISSUED)
    assert newest.serial_number == certificate(lab).serial_number


def test_a_probe_that_is_abandoned_keeps_what_it_has_seen(lab: Lab) -> None:
    lab.prober.chains = {LIVE_DATA: self_signed(), (HOST, 8443): self_signed()}
    reports = lab.probes.probe(REQUESTER, [f"{HOST}:12015", f"{HOST}:8443"])
    next(reports)
    reports.close()
    assert [each.port for each in lab.probes.list_served(REQUESTER, HOST)] == [12015]


def test_a_probe_of_a_cluster_that_is_abandoned_ends_that_of_its_ports(lab: Lab) -> None:
    reports = lab.probes.probe_cluster(REQUESTER, 1)
    next(reports)
    ports = inspect.getgeneratorlocals(reports)["reports"]  # kept, as Python 3.12.3 keeps it
    reports.close()
    assert inspect.getgeneratorstate(ports) == inspect.GEN_CLOSED


def test_while_one_probe_runs_another_is_refused_and_does_not_hold_its_thread(lab: Lab) -> None:
    running = lab.probes.probe(REQUESTER, [f"{HOST}:12015"])
    with pytest.raises(Busy) as caught:
        lab.probes.probe(REQUESTER, [f"{HOST}:8443"])
    assert caught.value.rule == "probe.busy"
    assert lab.prober.connected == []
    list(running)
    assert len(list(lab.probes.probe(REQUESTER, [f"{HOST}:8443"]))) == 1


def test_a_probe_that_is_refused_takes_no_place(lab: Lab) -> None:
    for _ in range(2):
        with pytest.raises(InvalidInput):
            lab.probes.probe(REQUESTER, ["router.example.org"])


@pytest.mark.parametrize("taken", [0, 1])
def test_a_probe_that_is_abandoned_gives_its_place_back(lab: Lab, taken: int) -> None:
    reports = lab.probes.probe(REQUESTER, [f"{HOST}:12015", f"{HOST}:8443"])
    for _ in range(taken):
        next(reports)
    del reports
    assert len(list(lab.probes.probe(REQUESTER, [f"{HOST}:8443"]))) == 1


def test_a_port_that_is_named_twice_is_looked_at_once(lab: Lab) -> None:
    assert len(list(lab.probes.probe(REQUESTER, [f"{HOST}:8443"] * 3))) == 1
    assert len(lab.probes.list_served(REQUESTER, HOST)) == 1


def test_results_are_stored_with_a_time_of_their_own(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    left = list[int]()
    monkeypatch.setattr(lab.probes._served, "record", lambda _found: left.append(deadline.statement_seconds(0)))
    with deadline.limited(0.0):  # the request has no time left
        list(lab.probes.probe(REQUESTER, [f"{HOST}:8443"]))
    assert left == [10]


def probe_cluster(lab: Lab, who: Actor = REQUESTER) -> None:
    list(lab.probes.probe_cluster(who, 1))


def test_a_slot_whose_certificate_is_served_is_verified(lab: Lab) -> None:
    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    probe_cluster(lab)
    assert slot(lab).state is State.VERIFIED
    assert slot(lab, "sm1.example.com").state is State.ISSUED
    mark = slot(lab).verified
    assert mark is not None
    assert mark.done_by == "requester"


def test_a_slot_goes_back_where_the_node_serves_something_else(lab: Lab) -> None:
    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    probe_cluster(lab)
    lab.prober.chains = {LIVE_DATA: self_signed()}
    probe_cluster(lab)
    assert slot(lab).state is State.UPLOADED


def test_a_node_that_does_not_answer_moves_nothing(lab: Lab) -> None:
    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    probe_cluster(lab)
    lab.prober.chains = {}
    probe_cluster(lab)
    assert slot(lab).state is State.VERIFIED


def test_ports_that_present_rsa_by_their_documents_do_not_count_against_a_slot(lab: Lab) -> None:
    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    lab.prober.rsa = {(HOST, 8443): self_signed()}
    probe_cluster(lab)
    assert slot(lab).state is State.VERIFIED


def test_the_job_looks_at_every_cluster_and_leaves_those_that_it_may_not(lab: Lab) -> None:
    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    assert lab.probes.probe_all() > 0
    mark = slot(lab).verified
    assert mark is not None
    assert mark.done_by == "service:probe"
    hosts = [each.node.fqdn for each in lab.fleet.slots(OPERATOR, 1)]
    lab.prober.addresses = dict.fromkeys(hosts, ("127.0.0.1",))
    assert lab.probes.probe_all() == 0


def test_the_job_looks_at_the_others_where_one_host_may_not_be_connected_to_and_a_person_is_told(lab: Lab) -> None:
    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    lab.prober.addresses = {"uccx2.example.com": ("127.0.0.1",)}
    with pytest.raises(InvalidInput):
        lab.probes.probe_cluster(REQUESTER, 1)
    assert lab.probes.probe_all() > 0
    assert {host for host, *_ in lab.prober.connected} == {HOST, "sm1.example.com"}
    assert slot(lab).state is State.VERIFIED


def test_a_multi_server_certificate_is_verified_once_each_of_its_nodes_presents_it(lab: Lab) -> None:
    hosts = ("cucm1.example.com", "cucm2.example.com")
    roles = ("publisher", "subscriber")
    made = lab.fleet.create(
        OPERATOR, "Calls", [NodeInput(host, "cucm", "15", role) for host, role in zip(hosts, roles, strict=True)]
    )
    asked = pem(node("cucm1-EC-ms.example.com", *hosts).der())
    lab.fleet.sign(OPERATOR, made.id, [Placement(asked, made.nodes[0].id, "tomcat-ECDSA", True)], Options())
    line = lab.handover.board(OPERATOR, made.id).lines[0]
    assert line.slot.certificate
    presented = chain(lab, line.slot.certificate)
    lab.prober.chains = dict.fromkeys(((host, port) for host in hosts for port in range(1, 9999)), presented)

    lab.prober.addresses = {hosts[1]: ("127.0.0.1",)}
    lab.probes.probe_all()
    assert lab.fleet.slots(OPERATOR, made.id)[0].state is State.ISSUED
    lab.prober.addresses = {}
    lab.probes.probe_all()
    assert lab.fleet.slots(OPERATOR, made.id)[0].state is State.VERIFIED


def test_a_node_whose_certificate_is_renewed_during_the_probe_moves_nothing_and_is_no_error(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def marked(*_: object, **__: object) -> None:
        raise InvalidInput(STEP_UNKNOWN.at("/step"))

    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    monkeypatch.setattr(lab.handover, "mark", marked)
    assert lab.probes.probe_all() > 0
    assert slot(lab).state is State.ISSUED


def test_a_host_that_dns_does_not_know_is_no_success(lab: Lab) -> None:
    lab.prober.chains = {LIVE_DATA: chain(lab, certificate(lab))}
    assert ProbeDocument.of(list(lab.probes.probe_cluster(REQUESTER, 1))).works
    lab.prober.addresses = {"uccx2.example.com": ()}
    assert not ProbeDocument.of(list(lab.probes.probe_cluster(REQUESTER, 1))).works


def test_a_cluster_that_is_none_is_not_found(lab: Lab) -> None:
    with pytest.raises(NotFound):
        lab.probes.probe_cluster(REQUESTER, 7)
