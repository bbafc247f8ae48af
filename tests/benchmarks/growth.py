"""Fills a database with so many certificates, and what comes with them: requests, revocations, clusters, events.

Rows come from the conversions of the stores, but are written past them, in bulk. A certificate has the bytes of one
real leaf; what an index keeps apart is its own. They were issued over YEARS, evenly, so most of them have expired.
What a question looks for in vain, or finds late, is with the first of them: the profile `server`, the account
`retired`, hosts that begin with `qz`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, text

from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.records import PlacedRequest
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestRecord, State
from ca_service.authority.revocation.records import RevocationRecord
from ca_service.authority.revocation.records import State as RevocationState
from ca_service.pki.reasons import Reason
from ca_service.storage import rows, search_index
from ca_service.storage.database import Database
from ca_service.storage.schema import (
    application,
    audit_event,
    certificate,
    cluster,
    node,
    placed_request,
    revocation,
    revocation_version,
    seal,
)

YEARS: Final = 5
RARE: Final = 50  # certificates that few questions look for
_PRIME: Final = 10_000_019  # so that hosts are not sorted by age
_CACHE_KIB: Final = 2_000_000
_BATCH: Final = 10_000
_PREFIXES: Final = ("cucm", "uccx", "imp", "cuc", "sm", "finesse", "cer", "cuic")
_DAYS: Final = (397, 397, 397, 397, 90, 30, 825, 365)
_SEALED: Final = 1_000  # events in one seal
_IN_CLUSTERS: Final = 10  # one of so many certificates
_NODES: Final = 4


@dataclass(frozen=True, slots=True)
class Growth:
    """The rows of `count` certificates as of `now`, with the bytes of this leaf."""

    leaf: CertificateRecord
    now: datetime
    count: int

    def certificates(self) -> Iterator[CertificateRecord]:
        """Yield the certificates, the oldest first."""
        return map(self._certificate, range(self.count))

    def _certificate(self, number: int) -> CertificateRecord:
        is_rare = number < RARE
        name = f"qz{number}" if is_rare else f"{_PREFIXES[number % len(_PREFIXES)]}{number * 7919 % _PRIME}"
        host = f"{name}.lab{number % 97}.example.com"
        issued = self._at(number)
        fingerprint = _fingerprint("request", number)
        return replace(
            self.leaf,
            serial_number=_fingerprint("serial", number)[:40],
            profile="server" if is_rare else "vos",
            host=host,
            subject=f"C=DE,O=Example Lab,OU=Voice,CN={host}",
            names=("DNS:example.com", f"DNS:{host}"),
            not_before=issued,
            not_after=issued + timedelta(days=_DAYS[number // 8 % len(_DAYS)]),
            issued_at=issued,
            issued_by="retired" if is_rare else f"admin{number % 40}",
            request_fingerprint=fingerprint,
            key_fingerprint=_fingerprint("key", number),
        )

    def _at(self, number: int) -> datetime:
        age = timedelta(days=365 * YEARS) * ((self.count - number) / self.count)
        return (self.now - age).replace(microsecond=0)

    def requests(self) -> Iterator[RequestRecord]:
        """Yield a request for each certificate; one of a hundred was refused, the last fifty wait."""
        for number, made in enumerate(self.certificates()):
            record = _request(made)
            if number >= self.count - RARE:
                yield replace(record, state=State.SUBMITTED, serial_number=None)
            elif number % 100 == 3:
                yield replace(record, state=State.REFUSED, serial_number=None, note="another name, please")
            else:
                yield record

    def revocations(self) -> Iterator[RevocationRecord]:
        """Yield a revocation for three of a hundred, a hold for one of two hundred."""
        for number, made in enumerate(self.certificates()):
            if number % 200 in (11, 42, 77, 98, 131, 160, 199):
                yield _revocation(made, is_held=number % 200 == 199)

    def events(self) -> Iterator[AuditEvent]:
        """Yield two events for each certificate; the first fifty are by `retired`, among them one of its own kind."""
        yield AuditEvent(self._at(0), Event.ROOT_KEY_EXPORTED, "retired", "root-g1", {}, "192.0.2.1")
        for made in self.certificates():
            details: dict[str, str | int] = {"host": made.host, "profile": made.profile}
            about = made.serial_number
            yield AuditEvent(made.issued_at, Event.CERTIFICATE_ISSUED, made.issued_by, about, details, "192.0.2.1")
            yield AuditEvent(made.issued_at, Event.SIGNED_IN, made.issued_by, made.issued_by, {}, "192.0.2.7")


def _fingerprint(kind: str, number: int) -> str:
    return hashlib.sha256(b"%s %d" % (kind.encode(), number)).hexdigest()


def _request(made: CertificateRecord) -> RequestRecord:
    return RequestRecord(
        id=0,
        state=State.ISSUED,
        csr_der=made.csr_der,
        request_fingerprint=made.request_fingerprint,
        key_fingerprint=made.key_fingerprint,
        options=Options(profile=made.profile),
        host=made.host,
        subject=made.subject,
        names=made.names,
        findings=(),
        submitted_at=made.issued_at,
        submitted_by=made.issued_by,
        submitted_by_id=1,
        settled_at=made.issued_at,
        serial_number=made.serial_number,
    )


def _revocation(made: CertificateRecord, *, is_held: bool) -> RevocationRecord:
    at = made.issued_at + timedelta(days=1)
    return RevocationRecord(
        issuer_id=made.issuer_id,
        serial_number=made.serial_number,
        state=RevocationState.HELD if is_held else RevocationState.REVOKED,
        reason=Reason.CERTIFICATE_HOLD if is_held else Reason.SUPERSEDED,
        revoked_at=at,
        changed_at=at,
        changed_by="admin1",
        not_after=made.not_after,
        entry_der=b"e" * 40,
        version=1,
    )


def fill(database: Database, growth: Growth) -> None:
    """Write all rows into this database, which has the issuer of the leaf and account 1, and nothing else."""
    with database.write() as connection:
        is_postgresql = connection.dialect.name == "postgresql"
        if is_postgresql:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        for name in search_index.SEARCHED:  # built anew at the end, in a fraction of the time
            lost = f"INDEX {search_index.index_of(name)}" if is_postgresql else f"TABLE {search_index.table_of(name)}"
            connection.exec_driver_sql(f"DROP {lost}")
        if not is_postgresql:
            connection.exec_driver_sql("DROP TRIGGER certificate_search_insert")
            connection.exec_driver_sql(f"PRAGMA cache_size = {-_CACHE_KIB}")  # the indexes stay in memory meanwhile
        _write(connection, certificate, map(rows.certificate_values, growth.certificates()))
        _write(connection, application, map(rows.request_values, growth.requests()))
        _write(connection, revocation, map(_plain_values, growth.revocations()))
        _write(connection, revocation_version, [{"issuer_id": growth.leaf.issuer_id, "version": 1}])
        _write_fleet(connection, growth)
        _write(connection, audit_event, _sealed(map(rows.event_values, growth.events())))
        _write(connection, seal, _seals(growth))
    search_index.build(database)
    with database.read() as connection:
        connection.execute(text("VACUUM ANALYZE" if connection.dialect.name == "postgresql" else "ANALYZE"))


def _plain_values(record: RevocationRecord) -> dict[str, Any]:
    return rows.values_of(record) | {"state": record.state.value, "reason": record.reason.value}


def _sealed(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, each in enumerate(events):
        yield each | {"seal": 1_000 + number // _SEALED, "position": number % _SEALED}


def _seals(growth: Growth) -> Iterator[dict[str, Any]]:
    for number in range((2 * growth.count + 1) // _SEALED + 1):
        first = number * _SEALED + 1
        yield {
            "number": 1_000 + number,
            "first": first,
            "last": first + _SEALED - 1,
            "count": _SEALED,
            "at": growth.now,
            **dict.fromkeys(("root", "previous", "public_key", "signature", "leaves"), b"s" * 32),
        }


def _write_fleet(connection: Connection, growth: Growth) -> None:
    """Write clusters of four nodes: one of ten certificates is in a slot."""
    size = _IN_CLUSTERS * _NODES
    clusters = [
        {
            "id": number,
            "name": f"Cluster {number}",
            "name_key": f"cluster {number}",
            "search_text": f"cluster {number}",
            "created_at": growth.now,
            "created_by": "admin1",
        }
        for number in range(1, growth.count // size + 2)
    ]
    _write(connection, cluster, clusters)
    chosen = list(islice(growth.certificates(), 0, None, _IN_CLUSTERS))
    values = {"product": "uccx", "version": "15.0", "role": "publisher"}
    _write(
        connection,
        node,
        (
            {"id": number + 1, "cluster_id": number // _NODES + 1, "fqdn": made.host, **values}
            for number, made in enumerate(chosen)
        ),
    )
    _write(connection, placed_request, (_placed(number, made) for number, made in enumerate(chosen)))


def _placed(number: int, made: CertificateRecord) -> dict[str, Any]:
    record = PlacedRequest(
        id=0,
        cluster_id=number // _NODES + 1,
        node_id=number + 1,
        purpose="tomcat-ECDSA",
        is_multi_server=False,
        request_fingerprint=made.request_fingerprint,
        key_fingerprint=made.key_fingerprint,
        csr_der=made.csr_der,
        placed_at=made.issued_at,
        placed_by=made.issued_by,
    )
    return rows.new_values(record)


def _write(connection: Connection, table: Table, values: Iterable[dict[str, Any]]) -> None:
    """Write rows with the driver's own way for many: COPY, or one prepared statement."""
    source = iter(values)
    first = next(source, None)
    if first is None:
        return
    names = [column.key for column in table.c if column.key in first]
    converters = [_converter(connection, table.c[name]) for name in names]
    converted = (
        [convert(each[name]) for name, convert in zip(names, converters, strict=True)]
        for each in chain([first], source)
    )
    columns = ", ".join(table.c[name].name for name in names)
    cursor: Any = connection.connection.cursor()
    if connection.dialect.name == "postgresql":
        with cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
            for row in converted:
                copy.write_row(row)
        return
    marks = ", ".join("?" for _ in names)
    while batch := list(islice(converted, _BATCH)):
        cursor.executemany(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", batch)  # noqa: S608 - our names


def _converter(connection: Connection, column: Column[Any]) -> Callable[[Any], Any]:
    """Return what turns a value of the column into one of the driver."""
    kind = column.type.dialect_impl(connection.dialect)
    return kind.bind_processor(connection.dialect) or (lambda value: value)
