"""The format of a response: named in the query, or preferred by the Accept header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import request

from ca_service.errors import Rule
from ca_service.web.delivery import AUTHORITY_FORMATS, CONTENT_TYPES
from ca_service.web.problems import NotAcceptable

FORMAT_NOT_ACCEPTABLE: Final = Rule(
    "format.not-acceptable",
    "The answer cannot be given in the form that is asked for.",
    "Ask for one of these, in Accept or as format where the operation takes it: {known}.",
)

JSON: Final = "application/json"
JSON_ONLY: Final = {"json": JSON}
LIST_FORMS: Final = JSON_ONLY | {"csv": "text/csv"}
AUTHORITY_FORMS: Final = JSON_ONLY | {form: CONTENT_TYPES[form] for form in AUTHORITY_FORMATS}


def certificate_forms(count: int) -> Mapping[str, str]:
    """Return the content types in which so many certificates can be answered: DER holds but one."""
    return JSON_ONLY | {form: kind for form, kind in CONTENT_TYPES.items() if form != "der" or count == 1}


def wanted_form(forms: Mapping[str, str], named: str | None = None) -> str:
    """Return one of `forms` (RFC 9110, 12.5.1); the first one when nothing is preferred.

    `named` wins over the Accept header. Raises NotAcceptable, with the list, if it cannot be had.
    """
    if named is not None:
        if named in forms:
            return named
        raise _not_acceptable(forms)
    if not request.accept_mimetypes:
        return next(iter(forms))
    best = request.accept_mimetypes.best_match(forms.values())
    if best is None:
        raise _not_acceptable(forms)
    return next(form for form, kind in forms.items() if kind == best)


def _not_acceptable(forms: Mapping[str, str]) -> NotAcceptable:
    return NotAcceptable.because(
        FORMAT_NOT_ACCEPTABLE, known=", ".join(f"{form} ({kind})" for form, kind in forms.items())
    )
