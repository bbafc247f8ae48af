"""Which authorities may be trusted."""

from __future__ import annotations

import pytest

from ca_service.errors import Conflict
from ca_service.pki.reasons import Reason
from tests.support.factories import OPERATOR, Lab

INTERMEDIATE, ROOT = "intermediate-g1", "root-g1"


def test_all_authorities_are_trusted_while_none_is_revoked(lab: Lab) -> None:
    lab.initialised()
    assert lab.trusted.chain() == lab.hierarchy.active().chain
    lab.trusted.require([INTERMEDIATE, ROOT])


def test_a_revoked_intermediate_is_not_trusted_and_its_root_is(lab: Lab) -> None:
    lab.initialised().authority_revocation.revoke(OPERATOR, INTERMEDIATE, Reason.CA_COMPROMISE)
    assert lab.trusted.chain() == lab.hierarchy.active().chain[-1:]
    lab.trusted.require([ROOT])
    with pytest.raises(Conflict) as refusal:
        lab.trusted.require([ROOT, INTERMEDIATE])
    assert refusal.value.rule == "authority.not-trusted"
