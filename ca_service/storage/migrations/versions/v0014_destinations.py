"""The purpose of each certificate and request; product and version of hosts.

Until now a node's certificate was for the slot of its CSR in a cluster, or else for tomcat-ECDSA.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "host_product",
        sa.Column("host", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("product", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_host_product")),
    )
    op.create_index(op.f("ix_node_fqdn"), "node", ["fqdn"])
    for table in ("certificate", "application"):
        op.add_column(table, sa.Column("purpose", sa.String(length=32), nullable=False, server_default=""))
    op.execute("UPDATE certificate SET purpose = 'tomcat-ECDSA' WHERE profile = 'vos'")
    op.execute("UPDATE application SET purpose = 'tomcat-ECDSA' WHERE profile = 'vos'")
    op.execute(
        "UPDATE certificate SET purpose = (SELECT max(placed_request.purpose) FROM placed_request "
        "WHERE placed_request.request_fingerprint = certificate.request_fingerprint) "
        "WHERE profile = 'vos' AND EXISTS (SELECT 1 FROM placed_request "
        "WHERE placed_request.request_fingerprint = certificate.request_fingerprint)"
    )
