"""Use cases of the inventory: page, export, the expiry board, and the CSV form of a list.

The board says how many certificates expire in which week, and the next steps. Weeks begin on Monday, in
UTC. The first bar is the rest of this week; the bar before it has those that expired in the last four weeks, the bar
after the last one all later ones.

CSV (RFC 4180) is safe against formulas in spreadsheets: a value that begins with = + - @, a tab or a carriage return
gets an apostrophe in front, which spreadsheets show as text. A program that reads the file removes it again.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import certificate_of, issues_leaves
from ca_service.authority.hierarchy.store import IssuerRole, IssuerStore
from ca_service.authority.inventory.language import parse
from ca_service.authority.inventory.store import (
    CertificateQuery,
    Filter,
    InventoryStore,
    Listed,
    Page,
    Place,
    Sort,
    Status,
)
from ca_service.authority.paging import MAX_PAGE
from ca_service.authority.ports import Clock
from ca_service.pki import names
from ca_service.pki.encodings import time_text
from ca_service.pki.profiles import VOS

WEEKS: Final = 26
OVERDUE: Final = timedelta(weeks=4)
MOST_LATER: Final = 1_000
MOST_NEXT: Final = 12  # the expirations that are listed with their steps
_WEEK: Final = timedelta(weeks=1)
_DAY: Final = timedelta(days=1)

#: The columns of the CSV form.
COLUMNS: Final = (
    "host",
    "status",
    "not_after",
    "days_left",
    "profile",
    "subject",
    "subject_alternative_name",
    "serial_number",
    "not_before",
    "issued_at",
    "issued_by",
    "issuer",
    "fingerprint",
)
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")  # first characters of a formula


class Inventory:
    """Lists certificates and their expirations."""

    def __init__(self, store: InventoryStore, issuers: IssuerStore, clock: Clock) -> None:
        self._store = store
        self._issuers = issuers
        self._clock = clock

    def list_certificates(self, actor: Actor, query: CertificateQuery) -> Page:
        """Return one page. Raises InvalidInput, with a finding for each wrong word of the filter."""
        wanted = self._wanted(actor, query.text)
        return self._store.list_certificates(wanted, query.sort, query.cursor, query.limit)

    def export(self, actor: Actor, text: str, sort: Sort) -> Iterator[Listed]:
        """Yield the whole list, read while it is consumed. Raises as `list_certificates` does, before the first item.

        It is not a snapshot: certificates issued in the meantime may be included or not; none is included twice.
        """
        return self._walk(self._wanted(actor, text), sort)

    def _wanted(self, actor: Actor, text: str) -> Filter:
        """Return the filter that was typed, limited to what the actor's token may see."""
        require(actor, Action.READ)
        return replace(parse(text, self._clock()), grant=actor.grant)

    def _walk(self, wanted: Filter, sort: Sort) -> Iterator[Listed]:
        cursor = ""
        while True:
            page = self._store.list_certificates(wanted, sort, cursor, MAX_PAGE)
            yield from page.items
            cursor = page.next_cursor
            if not cursor:
                return

    def board(self, actor: Actor, text: str = "") -> Board:
        """Return the expirations of the certificates that match `text`. Raises as `list_certificates` does."""
        return board_of(self._store, self._wanted(actor, text), tuple(self._authorities()))

    def _authorities(self) -> Iterator[AuthorityEnd]:
        """Yield the authorities with certificates here, the root first."""
        records = [each for each in self._issuers.list_issuers() if each.certificate_der is not None]
        for record in records:
            certificate = certificate_of(record)
            name, end = names.label(certificate.subject), certificate.not_valid_after_utc
            is_former = issues_leaves(record, records) and not record.is_issuing
            yield AuthorityEnd(record.id, record.role, name, end, is_former)


class Step(StrEnum):
    """The next step for a certificate that expires."""

    NEW_REQUEST = "new request"  # a node creates a new key with every CSR, so it has to create the CSR itself
    RENEW = "renew"
    NOTHING = "nothing"  # it is superseded


@dataclass(frozen=True, slots=True)
class Bar:
    """The number of certificates that expire from `begin` until before `end`; `words` find them in the list."""

    begin: datetime
    end: datetime
    count: int
    words: str


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate that expires, the next step, and its cluster."""

    certificate: CertificateRecord
    step: Step
    place: Place | None


@dataclass(frozen=True, slots=True)
class AuthorityEnd:
    """The expiry of an authority; its name is the common name, which has the generation.

    `is_former`: it has issued leaves, and another one issues now.
    """

    id: str
    role: IssuerRole
    name: str
    not_after: datetime
    is_former: bool


@dataclass(frozen=True, slots=True)
class Board:
    """The expirations as of `at`; `later` is open-ended and counts up to MOST_LATER."""

    at: datetime
    overdue: Bar
    weeks: tuple[Bar, ...]
    later: Bar
    next: tuple[Ending, ...]
    authorities: tuple[AuthorityEnd, ...]

    @property
    def highest(self) -> int:
        """The highest number of expirations in one week."""
        return max(bar.count for bar in (self.overdue, *self.weeks))

    @property
    def is_empty(self) -> bool:
        """Whether nothing can expire."""
        return not (self.highest or self.later.count)


def board_of(store: InventoryStore, wanted: Filter, authorities: tuple[AuthorityEnd, ...]) -> Board:
    """Return the board of the certificates that match the filter, for any status."""
    bounds = _bounds(wanted.at)
    overdue, *weeks = store.count_ends(wanted, bounds)
    active = replace(wanted, statuses=frozenset({Status.ACTIVE}))
    later = store.count_up_to(active.ending(bounds[-1], None), MOST_LATER)
    return Board(
        at=wanted.at,
        overdue=Bar(bounds[0], bounds[1], overdue, f"status:expired expires>={bounds[0]:%Y-%m-%d}"),
        weeks=tuple(
            Bar(begin, end, count, _words(begin, end, wanted.at))
            for begin, end, count in zip(bounds[1:], bounds[2:], weeks, strict=False)
        ),
        later=Bar(bounds[-1], bounds[-1], later, f"status:active expires>={bounds[-1]:%Y-%m-%d}"),
        next=_next(store, active),
        authorities=authorities,
    )


def _bounds(at: datetime) -> list[datetime]:
    """Return where the bars begin and where the last one ends: all at midnight, except for now."""
    today = at.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - _DAY * today.weekday()
    return [today - OVERDUE, at, *(monday + _WEEK * number for number in range(1, WEEKS + 1))]


def _words(begin: datetime, end: datetime, at: datetime) -> str:
    since = "" if begin == at else f" expires>={begin:%Y-%m-%d}"
    return f"status:active{since} expires<{end:%Y-%m-%d}"


def _next(store: InventoryStore, active: Filter) -> tuple[Ending, ...]:
    found = store.list_certificates(active, "expires", "", MOST_NEXT).certificates
    places, replaced = store.find_places(found), store.find_replaced(found, active.at)
    return tuple(
        Ending(each, _step(each, is_replaced=each.serial_number in replaced), places.get(each.serial_number))
        for each in found
    )


def _step(certificate: CertificateRecord, *, is_replaced: bool) -> Step:
    if is_replaced:
        return Step.NOTHING
    return Step.NEW_REQUEST if certificate.profile == VOS.name else Step.RENEW


def csv_lines(items: Iterable[Listed], at: datetime) -> Iterator[str]:
    """Yield the header and one line per item, each with CRLF; times are UTC, days count from `at`."""
    yield _line(COLUMNS)
    for item in items:
        yield _line(map(defused, _values(item, at)))


def defused(value: str) -> str:
    """Return the value in a form that no spreadsheet evaluates."""
    return f"'{value}" if value.startswith(_DANGEROUS) else value


def _values(item: Listed, at: datetime) -> tuple[str, ...]:
    found = item.certificate
    return (
        found.host,
        item.status.value,
        time_text(found.not_after),
        str(max(0, (found.not_after - at).days)),
        found.profile,
        found.subject,
        " ".join(found.names),
        found.serial_number,
        time_text(found.not_before),
        time_text(found.issued_at),
        found.issued_by,
        found.issuer_id,
        hashlib.sha256(found.der).hexdigest(),
    )


def _line(values: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(values)
    return written.getvalue()
