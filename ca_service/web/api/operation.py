"""The description of one operation of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from ca_service.web.api import inputs
from ca_service.web.api.answers import JSON_ONLY

READ_PROBLEMS: Final = (400, 401, 403, 406, 500, 503)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API.

    `curl` is a shell command in which $TOKEN is set and {base_url} is the address of this service. `answers` describes
    each status of a success, `forms` holds the content types by name. `takes` is the JSON of the body, `answer` that of
    the answer, `waiting` that of a 202. A repeatable operation accepts an Idempotency-Key. `creates` is what the
    Location of the answer leads to. `problems` are the statuses of its refusals.
    """

    id: str
    method: str
    path: str
    summary: str
    description: str
    curl: str
    answers: Mapping[int, str]
    answer: type[BaseModel] | None
    query: type[BaseModel] = inputs.NoQuery
    forms: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(JSON_ONLY))
    takes: type[BaseModel] | None = None
    waiting: type[BaseModel] | None = None
    is_repeatable: bool = False
    creates: str = ""
    is_public: bool = False
    problems: tuple[int, ...] = READ_PROBLEMS


def curl(rest: str) -> str:
    """Return a curl command with the token; `rest` are its other options and the address."""
    return f'curl -fsS -H "Authorization: Bearer $TOKEN" {rest}'
