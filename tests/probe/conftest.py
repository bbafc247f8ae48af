"""An installation that issues the certificates of real servers, and probes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ca_service.vos.served import PortReport
from tests.support.factories import OPERATOR
from tests.support.identities import Identities, issuing

Probe = Callable[..., list[PortReport]]


@pytest.fixture(scope="session")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Identities]:
    """The certificates of an installation with the real clock."""
    with issuing(tmp_path_factory.mktemp("issuing")) as found:
        yield found


@pytest.fixture(scope="session")
def probe(identities: Identities) -> Probe:
    """Probes ports, each as HOST:PORT, as the operator does; the reports in the order of the ports."""

    def look(*places: str) -> list[PortReport]:
        found = {f"{each.target.host}:{each.target.port}": each for each in probes.probe(OPERATOR, places)}
        return [found[place] for place in places]

    probes = identities.installation.probes
    return look
