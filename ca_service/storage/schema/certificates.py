"""Issuers, certificates, requests and their decisions, revocations, CRLs, OCSP responders, Idempotency-Keys."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from ca_service.storage.schema.columns import UTCDateTime, metadata, partial_index, sorted_text

#: One row, for the whole life of the database.
installation = Table("installation", metadata, Column("id", String(32), primary_key=True))

issuer = Table(
    "issuer",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("certificate_der", LargeBinary),
    Column("key_id", String(64)),
    Column("parent_id", String(64), ForeignKey("issuer.id")),
    Column("is_issuing", Boolean, nullable=False),
)

certificate = Table(
    "certificate",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("serial_number", String(40), nullable=False, unique=True),
    Column("profile", String(32), nullable=False),
    Column("host", sorted_text(), nullable=False),
    Column("subject", Text, nullable=False),
    Column("names", JSON, nullable=False),
    Column("search_text", Text, nullable=False),
    Column("not_before", UTCDateTime, nullable=False),
    Column("not_after", UTCDateTime, nullable=False),
    Column("issued_at", UTCDateTime, nullable=False),
    Column("issued_by", sorted_text(), nullable=False),
    Column("issuer_id", String(64), ForeignKey("issuer.id"), nullable=False),
    Column("request_fingerprint", String(64), nullable=False),
    Column("key_fingerprint", String(64), nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("csr_der", LargeBinary, nullable=False),
    Column("purpose", String(32), nullable=False, server_default=""),
    Column("host_start", sorted_text(2), nullable=False),  # two characters in lower case: shorter than a trigram
    Column("ends_month", Integer, nullable=False),  # of `not_after`, counted from the year 0
    Index("ix_certificate_request", "request_fingerprint", "profile"),
    Index("ix_certificate_key", "key_fingerprint"),
    Index("ix_certificate_expires", "not_after", "id"),
    Index("ix_certificate_host", "host", "id"),
    # Lanes: see storage/lanes.py.
    Index("ix_certificate_issued_by", "issued_by", "id"),
    Index("ix_certificate_profile", "profile", "id"),
    Index("ix_certificate_host_start", "host_start", "id"),
    Index("ix_certificate_ends_month", "ends_month", "id", "not_after"),
)

#: Product and version of a host that is no node of a cluster, as they were last given.
host_product = Table(
    "host_product",
    metadata,
    Column("host", sorted_text(), primary_key=True),
    Column("product", String(32), nullable=False),
    Column("version", String(32), nullable=False),
    Column("changed_at", UTCDateTime, nullable=False),
    Column("changed_by", Text, nullable=False),
)

replay = Table(
    "replay",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("serial_numbers", JSON, nullable=False),
    Column("created", Boolean, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("application_ids", JSON, key="request_ids", nullable=False),  # the name of version 0.1
)


# A request with a certificate is found by that, so most indexes leave it out: a request that a rule approves writes
# only its row and one index entry.
_WITHOUT_CERTIFICATE = partial_index("serial_number IS NULL")

#: `open_key` is profile and CSR while the request is open, and NULL afterwards: there is one open request for each.
#: `csr_der` is NULL once there is a certificate, which has the same CSR.
application = Table(
    "application",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("csr_der", LargeBinary),
    Column("request_fingerprint", String(64), nullable=False),
    Column("key_fingerprint", String(64), nullable=False),
    Column("profile", String(32), nullable=False),
    Column("validity_days", Integer),
    Column("make_new", Boolean, nullable=False),
    Column("add_host_name", Boolean, nullable=False),
    Column("purpose", String(32), nullable=False, server_default=""),
    Column("host", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("names", JSON, nullable=False),
    Column("search_text", Text, nullable=False),
    Column("findings", JSON, nullable=False),
    Column("submitted_at", UTCDateTime, nullable=False),
    Column("submitted_by", Text, nullable=False),
    Column("submitted_by_id", Integer),
    Column("submitted_from", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("decided_at", UTCDateTime),
    Column("decided_by", Text, nullable=False),
    Column("decided_by_id", Integer),
    Column("decided_from", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("settled_at", UTCDateTime),
    Column("failure", JSON, nullable=False),
    Column("serial_number", String(40)),
    Column("open_key", String(100)),
    Index("ix_application_submitter", "submitted_by_id", "id"),
    Index("uq_application_open_key", "open_key", unique=True, **partial_index("open_key IS NOT NULL")),
    Index(
        "ix_application_state",
        "state",
        "id",
        **_WITHOUT_CERTIFICATE,
    ),
    Index(
        "ix_application_request",
        "request_fingerprint",
        **_WITHOUT_CERTIFICATE,
    ),
    Index(
        "ix_application_key",
        "key_fingerprint",
        **_WITHOUT_CERTIFICATE,
    ),
)


revocation = Table(
    "revocation",
    metadata,
    Column("issuer_id", String(64), ForeignKey("issuer.id"), primary_key=True),
    Column("serial_number", String(40), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("revoked_at", UTCDateTime, nullable=False),
    Column("changed_at", UTCDateTime, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("not_after", UTCDateTime, nullable=False),
    Column("entry_der", LargeBinary, nullable=False),
    Column("invalid_since", UTCDateTime),
    Column("note", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Index("ix_revocation_version", "issuer_id", "version"),
    Index("ix_revocation_serial_number", "serial_number"),
    Index("ix_revocation_state", "state", "serial_number"),
    # A covering index for full CRLs: 100,000 entries are read a third faster.
    Index("ix_revocation_entry", "issuer_id", "state", "not_after", "version", "entry_der"),
)

#: One row for each issuer. Every change locks it, so versions have the order of the commits.
revocation_version = Table(
    "revocation_version",
    metadata,
    Column("issuer_id", String(64), ForeignKey("issuer.id"), primary_key=True),
    Column("version", Integer, nullable=False),
)

crl = Table(
    "crl",
    metadata,
    Column("issuer_id", String(64), ForeignKey("issuer.id"), primary_key=True),
    Column("number", String(40), primary_key=True),
    Column("this_update", UTCDateTime, nullable=False),
    Column("next_update", UTCDateTime, nullable=False),
    Column("renew_at", UTCDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("der", LargeBinary),
    Column("delta_der", LargeBinary),
)

responder = Table(
    "responder",
    metadata,
    Column("issuer_id", String(64), ForeignKey("issuer.id"), primary_key=True),
    Column("serial_number", String(40), primary_key=True),
    Column("key_id", String(64), nullable=False),
    Column("not_before", UTCDateTime, nullable=False),
    Column("not_after", UTCDateTime, nullable=False),
    Column("certificate_der", LargeBinary, nullable=False),
)
