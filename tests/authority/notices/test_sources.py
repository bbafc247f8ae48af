"""What ends: leaves in use, intermediate and root; not what was followed, replaced in its slot, or revoked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.fleet.store import LeafEnd
from ca_service.authority.issuance.examination import Options
from ca_service.authority.notices.records import Expiring, Kind
from ca_service.authority.notices.sources import Authorities, Leaves, Sources
from tests.support import pkcs10
from tests.support.certificates import common_name
from tests.support.external_roots import Certified, certify, ec_root
from tests.support.factories import OPERATOR, Lab
from tests.support.fakes import NOON
from tests.support.fleet import PUBLISHER, SUBSCRIBER
from tests.support.leaf_ends import InMemoryLeafStore
from tests.support.notices import ListedSource, expiring
from tests.support.requests import UCCX_PUBLISHER, UCCX_SUBSCRIBER, Request, node

LONG = NOON + timedelta(days=9000)
NAMES = ("uccx1.example.com", "uccx2.example.com")
MULTI_SERVER = Request("multi-server", pkcs10.pem(node("uccx1-EC-ms.example.com", *NAMES).der()))
NEW_KEY = Request("new key", pkcs10.pem(node("uccx1-EC.example.com", NAMES[0], curve=ec.SECP256R1).der()))


@pytest.fixture
def lab(lab: Lab) -> Lab:
    """An authority."""
    return lab.initialised()


def ending(lab: Lab, revoked: Sequence[str] = ()) -> list[Expiring]:
    """The leaves in use."""
    store = InMemoryLeafStore(lab.ledger, lab.edges.fleet)
    leaves = Leaves(store, lab.fleet, lab.clock, lambda _: revoked)
    return list(leaves.between(lab.clock(), LONG))


def serials(lab: Lab) -> list[str]:
    """Their serial numbers."""
    return [each.id for each in ending(lab)]


def issue(lab: Lab, request: Request, **options: object) -> CertificateRecord:
    """A certificate for this request."""
    return lab.issuance.issue(OPERATOR, [request.data], Options(**options)).certificates[0]  # type: ignore[arg-type]


def place(lab: Lab, cluster_id: int, request: Request, node: int = 0, *, is_multi: bool = False) -> None:
    """Put this request into the slot of a node."""
    node_id = lab.fleet.get_cluster(OPERATOR, cluster_id).nodes[node].id
    lab.fleet.place(OPERATOR, cluster_id, [Placement(request.data, node_id, "tomcat-ECDSA", is_multi)], Options())


@pytest.fixture
def cluster(lab: Lab) -> int:
    """Publisher and subscriber, without requests."""
    return lab.fleet.create(OPERATOR, "Lab", [PUBLISHER, SUBSCRIBER]).id


def test_a_leaf_tells_its_page_and_that_a_node_needs_a_new_request(lab: Lab) -> None:
    made = issue(lab, UCCX_PUBLISHER)

    [leaf] = ending(lab)

    assert (leaf.kind, leaf.id, leaf.name) == (Kind.LEAF, made.serial_number, "uccx1.example.com")
    assert (leaf.since, leaf.not_after) == (made.not_before, made.not_after)
    assert leaf.path == f"/certificates/{made.serial_number}"
    assert leaf.next_step.startswith("Generate a new CSR on uccx1.example.com, purpose tomcat-ECDSA")


def test_a_plain_server_is_to_be_renewed(lab: Lab) -> None:
    issue(lab, UCCX_PUBLISHER, profile="server")

    assert ending(lab)[0].next_step.startswith("Renew it")


def test_a_leaf_in_a_slot_leads_to_the_steps_of_its_node(lab: Lab, cluster: int) -> None:
    place(lab, cluster, UCCX_PUBLISHER)
    issue(lab, UCCX_PUBLISHER)

    assert ending(lab)[0].path == f"/clusters/{cluster}/runbook?node=uccx1.example.com"


def test_the_same_request_signed_anew_replaces_what_was_before(lab: Lab) -> None:
    issue(lab, UCCX_PUBLISHER)
    newer = issue(lab, UCCX_PUBLISHER, new=True)

    assert serials(lab) == [newer.serial_number]


def test_a_leaf_that_its_slot_has_replaced_is_left_out_although_another_host_is_named(lab: Lab, cluster: int) -> None:
    place(lab, cluster, UCCX_PUBLISHER)
    issue(lab, UCCX_PUBLISHER)
    place(lab, cluster, UCCX_SUBSCRIBER)  # the wrong slot, say: the node was called otherwise before
    newer = issue(lab, UCCX_SUBSCRIBER)

    assert serials(lab) == [newer.serial_number]


def test_a_request_that_is_not_signed_yet_replaces_nothing(lab: Lab, cluster: int) -> None:
    place(lab, cluster, UCCX_PUBLISHER)
    made = issue(lab, UCCX_PUBLISHER)
    place(lab, cluster, NEW_KEY)

    assert serials(lab) == [made.serial_number]


def test_a_leaf_of_a_node_that_a_multi_server_certificate_covers_is_left_out(lab: Lab, cluster: int) -> None:
    place(lab, cluster, UCCX_SUBSCRIBER, 1)
    issue(lab, UCCX_SUBSCRIBER)
    place(lab, cluster, MULTI_SERVER, 0, is_multi=True)
    covering = issue(lab, MULTI_SERVER)

    assert serials(lab) == [covering.serial_number]


def test_a_leaf_whose_cluster_was_removed_counts_by_itself_again(lab: Lab, cluster: int) -> None:
    place(lab, cluster, UCCX_PUBLISHER)
    made = issue(lab, UCCX_PUBLISHER)
    lab.fleet.remove(OPERATOR, cluster)

    [leaf] = ending(lab)
    assert leaf.path == f"/certificates/{made.serial_number}"


def test_a_cluster_that_is_removed_while_it_is_read_stops_nothing(lab: Lab) -> None:
    class Late(InMemoryLeafStore):
        """Tells a cluster that is gone by now."""

        def list_ends(self, after: tuple[datetime, int], *_: object) -> tuple[LeafEnd, ...]:
            """One leaf, behind which there is none."""
            return (LeafEnd(1, "0", "vos", "tomcat-ECDSA", "a", NOON, LONG, (7,)),) if after[0] < LONG else ()

    leaves = Leaves(Late(lab.ledger, lab.edges.fleet), lab.fleet, lab.clock)

    assert list(leaves.between(NOON, LONG)) == []


def test_a_revoked_leaf_is_left_out(lab: Lab) -> None:
    made = issue(lab, UCCX_PUBLISHER)

    assert ending(lab, revoked=[made.serial_number]) == []


def test_intermediate_and_root_end_as_well(lab: Lab) -> None:
    found = list(Authorities(lab.hierarchy).between(NOON, LONG))

    assert [(each.kind, each.id) for each in found] == [(Kind.INTERMEDIATE, "intermediate-g1"), (Kind.ROOT, "root-g1")]
    assert list(Authorities(lab.hierarchy).between(NOON, NOON + timedelta(days=3000))) == []
    assert [each.name for each in found] == ["Example Lab EC Intermediate CA G1", "Example Lab EC Root CA G1"]


def test_each_authority_of_a_longer_chain_ends() -> None:
    lab, key = Lab(), ec.generate_private_key(ec.SECP256R1())
    upper = Certified(key, certify(ec_root(), common_name("Upper"), key.public_key(), path_length=1))
    issuing = certify(upper, common_name("Issuing"), key.public_key())
    lab.external.import_authority(OPERATOR, [issuing, upper.certificate, ec_root().certificate], key)

    found = Authorities(lab.hierarchy).between(NOON, LONG)

    assert sorted(each.id for each in found) == ["intermediate-g1", "root-g1", "upper-1-g1"]


def test_without_an_authority_nothing_ends() -> None:
    assert list(Authorities(Lab().hierarchy).between(NOON, LONG)) == []


def test_several_sources_are_told_in_one_order() -> None:
    one, other = ListedSource([expiring(1), expiring(5)]), ListedSource([expiring(3)])

    found = Sources((one, other)).between(NOON, LONG)

    assert [(each.not_after - NOON).days for each in found] == [1, 3, 5]


def test_of_each_kind_the_first_that_ends_is_told_however_late(lab: Lab) -> None:
    issue(lab, UCCX_PUBLISHER, validity_days=50)
    first = issue(lab, UCCX_SUBSCRIBER, validity_days=40)

    firsts = lab.notices.firsts()

    assert set(firsts) == {Kind.LEAF, Kind.INTERMEDIATE, Kind.ROOT}
    assert firsts[Kind.LEAF].id == first.serial_number


def test_the_first_of_each_kind_is_found_without_a_look_at_all_others() -> None:
    class Counting(ListedSource):
        read = 0

        def between(self, after: datetime, until: datetime) -> Iterator[Expiring]:
            for each in super().between(after, until):
                self.read += 1
                yield each

    source = Counting([expiring(days) for days in range(1, 100)])

    assert Sources((source,)).firsts(NOON) == {Kind.LEAF: source.items[0]}
    assert source.read == 1
