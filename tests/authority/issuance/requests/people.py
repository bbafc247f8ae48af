"""Who asks and who decides in these tests, and what they find afterwards."""

from __future__ import annotations

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.audit.events import Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestRecord
from tests.support.factories import Lab, actor
from tests.support.fakes import InMemoryLedger
from tests.support.requests import UCCX_PUBLISHER

ANNA, CAROL, VERA = actor(Role.REQUESTER), actor(Role.APPROVER), actor(Role.ADMINISTRATOR)


def submitted(lab: Lab, who: Actor) -> RequestRecord:
    """What waits when they have submitted a request."""
    (found,) = lab.issuance.issue(who, [UCCX_PUBLISHER.data], Options()).waiting
    return found


def certificates(lab: Lab) -> tuple[CertificateRecord, ...]:
    """All that were issued."""
    return lab.inventory.list_certificates(VERA, CertificateQuery()).certificates


def recorded(lab: Lab) -> list[tuple[Event, str, str]]:
    """What was recorded: the event, who, and about what."""
    assert isinstance(lab.ledger, InMemoryLedger)
    return [(each.event, each.actor, each.subject) for each in lab.ledger.events]
