"""The id of the installation: it is kept beside the keys as well.

That of an installation which has an authority is made of its oldest certificate: a database from before this version,
restored and upgraded again, gets the same one.
"""

import hashlib
import secrets

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    installation = op.create_table(
        "installation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    oldest = "SELECT certificate_der FROM issuer WHERE certificate_der IS NOT NULL ORDER BY created_at, id LIMIT 1"
    certificate = op.get_bind().execute(sa.text(oldest)).scalar()
    made = hashlib.sha256(bytes(certificate)).hexdigest()[:32] if certificate else secrets.token_hex(16)
    op.bulk_insert(installation, [{"id": made}])
