"""Notices and background jobs, for administrators."""

from __future__ import annotations

from typing import Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.authority.notices.records import MessageQuery, MessageState
from ca_service.errors import Conflict, Finding, InvalidInput, NotFound, NotReady
from ca_service.web.context import actor, installation, needs
from ca_service.web.forms import whole_number
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of

SORTS: Final = ("newest", "oldest")
_STATES: Final = ("", *(state.value for state in MessageState))
_MANY: Final = 100
_MAX_NUMBER: Final = 2**31 - 1


@blueprint.get("/notices")
@needs(Action.AUTHORITY)
def notices() -> ResponseReturnValue:
    """List upcoming notices, earliest expiry first, and the notification channels."""
    return _coming_page()


def _coming_page(findings: tuple[Finding, ...] = ()) -> str:
    text, cursor = request.args.get("q", "")[:200], request.args.get("cursor", "")[:100]
    return render_template(
        "notices.html",
        page=installation().notices.list_coming(actor(), text, cursor),
        text=text,
        cursor=cursor,
        findings=findings,
        channels={channel.name: channel.recipients for channel in installation().deliveries.channels},
        days=installation().notices.days,
        dead=installation().deliveries.count(MessageState.DEAD, _MANY),
        now=installation().clock(),
    )


@blueprint.post("/notices/test")
@needs(Action.AUTHORITY)
def test_notices() -> ResponseReturnValue:
    """Send a test message over every channel and show the result."""
    try:
        sent = installation().deliveries.test(actor())
    except NotReady as error:
        return _coming_page(error.findings), status_of(error)
    is_good = all(message.state is MessageState.SENT for message in sent)
    return redirect(url_for("pages.messages_sent", tested="good" if is_good else "bad"), 303)


@blueprint.get("/notices/messages")
@needs(Action.AUTHORITY)
def messages_sent() -> ResponseReturnValue:
    """List the sent messages, newest first."""
    return _messages_page()


def _messages_page(findings: tuple[Finding, ...] = ()) -> str:
    state, sort = request.args.get("state", ""), request.args.get("sort", SORTS[0])
    query = MessageQuery(
        text=request.args.get("q", "")[:200],
        state=state if state in _STATES else "",
        sort=sort if sort in SORTS else SORTS[0],
        cursor=request.args.get("cursor", "")[:1000],
    )
    page = installation().deliveries.list_messages(actor(), query)
    return render_template(
        "notices_messages.html", page=page, query=query, sorts=SORTS, states=_STATES, findings=findings
    )


@blueprint.post("/notices/messages/retry")
@needs(Action.AUTHORITY)
def retry_messages() -> ResponseReturnValue:
    """Retry the selected failed messages, then return to the list."""
    typed = (whole_number(text, 10) for text in request.form.getlist("message")[:_MANY])
    chosen = [number for number in typed if number is not None and number <= _MAX_NUMBER]
    try:
        installation().deliveries.retry(actor(), chosen)
    except (InvalidInput, NotFound, Conflict) as error:
        return _messages_page(error.findings), status_of(error)
    return redirect(url_for("pages.messages_sent", retried="true"), 303)


@blueprint.get("/jobs")
@needs(Action.AUTHORITY)
def jobs() -> ResponseReturnValue:
    """List the jobs and their last results."""
    return render_template(
        "jobs.html", jobs=installation().jobs.list_jobs(actor()), ran=request.args.get("ran", "")[:40]
    )


@blueprint.post("/jobs/<name>/run")
@needs(Action.AUTHORITY)
def run_job(name: str) -> ResponseReturnValue:
    """Run a job now, then return to the list with its result."""
    run = installation().jobs.run(actor(), name)
    return redirect(url_for("pages.jobs", ran=run.outcome.value, _anchor=run.name), 303)
