"""Stored counts of what expires soon; the CSR of a request with a certificate is that of the certificate."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "expiry_count",
        sa.Column("days", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("days", name=op.f("pk_expiry_count")),
    )
    with op.batch_alter_table("application") as table:
        table.alter_column("csr_der", existing_type=sa.LargeBinary(), nullable=True)
    op.execute(
        "UPDATE application SET csr_der = NULL WHERE EXISTS (SELECT 1 FROM certificate "
        "WHERE certificate.serial_number = application.serial_number AND certificate.csr_der = application.csr_der)"
    )
