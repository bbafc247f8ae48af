"""What the tests with other people's programs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.scene import Scene, build


@pytest.fixture
def curve(request: pytest.FixtureRequest) -> str:
    """The curve of the authorities."""
    return str(getattr(request, "param", "P-384"))


@pytest.fixture
def scene(tmp_path: Path, curve: str) -> Scene:
    """A revoked leaf and a good one, with their lists."""
    return build(tmp_path, curve)
