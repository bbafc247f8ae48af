"""Renews certificates: the same key again, for a plain server."""

from __future__ import annotations

from flask import Response

from ca_service.authority.access.permissions import Action
from ca_service.authority.fleet.renewal import RenewalWish
from ca_service.web.api import answers
from ca_service.web.api.certificates import idempotency_key
from ca_service.web.api.models import RenewQuery
from ca_service.web.api.negotiation import certificate_forms, wanted_form
from ca_service.web.api.validation import read_query
from ca_service.web.context import actor, installation, needs


@needs(Action.ISSUE)
def renew(serial_number: str) -> Response:
    """Issue the stored request of this certificate anew."""
    query = read_query(RenewQuery)
    form = wanted_form(certificate_forms(1), query.format)
    wish = RenewalWish(bool(query.new), bool(query.never_uploaded), query.validity_days)
    issued = installation().renewal.renew(actor(), serial_number, wish, idempotency_key())
    return answers.issued(issued, form)
