"""Error messages of VOS nodes: explains a pasted message and its fix."""

from __future__ import annotations

from typing import Final

from flask import render_template, request
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.errors import InvalidInput, Rule
from ca_service.vos.knowledge import titles
from ca_service.vos.messages import all_messages, explain, find_messages
from ca_service.web.context import needs
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of

MESSAGE_TOO_LONG: Final = Rule(
    "message.too-long",
    "The text has {length} characters. The limit is {limit}.",
    "Paste only the line with the message.",
)

MAX_LENGTH: Final = 2000  # characters, so that the URL with the message can be shared
_MAX_SEARCH: Final = 200


@blueprint.get("/messages")
@needs(Action.READ)
def messages() -> ResponseReturnValue:
    """Explain the pasted message and list all known ones."""
    text = request.args.get("message", "").replace("\r\n", "\n").strip()
    searched = request.args.get("q", "")[:_MAX_SEARCH]
    if len(text) <= MAX_LENGTH:
        return _page(text, searched)
    error = _too_long(len(text))
    return _page(text[:MAX_LENGTH], searched, error), status_of(error)


def _page(text: str, searched: str, error: InvalidInput | None = None) -> str:
    return render_template(
        "messages.html",
        text=text,
        max_length=MAX_LENGTH,
        example=all_messages()[0].printed[0],
        findings=error.findings if error else (),
        explained=() if error else explain(text),
        searched=searched,
        listed=find_messages(searched),
        total=len(all_messages()),
        titles=titles,
    )


def _too_long(length: int) -> InvalidInput:
    return InvalidInput(MESSAGE_TOO_LONG.at("/message", length=length, limit=MAX_LENGTH))
