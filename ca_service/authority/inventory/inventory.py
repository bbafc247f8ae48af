"""Use cases of the inventory: page, export, expiry board."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.store import IssuerStore
from ca_service.authority.inventory import expiry
from ca_service.authority.inventory.expiry import AuthorityEnd, Board
from ca_service.authority.inventory.language import parse
from ca_service.authority.inventory.store import CertificateQuery, Filter, InventoryStore, Listed, Page, Sort
from ca_service.authority.paging import MAX_PAGE
from ca_service.authority.ports import Clock


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
        return expiry.board_of(self._store, self._wanted(actor, text), tuple(self._authorities()))

    def _authorities(self) -> Iterator[AuthorityEnd]:
        """Yield the authorities with certificates here, the root first."""
        for record in self._issuers.list_issuers():
            if record.certificate_der is not None:
                end = certificate_of(record).not_valid_after_utc
                yield AuthorityEnd(record.role, record.name, end, record.is_issuing)
