"""The root's key on its way offline: exported, verified, removed; never lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.events import Event
from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.root_key import MIN_PASSPHRASE
from ca_service.authority.issuance.examination import Options
from ca_service.errors import Conflict, InvalidInput, NotFound, Refused
from ca_service.pki.encodings import MAX_PASSPHRASE
from tests.support.factories import PLAN, Lab
from tests.support.fakes import Fuse, FusedIssuerStore, InMemoryIssuerStore, PowerCut
from tests.support.programs import Tool
from tests.support.requests import UCCX_PUBLISHER

PASSPHRASE = b"a long enough passphrase"


@pytest.fixture
def signing(lab: Lab) -> Lab:
    """Use cases with an authority."""
    return lab.initialised()


def test_the_exported_key_is_the_roots(signing: Lab, operator: Actor) -> None:
    key = load_pem_private_key(signing.root_key.export(operator, PASSPHRASE), PASSPHRASE)
    assert key.public_key() == signing.hierarchy.active().root.public_key()


def test_openssl_reads_the_exported_key(signing: Lab, operator: Actor, tmp_path: Path, openssl: Tool) -> None:
    (tmp_path / "root.pem").write_bytes(signing.root_key.export(operator, PASSPHRASE))
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    assert "Key is valid" in openssl("pkey", "-in", "root.pem", "-passin", "file:passphrase", "-noout", "-check")


@pytest.mark.parametrize("length", [0, MIN_PASSPHRASE - 1, MAX_PASSPHRASE + 1])
def test_a_passphrase_that_does_not_protect_or_cannot_be_used_is_refused(
    signing: Lab, operator: Actor, length: int
) -> None:
    with pytest.raises(Refused) as caught:
        signing.root_key.export(operator, b"x" * length)
    assert caught.value.rule == "passphrase.length"
    assert f"{length} bytes" in str(caught.value)


@pytest.mark.parametrize("length", [MIN_PASSPHRASE, MAX_PASSPHRASE])
def test_a_passphrase_at_the_limit_can_be_used(signing: Lab, operator: Actor, length: int) -> None:
    copy = signing.root_key.export(operator, b"x" * length)
    assert signing.root_key.verify(copy, b"x" * length).id == "root-g1"


def test_a_copy_is_verified_against_the_root(signing: Lab, operator: Actor) -> None:
    copy = signing.root_key.export(operator, PASSPHRASE)
    assert certificate_of(signing.root_key.verify(copy, PASSPHRASE)) == signing.hierarchy.active().root


def test_a_copy_under_another_passphrase_is_refused(signing: Lab, operator: Actor) -> None:
    copy = signing.root_key.export(operator, PASSPHRASE)
    with pytest.raises(InvalidInput) as caught:
        signing.root_key.verify(copy, b"another passphrase")
    assert caught.value.rule == "private-key.unreadable"


def test_the_copy_of_another_key_is_refused(signing: Lab, operator: Actor) -> None:
    other = Lab().initialised().root_key.export(operator, PASSPHRASE)
    for act in (
        lambda: signing.root_key.verify(other, PASSPHRASE),
        lambda: signing.root_key.remove(operator, other, PASSPHRASE),
    ):
        with pytest.raises(Refused) as caught:
            act()
        assert caught.value.rule == "root-key.mismatch"
    assert signing.keystore.has("root-g1")


def test_removing_takes_the_key_away_and_signing_goes_on(signing: Lab, operator: Actor) -> None:
    signing.root_key.remove(operator, signing.root_key.export(operator, PASSPHRASE), PASSPHRASE)
    assert not signing.keystore.has("root-g1")
    assert signing.hierarchy.list_issuers()[0].key_id is None
    assert signing.issuance.issue(operator, [UCCX_PUBLISHER.data], Options()).created


def test_a_key_that_is_offline_is_neither_exported_nor_removed(signing: Lab, operator: Actor) -> None:
    copy = signing.root_key.export(operator, PASSPHRASE)
    signing.root_key.remove(operator, copy, PASSPHRASE)
    for act in (
        lambda: signing.root_key.export(operator, PASSPHRASE),
        lambda: signing.root_key.remove(operator, copy, PASSPHRASE),
    ):
        with pytest.raises(NotFound) as caught:
            act()
        assert caught.value.rule == "root-key.offline"


def test_the_key_stays_while_the_intermediate_is_missing(lab: Lab, operator: Actor) -> None:
    cut_after_the_root = Lab(keystore=lab.keystore, issuers=FusedIssuerStore(lab.issuers, Fuse(2)))
    with pytest.raises(PowerCut):
        cut_after_the_root.creation.initialise(operator, PLAN)
    copy = lab.root_key.export(operator, PASSPHRASE)
    with pytest.raises(Conflict) as caught:
        lab.root_key.remove(operator, copy, PASSPHRASE)
    assert caught.value.rule == "root-key.needed"
    assert lab.keystore.has("root-g1")


def test_there_is_nothing_to_export_before_there_is_a_root(lab: Lab, operator: Actor) -> None:
    with pytest.raises(NotFound) as caught:
        lab.root_key.export(operator, PASSPHRASE)
    assert caught.value.rule == "authority.missing"


def test_export_and_removal_are_recorded(signing: Lab, operator: Actor) -> None:
    signing.root_key.remove(operator, signing.root_key.export(operator, PASSPHRASE), PASSPHRASE)
    assert isinstance(signing.issuers, InMemoryIssuerStore)
    assert [event.event for event in signing.issuers.events[2:]] == [Event.ROOT_KEY_EXPORTED, Event.ROOT_KEY_REMOVED]
