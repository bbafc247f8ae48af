"""The digest of a submission with an Idempotency-Key: one form in every version, another one for anything else."""

from __future__ import annotations

import hashlib

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.idempotency import replay_of
from tests.support.factories import Lab, actor
from tests.support.fakes import NOON
from tests.support.requests import UCCX_PUBLISHER


def digest(*requests: bytes, **options: object) -> str:
    """The digest of a submission with a key."""
    replay = replay_of(actor(Role.REQUESTER), requests, Options(**options), (), "k", NOON)  # type: ignore[arg-type]
    assert replay is not None
    return replay.digest


def test_the_digest_is_that_of_the_canonical_json() -> None:
    written = (
        '{"options":{"add_host_name":false,"new":true,"profile":"vos","validity_days":397},'
        f'"requests":["{hashlib.sha256(b"one").hexdigest()}","{hashlib.sha256(b"two").hexdigest()}"]}}'
    )
    assert digest(b"one", b"two", new=True, validity_days=397) == hashlib.sha256(written.encode()).hexdigest()


@pytest.mark.parametrize(
    ("requests", "options"),
    [
        ((b"two", b"one"), {}),
        ((b"one",), {}),
        ((b"onetwo",), {}),
        ((b"one", b"two", b"two"), {}),
        ((b"one", b"two"), {"profile": "server"}),
        ((b"one", b"two"), {"validity_days": 397}),
        ((b"one", b"two"), {"new": True}),
        ((b"one", b"two"), {"add_host_name": True}),
    ],
)
def test_anything_else_has_another_digest(requests: tuple[bytes, ...], options: dict[str, object]) -> None:
    assert digest(*requests, **options) != digest(b"one", b"two")


def test_a_key_is_known_to_whoever_has_used_it(lab: Lab) -> None:
    anna, carol = actor(Role.ADMINISTRATOR), actor(Role.APPROVER)
    lab.initialised().issuance.issue(anna, [UCCX_PUBLISHER.data], Options(), "once")
    asked = [(anna, "once"), (anna, "twice"), (anna, ""), (carol, "once")]
    assert [lab.issuance.was_answered(who, key) for who, key in asked] == [True, False, False, False]
