"""A real Tomcat with certificates of every kind, and the verdict of a probe on each of its ports."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from ca_service.documents.probes import ProbeDocument
from ca_service.pki.reasons import Reason
from ca_service.vos.experience import Row, Signing, rows
from ca_service.vos.served import BROKEN, Ending, PortReport, Remark, Verdict, signings_of
from tests.probe.conftest import Probe
from tests.support import tomcat
from tests.support.factories import OPERATOR
from tests.support.identities import Identities, opened
from tests.support.tomcat import Connector
from tests.support.tomcat_ports import connectors, host, name_of

Look = Callable[[str], PortReport]
LATER: Final = (Remark.AUTHORITY_REVOKED, Remark.ENDING)  # of another installation, or at another time

#: What a probe says of each row of Cisco's table, where a port presents both certificates.
VERDICTS: Final = {
    (Signing.SELF_SIGNED, Signing.SELF_SIGNED): Verdict.SELF_SIGNED,
    (Signing.RSA_CA, Signing.RSA_CA): Verdict.RSA_SIGNED,
    (Signing.RSA_CA, Signing.EC_CA): Verdict.ISSUED,
    (Signing.RSA_CA, Signing.SELF_SIGNED): Verdict.SELF_SIGNED,
}


@pytest.fixture(scope="module")
def ports(identities: Identities, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The port of each node."""
    with tomcat.serving(tmp_path_factory.mktemp("tomcat"), connectors(identities)) as found:
        yield found


@pytest.fixture
def with_agents(identities: Identities) -> None:
    """The nodes of the table are UCCX 11.5, as Cisco's table is about that."""
    for name in (*map(name_of, rows()), "no-ecdsa", "issued"):
        identities.installation.host_products.assign(OPERATOR, host(name), "uccx", "11.5")


@pytest.fixture
def look(ports: dict[str, int], probe: Probe) -> Look:
    """Probes the port of a node."""
    return lambda name: probe(f"{host(name)}:{ports[name]}")[0]


@pytest.mark.usefixtures("with_agents")
@pytest.mark.parametrize("row", rows(), ids=name_of)
def test_a_row_of_the_table_is_named_by_what_tomcat_presents(look: Look, row: Row) -> None:
    found = look(name_of(row))
    assert [each.ending for each in found.handshakes] == [Ending.SERVED] * 4
    assert signings_of([found]) == (row.tomcat, row.tomcat_ecdsa)
    assert (found.verdict, found.remarks) == (VERDICTS[row.tomcat, row.tomcat_ecdsa], ())
    assert ProbeDocument.of([found]).experience == row.experience.text


@pytest.mark.usefixtures("with_agents")
def test_a_row_is_named_from_two_ports_with_one_certificate_each(look: Look) -> None:
    found = [look("no-ecdsa"), look("issued")]
    assert [each.leaf is None for each in found] == [True, False]
    assert signings_of(found) == (Signing.RSA_CA, Signing.EC_CA)


@pytest.mark.parametrize("verdict", ["issued", "older", "foreign", "no-ecdsa", "not-tls"])
def test_a_port_with_one_certificate_or_none_has_its_verdict(look: Look, verdict: str) -> None:
    found = look(verdict)
    assert (found.verdict, found.remarks) == (verdict, ())
    assert found.works is (verdict == "issued")


@pytest.mark.parametrize("remark", [each for each in Remark if each not in LATER])
def test_what_is_remarkable_about_a_port_of_tomcat_is_said(look: Look, remark: Remark) -> None:
    found = look(remark.value)
    assert found.remarks == (remark,)
    assert found.verdict is (Verdict.RSA_SIGNED if remark is Remark.EXPIRED else Verdict.ISSUED)
    assert found.works is BROKEN.isdisjoint(found.remarks)


def test_a_certificate_that_ends_soon_is_told_when_its_time_has_come(
    identities: Identities, look: Look, ports: dict[str, int]
) -> None:
    assert look("ending").remarks == ()
    with opened(identities.instance, ahead=timedelta(days=11)) as later:
        [found] = later.probes.probe(OPERATOR, [f"{host('ending')}:{ports['ending']}"])
    assert (found.verdict, found.remarks, found.works) == (Verdict.ISSUED, (Remark.ENDING,), True)


def test_a_certificate_whose_authority_was_revoked_is_told(
    identities: Identities, ports: dict[str, int], tmp_path: Path
) -> None:
    folder = shutil.copytree(identities.instance, tmp_path / "instance")
    with opened(folder) as copy:
        copy.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)
        [found] = copy.probes.probe(OPERATOR, [f"{host('issued')}:{ports['issued']}"])
    assert (found.verdict, found.remarks, found.works) == (Verdict.ISSUED, (Remark.AUTHORITY_REVOKED,), False)


def test_an_upload_is_presented_after_the_restart_and_not_before(
    identities: Identities, probe: Probe, tmp_path: Path
) -> None:
    uploaded = identities.issued(host("uccx"))
    node = {"uccx": Connector(ec=uploaded)}

    def verdict(port: int) -> Verdict:
        return probe(f"{host('uccx')}:{port}")[0].verdict

    with tomcat.serving(tmp_path / "first", node) as first:
        seen = [verdict(first["uccx"])]
        shutil.copy(identities.issued(host("uccx"))[0], uploaded[0])
        seen.append(verdict(first["uccx"]))
    seen.append(verdict(first["uccx"]))
    with tomcat.serving(tmp_path / "second", node) as second:
        seen.append(verdict(second["uccx"]))
    assert seen == [Verdict.ISSUED, Verdict.OLDER, Verdict.REFUSED, Verdict.ISSUED]
