"""How many questions the database gets for one submission, whatever the number of its CSRs."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from werkzeug.test import Client

from ca_service.authority.fleet.nodes import NodeInput
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.vos.purposes import TOMCAT_ECDSA
from tests.support import pkcs10
from tests.support.factories import OPERATOR, PLAN
from tests.support.requests import node
from tests.support.statements import statements

# Token and account, authorities, keys with refusals and revocations, many keys again under the lock, three INSERTs.
MOST = 7
MORE_FOR_TRUST = 1  # the revocation of the intermediate, which a bundle makes nodes trust
# Products of the hosts; events, those to seal, newest seal, its INSERT, places.
MORE_FOR_RECEIPTS = 6


def csr(number: int) -> bytes:
    """The CSR of a node."""
    return pkcs10.pem(node(f"n{number}-EC.example.com", f"n{number}.example.com").der())


@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize(
    ("form", "most", "commits"), [("pem", MOST, 1), ("zip", MOST + MORE_FOR_TRUST + MORE_FOR_RECEIPTS, 2)]
)
def test_a_submission_takes_the_same_few_statements_however_many_csrs_it_has(
    client: Client, count: int, form: str, most: int, commits: int
) -> None:
    client.post("/api/v1/certificates", data=csr(0))  # the first request also notes the use of the token
    files = [(io.BytesIO(csr(number)), f"{number}.csr") for number in range(1, count + 1)]

    with statements() as seen:
        answer = client.post(f"/api/v1/certificates?format={form}", data={"csr": files})

    assert answer.status_code == 201, answer.text
    assert seen.count("COMMIT") == commits
    assert len([each for each in seen if each not in ("BEGIN IMMEDIATE", "COMMIT")]) <= most - (count == 1), seen


@pytest.mark.parametrize(("count", "questions"), [(1, 0), (20, 1)])
def test_under_the_lock_many_keys_are_looked_up_at_once_and_few_by_the_insert(
    client: Client, count: int, questions: int
) -> None:
    """With 1,000 CSRs on PostgreSQL, a check for each key took 360 ms; one question about all takes 230 ms."""
    client.post("/api/v1/certificates", data=csr(0))
    files = [(io.BytesIO(csr(number)), f"{number}.csr") for number in range(1, count + 1)]

    with statements() as seen:
        client.post("/api/v1/certificates?format=pem", data={"csr": files})

    written = seen[seen.index("BEGIN IMMEDIATE") : seen.index("COMMIT")]
    assert len([each for each in written if each.startswith("SELECT")]) == questions, written
    assert any("WHERE NOT (EXISTS" in each for each in written) == (questions == 0), written


@pytest.mark.parametrize("count", [1, 12])
def test_a_board_takes_the_same_few_statements_however_many_slots_have_no_csr(
    client: Client, installation: Installation, count: int
) -> None:
    nodes = [NodeInput(f"n{number}.example.com", "cucm", "15", "subscriber") for number in range(count)]
    cluster = installation.fleet.create(OPERATOR, "Lab", nodes)
    client.get(f"/api/v1/clusters/{cluster.id}")

    with statements() as seen:
        answer = client.get(f"/api/v1/clusters/{cluster.id}")

    assert answer.status_code == 200, answer.text
    assert len(seen) <= 12, seen


@pytest.mark.parametrize("count", [1, 12])
def test_after_a_rollover_a_board_takes_the_same_few_statements_however_many_nodes_have_the_one_before(
    client: Client, installation: Installation, count: int
) -> None:
    nodes = [NodeInput(f"n{number}.example.com", "cucm", "15", "subscriber") for number in range(count)]
    cluster = installation.fleet.create(OPERATOR, "Lab", nodes)
    placements = [
        Placement(csr(number), each.id, TOMCAT_ECDSA.service, is_multi_server=False)
        for number, each in enumerate(cluster.nodes)
    ]
    installation.fleet.sign(OPERATOR, cluster.id, placements, Options())
    installation.rollover.perform(OPERATOR, replace(PLAN, name=""))
    client.get(f"/api/v1/clusters/{cluster.id}")

    with statements() as seen:
        answer = client.get(f"/api/v1/clusters/{cluster.id}")

    assert answer.status_code == 200, answer.text
    assert len(seen) <= 17, seen
