"""Knows in SQL whether a certificate is good: neither revoked nor on hold. When it ends is another matter."""

from __future__ import annotations

from typing import Final

from sqlalchemy import and_, select

from ca_service.authority.revocation.records import State
from ca_service.storage.schema import certificate, revocation

#: The row that says so, if there is one; of a certificate that was released, there is none.
ITS_REVOCATION: Final = and_(
    revocation.c.issuer_id == certificate.c.issuer_id,
    revocation.c.serial_number == certificate.c.serial_number,
    revocation.c.state != State.RELEASED.value,
)
IS_GOOD: Final = ~select(revocation.c.version).where(ITS_REVOCATION).exists()
