"""Certificates, bundles and revocation lists stay the same bytes, whatever is rebuilt behind them."""

from __future__ import annotations

import json

from tests.support.golden import DIGESTS, digests


def test_certificates_bundles_and_lists_are_byte_identical_to_those_made_before() -> None:
    assert digests() == json.loads(DIGESTS.read_text(encoding="utf-8"))
