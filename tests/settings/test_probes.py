"""The settings of probes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ca_service import settings as settings_module
from ca_service.errors import CAServiceError


@pytest.mark.parametrize(("text", "ports"), [("443, 9443", (443, 9443)), ("", ())])
def test_the_ports_of_apis_are_numbers(tmp_path: Path, text: str, ports: tuple[int, ...]) -> None:
    found = settings_module.load({"CA_SERVICE_PROBE__API_PORTS": text}, tmp_path).settings
    assert found.probe.rules.api_ports == ports


@pytest.mark.parametrize("text", ["https", "0", "65536", "443-8443", "\u0664\u0664\u0663"])
def test_other_ports_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CAServiceError, match="must be ports"):
        settings_module.load({"CA_SERVICE_PROBE__API_PORTS": text}, tmp_path)
