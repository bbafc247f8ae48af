"""The identity of an installation: halves of two copies are refused, half-made ones go on, and nothing begins anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from ca_service.authority.hierarchy.identity import Identity
from ca_service.authority.hierarchy.store import IssuerStore
from ca_service.authority.key_custody import KeyStore
from ca_service.errors import NotReady
from tests.support.factories import OPERATOR, PLAN, Lab
from tests.support.fakes import InMemoryIssuerStore, InMemoryKeyStore


@dataclass
class Tables:
    """A database with this id; without tables while `version` is empty."""

    version: str = "head"
    id: str = "a" * 32

    def current(self) -> str:
        """See the port."""
        return self.version

    def installation_id(self) -> str:
        """See the port."""
        return self.id


@dataclass
class Parts:
    """The parts of an installation, each of which can be exchanged."""

    tables: Tables = field(default_factory=Tables)
    issuers: IssuerStore = field(default_factory=InMemoryIssuerStore)
    keystore: InMemoryKeyStore = field(default_factory=InMemoryKeyStore)

    @property
    def identity(self) -> Identity:
        """What is to be tested."""
        return Identity(self.tables, self.issuers, self.keystore)

    def made(self) -> Parts:
        """With an authority."""
        Lab(issuers=self.issuers, keystore=self.keystore).creation.initialise(OPERATOR, PLAN)
        return self


def rule(do: Callable[[], None]) -> str:
    """The rule by which it is refused."""
    with pytest.raises(NotReady) as caught:
        do()
    return caught.value.rule


def test_a_new_installation_is_settled_once_its_authority_is_there() -> None:
    parts = Parts(Tables(version=""))
    parts.identity.require_no_loss()
    parts.tables.version = "head"
    parts.identity.settle()
    assert parts.keystore.installation_id() == ""
    parts.made().identity.settle()
    assert parts.keystore.installation_id() == parts.tables.id
    parts.identity.require_same()


def test_an_installation_that_is_half_made_goes_on() -> None:
    parts = Parts()
    parts.identity.settle()
    parts.keystore.generate("root-g1", "P-384")  # a crash came before the root was recorded
    parts.identity.require_no_loss()
    parts.identity.settle()
    assert parts.keystore.installation_id() == ""


@pytest.mark.parametrize("is_settled", [True, False])
def test_keys_without_a_database_are_refused_before_a_table_is_made(is_settled: bool) -> None:
    parts = Parts().made()
    if is_settled:
        parts.identity.settle()
    parts.tables.version = ""
    assert rule(parts.identity.require_no_loss) == "installation.database-lost"


def test_an_empty_database_beside_keys_is_refused() -> None:
    parts = Parts().made()
    parts.identity.settle()
    parts.issuers = InMemoryIssuerStore()
    assert rule(parts.identity.require_same) == "installation.database-lost"
    assert rule(parts.identity.settle) == "installation.database-lost"


def test_an_empty_database_beside_the_keys_of_an_earlier_version_at_work_is_refused() -> None:
    parts = Parts().made()
    parts.keystore.generate("audit-seal-1", "P-256")
    parts.issuers = InMemoryIssuerStore()
    assert rule(parts.identity.settle) == "installation.database-lost"


@pytest.mark.parametrize("begun", ["", "b" * 32])
def test_an_empty_database_beside_keys_of_authorities_that_it_has_not_begun_is_refused(begun: str) -> None:
    parts = Parts().made()
    parts.keystore.begun = begun
    parts.issuers = InMemoryIssuerStore()
    assert rule(parts.identity.settle) == "installation.database-lost"
    assert parts.keystore.begun == begun


def test_an_installation_that_is_whole_is_no_longer_begun() -> None:
    parts = Parts()
    parts.identity.settle()
    assert parts.keystore.begun == parts.tables.id
    parts.made().identity.settle()
    assert parts.keystore.begun == ""


def test_what_was_begun_without_a_key_is_begun_by_another_database() -> None:
    parts = Parts()
    parts.identity.settle()
    parts.tables.id = "b" * 32
    parts.identity.settle()
    assert parts.keystore.begun == "b" * 32


def test_the_database_of_another_installation_is_refused() -> None:
    parts = Parts().made()
    parts.identity.settle()
    parts.tables.id = "b" * 32
    for do in (parts.identity.require_same, parts.identity.settle):
        assert rule(do) == "installation.database-foreign"


def test_the_database_of_another_installation_is_refused_before_it_is_upgraded() -> None:
    parts = Parts().made()
    parts.identity.settle()
    parts.tables.id = "b" * 32
    assert rule(parts.identity.require_no_loss) == "installation.database-foreign"
    parts.tables.id = ""  # its tables have none yet: the upgrade writes it, and is followed by the same question
    parts.identity.require_no_loss()


@pytest.mark.parametrize("keys", ["none", "of another copy"])
def test_a_database_without_its_keys_is_refused(keys: str) -> None:
    parts = Parts().made()
    other = Parts() if keys == "none" else Parts().made()
    parts.keystore = other.keystore
    assert rule(parts.identity.settle) == "installation.keys-lost"
    assert parts.keystore.installation_id() == ""


def test_a_root_whose_key_is_elsewhere_is_no_loss() -> None:
    parts = Parts().made()
    [root] = [each for each in parts.issuers.list_issuers() if each.role == "root"]
    lab = Lab(issuers=parts.issuers, keystore=parts.keystore)
    exported = lab.root_key.export(OPERATOR, b"a long passphrase of the operator")
    lab.root_key.remove(OPERATOR, exported, b"a long passphrase of the operator")
    parts.identity.settle()
    assert parts.keystore.installation_id() == parts.tables.id
    assert root.key_id is not None


def test_an_id_that_is_kept_never_changes() -> None:
    keystore: KeyStore = InMemoryKeyStore()
    keystore.keep_installation_id("a")
    keystore.keep_installation_id("b")
    assert keystore.installation_id() == "a"
