"""Knows how the record is asked for and answered in the API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from ca_service.authority.audit.wording import Category
from ca_service.authority.paging import MAX_PAGE
from ca_service.web.api.fields import Input, Limit, Output

_Text = Annotated[str, Field(max_length=200)]
_WHEN = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2}))?)?$"
_When = Annotated[str, Field(max_length=25, json_schema_extra={"pattern": _WHEN})]


class EventQueryFields(Input):
    """The query of the record."""

    q: _Text = Field(default="", description="what stands in any part of the event, in at most 200 characters")
    event: _Text = Field(
        default="", description=f"the name of an event (certificate.issued), or one of: {', '.join(Category)}"
    )
    actor: _Text = Field(default="", description="who did it: the name of an account")
    subject: _Text = Field(default="", description="on what: a serial number, a cluster, an account, an authority")
    since: _When = Field(default="", description="a day (2026-11-23) or a moment (RFC 3339), itself included")
    until: _When = Field(default="", description="a day (2026-11-23) or a moment (RFC 3339), itself included")
    sort: Literal["newest", "oldest"] = Field(default="newest", description="one of: newest, oldest")
    limit: Limit = Field(default=50, description=f"how many to a page: a whole number from 1 to {MAX_PAGE}")
    cursor: Annotated[str, Field(max_length=1000)] = Field(
        default="", description="what the link to the next page holds, unchanged and with the same sort"
    )


class EventDocument(Output):
    """One event."""

    id: int
    at: AwareDatetime
    event: str = Field(description="the name of the event, such as certificate.issued")
    category: str = Field(description=f"one of: {', '.join(Category)}")
    text: str = Field(description="the event as a sentence")
    actor: str = Field(description="who did it")
    origin: str = Field(description="from where: an address, or command line")
    subject: str = Field(description="on what: a serial number, a cluster, an account, an authority")
    details: dict[str, str | int]
    seal: int | None = Field(description="the number of the seal that it is in; null as long as it is not sealed")


class EventsDocument(Output):
    """One page of the record."""

    events: list[EventDocument]
    next: str | None = Field(description="the address of the next page")
