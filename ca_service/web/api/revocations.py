"""Revokes certificates, and ends holds."""

from __future__ import annotations

from typing import TypeVar

from flask import Response
from pydantic import BaseModel

from ca_service.authority.access.permissions import Action
from ca_service.authority.revocation.records import Selection
from ca_service.authority.revocation.selecting import read_invalid_since
from ca_service.pki.reasons import read_leaf_reason
from ca_service.web.api import answers
from ca_service.web.api.intake import parse_object, read_body, require_plain_body
from ca_service.web.api.models import NoQuery
from ca_service.web.api.negotiation import JSON_ONLY, wanted_form
from ca_service.web.api.revocation_models import ReleaseDocument, RevocationDocument
from ca_service.web.api.validation import read_query, validated
from ca_service.web.context import actor, installation, needs

Document = TypeVar("Document", bound=BaseModel)


@needs(Action.REVOKE)
def revoke() -> Response:
    """Revoke what is selected, or put it on hold; all of it, or nothing."""
    asked, use_case = _read(RevocationDocument), installation().revocation
    reason, since = read_leaf_reason(asked.reason), read_invalid_since(asked.invalid_since or "")
    if asked.preview:
        return answers.revocation(use_case.preview(actor(), _selection(asked), reason, invalid_since=since), done=False)
    done = use_case.revoke(actor(), _selection(asked), reason, invalid_since=since, note=asked.note)
    return answers.revocation(done, done=True)


@needs(Action.REVOKE)
def release() -> Response:
    """End the hold of what is selected."""
    asked, use_case = _read(ReleaseDocument), installation().revocation
    if asked.preview:
        return answers.revocation(use_case.preview_release(actor(), _selection(asked)), done=False)
    return answers.revocation(use_case.release(actor(), _selection(asked), note=asked.note), done=True)


def _read(model: type[Document]) -> Document:
    read_query(NoQuery)
    require_plain_body()
    wanted_form(JSON_ONLY)
    return validated(model, parse_object(read_body()), from_text=False)


def _selection(asked: RevocationDocument | ReleaseDocument) -> Selection:
    return Selection(tuple(asked.serial_numbers), asked.key_fingerprint, asked.host)
