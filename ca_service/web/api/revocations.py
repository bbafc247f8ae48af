"""Revocation: revoke certificates, and release holds."""

from __future__ import annotations

from typing import TypeVar

from flask import Response
from pydantic import BaseModel

from ca_service.authority.access.permissions import Action
from ca_service.authority.revocation.records import Outcome, Selection
from ca_service.authority.revocation.selecting import read_invalid_since
from ca_service.documents.revocations import RevocationResultDocument
from ca_service.pki.reasons import read_leaf_reason
from ca_service.web.api import answers
from ca_service.web.api.inputs import NoQuery, ReleaseInput, RevocationInput
from ca_service.web.api.intake import parse_object, read_body, require_plain_body
from ca_service.web.api.negotiation import JSON_ONLY, wanted_form
from ca_service.web.api.validation import read_query, validated
from ca_service.web.context import actor, api_services, needs

Document = TypeVar("Document", bound=BaseModel)


@needs(Action.REVOKE)
def revoke() -> Response:
    """Revoke the selected certificates or put them on hold, all or none."""
    asked, use_case = _read(RevocationInput), api_services().revocation
    reason, since = read_leaf_reason(asked.reason), read_invalid_since(asked.invalid_since or "")
    if asked.preview:
        return _answer(use_case.preview(actor(), _selection(asked), reason, invalid_since=since), done=False)
    done = use_case.revoke(actor(), _selection(asked), reason, invalid_since=since, note=asked.note)
    return _answer(done, done=True)


@needs(Action.REVOKE)
def release() -> Response:
    """Release the selected certificates from their hold."""
    asked, use_case = _read(ReleaseInput), api_services().revocation
    if asked.preview:
        return _answer(use_case.preview_release(actor(), _selection(asked)), done=False)
    return _answer(use_case.release(actor(), _selection(asked), note=asked.note), done=True)


def _answer(outcome: Outcome, *, done: bool) -> Response:
    return answers.as_json(RevocationResultDocument.of(outcome, done=done))


def _read(model: type[Document]) -> Document:
    read_query(NoQuery)
    require_plain_body()
    wanted_form(JSON_ONLY)
    return validated(model, parse_object(read_body()), from_text=False)


def _selection(asked: RevocationInput | ReleaseInput) -> Selection:
    return Selection(tuple(asked.serial_numbers), asked.key_fingerprint, asked.host)
