"""The stores, fake and on both databases: the same contract holds for all three."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ca_service.authority.audit.store import EventStore
from ca_service.authority.fleet.probing import ServedStore
from ca_service.authority.fleet.store import FleetStore
from ca_service.authority.hierarchy.store import IssuerStore
from ca_service.authority.issuance.store import HostProductStore, Ledger, RequestStore
from ca_service.authority.jobs import JobStore
from ca_service.authority.notices.calendars import CalendarStore
from ca_service.authority.people.single_sign_on import IdentityStore
from ca_service.authority.people.store import AccountStore
from ca_service.authority.revocation.store import CRLStore, ResponderStore, RevocationStore
from ca_service.storage.accounts import SQLAccountStore, SQLIdentityStore
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore
from ca_service.storage.fleet import SQLFleetStore, SQLServedStore
from ca_service.storage.host_products import SQLHostProductStore
from ca_service.storage.inventory import SQLInventoryStore, SQLLeafStore
from ca_service.storage.issuers import SQLIssuerStore, SQLResponderStore
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.notices import SQLCalendarStore, SQLJobStore, SQLNoticeStore
from ca_service.storage.postgresql import PostgreSQLDatabase
from ca_service.storage.requests import SQLRequestStore
from ca_service.storage.revocation import SQLCRLStore, SQLRevocationStore
from ca_service.storage.sqlite import SQLiteDatabase
from tests.storage.leaves import Ends
from tests.support.factories import account_record, event, issuer_record
from tests.support.fakes import InMemoryAccountStore, InMemoryIssuerStore, InMemoryLedger
from tests.support.fleet import InMemoryFleetStore, InMemoryHostProductStore
from tests.support.house import House
from tests.support.instances import write_database
from tests.support.inventory import InMemoryInventoryStore
from tests.support.leaf_ends import InMemoryLeafStore
from tests.support.notices import (
    InMemoryCalendarStore,
    InMemoryJobStore,
    InMemoryNoticeStore,
)
from tests.support.openid import InMemoryIdentityStore
from tests.support.probes import InMemoryServedStore
from tests.support.record import InMemoryEventStore
from tests.support.request_records import InMemoryRequestStore
from tests.support.revocation import InMemoryCRLStore, InMemoryResponderStore, InMemoryRevocationStore

fake_and_real = pytest.fixture(params=["fake", "sqlite", "postgresql"])


@pytest.fixture
def sqlite(tmp_path: Path) -> SQLiteDatabase:
    """An SQLite database with the newest schema and nothing in it."""
    write_database(tmp_path / "ca.sqlite3")
    return SQLiteDatabase(tmp_path / "ca.sqlite3")


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[PostgreSQLDatabase]:
    """A PostgreSQL database with the newest schema and nothing in it."""
    database = PostgreSQLDatabase(postgresql_url)
    yield database
    database.close()


on_both = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Database:
    """A database with the newest schema and nothing in it, of the kind that the test names."""
    parameters = request.node.callspec.params.values() if hasattr(request.node, "callspec") else ()
    found: Database = request.getfixturevalue("postgresql" if "postgresql" in parameters else "sqlite")
    return found


@pytest.fixture
def issued_under(database: Database) -> Database:
    """A database with two authorities in it, to which certificates can belong."""
    records = [issuer_record("intermediate-g1"), issuer_record("intermediate-g2")]
    SQLIssuerStore(database).save_issuers(records, event())
    return database


@fake_and_real
def ledger(request: pytest.FixtureRequest) -> Ledger:
    """A ledger without certificates."""
    return InMemoryLedger() if request.param == "fake" else SQLLedger(request.getfixturevalue("issued_under"))


@pytest.fixture
def events(request: pytest.FixtureRequest, ledger: Ledger) -> EventStore:
    """The record of what the ledger has recorded."""
    if isinstance(ledger, InMemoryLedger):
        return InMemoryEventStore(ledger)
    return SQLEventStore(request.getfixturevalue("database"))


@fake_and_real
def event_store(request: pytest.FixtureRequest) -> EventStore:
    """A record without events."""
    return InMemoryEventStore() if request.param == "fake" else SQLEventStore(request.getfixturevalue("database"))


@fake_and_real
def host_products(request: pytest.FixtureRequest) -> HostProductStore:
    """The products of hosts, of which none is known."""
    if request.param == "fake":
        return InMemoryHostProductStore(request.getfixturevalue("clusters_in_memory"))
    return SQLHostProductStore(request.getfixturevalue("database"))


@fake_and_real
def served_store(request: pytest.FixtureRequest) -> ServedStore:
    """A store of what ports have presented, which is empty."""
    return InMemoryServedStore() if request.param == "fake" else SQLServedStore(request.getfixturevalue("database"))


@pytest.fixture
def clusters_in_memory() -> InMemoryFleetStore:
    """A fleet store without clusters."""
    return InMemoryFleetStore()


@pytest.fixture
def clusters_beside(host_products: HostProductStore, request: pytest.FixtureRequest) -> FleetStore:
    """The clusters whose nodes the store of products knows."""
    if isinstance(host_products, InMemoryHostProductStore):
        found: FleetStore = request.getfixturevalue("clusters_in_memory")
        return found
    return SQLFleetStore(request.getfixturevalue("database"))


@fake_and_real
def issuers(request: pytest.FixtureRequest) -> IssuerStore:
    """An issuer store without authorities."""
    return InMemoryIssuerStore() if request.param == "fake" else SQLIssuerStore(request.getfixturevalue("database"))


@fake_and_real
def account_store(request: pytest.FixtureRequest) -> AccountStore:
    """An account store without accounts."""
    return InMemoryAccountStore() if request.param == "fake" else SQLAccountStore(request.getfixturevalue("database"))


@fake_and_real
def fleet_store(request: pytest.FixtureRequest) -> FleetStore:
    """A fleet store without clusters."""
    return InMemoryFleetStore() if request.param == "fake" else SQLFleetStore(request.getfixturevalue("database"))


@fake_and_real
def house(request: pytest.FixtureRequest) -> House:
    """An inventory without certificates."""
    if request.param == "fake":
        ledger, fleet, issuers = InMemoryLedger(), InMemoryFleetStore(), InMemoryIssuerStore()
        issuers.save_issuers([issuer_record("intermediate-g1"), issuer_record("intermediate-g2")], event())
        store = InMemoryInventoryStore(ledger, issuers, fleet)
        return House(store, ledger, InMemoryRevocationStore(ledger), fleet, issuers)
    database = request.getfixturevalue("issued_under")
    return House(
        SQLInventoryStore(database, near=2),  # so that what is not near is read, too
        SQLLedger(database),
        SQLRevocationStore(database),
        SQLFleetStore(database),
        SQLIssuerStore(database),
    )


@fake_and_real
def books(request: pytest.FixtureRequest) -> tuple[Ledger, RevocationStore]:
    """A ledger without certificates, and the revocations of what will be in it."""
    if request.param == "fake":
        ledger = InMemoryLedger()
        return ledger, InMemoryRevocationStore(ledger)
    database = request.getfixturevalue("issued_under")
    return SQLLedger(database), SQLRevocationStore(database)


@fake_and_real
def shelves(request: pytest.FixtureRequest) -> tuple[RevocationStore, CRLStore]:
    """Revocations, and the lists that tell of them; both empty."""
    if request.param == "fake":
        revocations = InMemoryRevocationStore(InMemoryLedger())
        return revocations, InMemoryCRLStore(revocations)
    database = request.getfixturevalue("issued_under")
    return SQLRevocationStore(database), SQLCRLStore(database)


@fake_and_real
def signers(request: pytest.FixtureRequest) -> tuple[Ledger, ResponderStore]:
    """A ledger without certificates, and no signer of OCSP answers."""
    if request.param == "fake":
        ledger = InMemoryLedger()
        return ledger, InMemoryResponderStore(ledger)
    database = request.getfixturevalue("issued_under")
    return SQLLedger(database), SQLResponderStore(database)


@dataclass(frozen=True, slots=True)
class IdentityStores:
    """An identity store, and the accounts below it."""

    identities: IdentityStore
    accounts: AccountStore


@fake_and_real
def identity_stores(request: pytest.FixtureRequest) -> IdentityStores:
    """Stores without identities and accounts."""
    if request.param == "fake":
        accounts = InMemoryAccountStore()
        return IdentityStores(InMemoryIdentityStore(accounts), accounts)
    database = request.getfixturevalue("database")
    return IdentityStores(SQLIdentityStore(database), SQLAccountStore(database))


@fake_and_real
def job_store(request: pytest.FixtureRequest) -> JobStore:
    """Jobs that were never taken."""
    return InMemoryJobStore() if request.param == "fake" else SQLJobStore(request.getfixturevalue("database"))


@fake_and_real
def notice_store(request: pytest.FixtureRequest) -> InMemoryNoticeStore | SQLNoticeStore:
    """Neither notices nor messages."""
    return InMemoryNoticeStore() if request.param == "fake" else SQLNoticeStore(request.getfixturevalue("database"))


@fake_and_real
def calendar_store(request: pytest.FixtureRequest) -> CalendarStore:
    """No calendars, but accounts 1 and 2 that could have one."""
    if request.param == "fake":
        return InMemoryCalendarStore()
    database = request.getfixturevalue("database")
    for name in ("alice", "bob"):
        SQLAccountStore(database).add_account(account_record(name), event(name))
    return SQLCalendarStore(database)


@fake_and_real
def ends(request: pytest.FixtureRequest) -> Ends:
    """Leaves, clusters, and what tells when the leaves end."""
    if request.param == "fake":
        ledger, fleet = InMemoryLedger(), InMemoryFleetStore()
        return Ends(ledger, fleet, InMemoryLeafStore(ledger, fleet), InMemoryRevocationStore(ledger))
    database = request.getfixturevalue("issued_under")
    return Ends(SQLLedger(database), SQLFleetStore(database), SQLLeafStore(database), SQLRevocationStore(database))


@fake_and_real
def request_books(request: pytest.FixtureRequest) -> tuple[RequestStore, Ledger]:
    """A store without requests, and the ledger beside it."""
    if request.param == "fake":
        ledger = InMemoryLedger()
        return InMemoryRequestStore(ledger), ledger
    database = request.getfixturevalue("issued_under")
    return SQLRequestStore(database), SQLLedger(database)
