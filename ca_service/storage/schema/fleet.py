"""Clusters, their nodes, requests in slots, marks of steps."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from ca_service.storage.schema.columns import UTCDateTime, metadata, sorted_text

cluster = Table(
    "cluster",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", sorted_text(), nullable=False, unique=True),
    Column("search_text", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
)

node = Table(
    "node",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cluster_id", Integer, ForeignKey("cluster.id", ondelete="CASCADE"), nullable=False),
    Column("fqdn", Text, nullable=False, index=True),
    Column("product", String(32), nullable=False),
    Column("version", String(32), nullable=False),
    Column("role", String(32), nullable=False),
    UniqueConstraint("cluster_id", "fqdn"),
)

placed_request = Table(
    "placed_request",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cluster_id", Integer, ForeignKey("cluster.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("node_id", Integer, ForeignKey("node.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("purpose", String(32), nullable=False),
    Column("is_multi_server", Boolean, nullable=False),
    Column("request_fingerprint", String(64), nullable=False, index=True),
    Column("key_fingerprint", String(64), nullable=False),
    Column("csr_der", LargeBinary, nullable=False),
    Column("placed_at", UTCDateTime, nullable=False),
    Column("placed_by", Text, nullable=False),
)

#: What a port has presented from `at` on; `seen_at` is the last time that it did.
served = Table(
    "served",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("host", sorted_text(), nullable=False),
    Column("port", Integer, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("serial_number", String(40), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("seen_at", UTCDateTime, nullable=False),
    Index("ix_served_host", "host", "id"),
)

mark = Table(
    "mark",
    metadata,
    Column("cluster_id", Integer, ForeignKey("cluster.id", ondelete="CASCADE"), primary_key=True),
    Column("step", sorted_text(200), primary_key=True),
    Column("done_at", UTCDateTime, nullable=False),
    Column("done_by", Text, nullable=False),
)
