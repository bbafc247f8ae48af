"""Product and version of hosts, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import BindParameter, bindparam, literal, select, union_all

from ca_service.storage.database import Database, upsert
from ca_service.storage.queries import batches_of
from ca_service.storage.schema import host_product, node
from ca_service.vos.destinations import Destination

_BATCH: Final = 400  # each host is twice in a statement
_HOSTS: Final[BindParameter[str]] = bindparam("hosts", expanding=True)
# Built once: each bundle needs it.
_PRODUCTS: Final = union_all(
    select(literal(0), host_product.c.host, host_product.c.product, host_product.c.version).where(
        host_product.c.host.in_(_HOSTS)
    ),
    select(literal(1), node.c.fqdn, node.c.product, node.c.version).where(node.c.fqdn.in_(_HOSTS)),
)


class SQLHostProductStore:
    """Implements the port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_products(self, hosts: Collection[str]) -> Mapping[str, Destination]:
        """Return what is known of these hosts; a node of a cluster comes before what was remembered."""
        found = list[tuple[int, str, str, str]]()
        with self._database.read() as connection:
            for batch in batches_of(hosts, _BATCH):
                found += [(*row,) for row in connection.execute(_PRODUCTS, {"hosts": batch})]
        return {host: Destination("", product, version) for _, host, product, version in sorted(found)}

    def remember_products(self, products: Mapping[str, Destination], by: str, at: datetime) -> None:
        """Store product and version of these hosts, in one transaction; nothing where they are stored already."""
        known = self.find_products(products)
        new = {host: each for host, each in products.items() if known.get(host) != each}
        if not new:
            return
        with self._database.write() as connection:
            for host, each in new.items():
                values = {"product": each.product, "version": each.version, "changed_at": at, "changed_by": by}
                statement = upsert(connection, host_product).values(host=host, **values)
                connection.execute(statement.on_conflict_do_update(index_elements=["host"], set_=values))
