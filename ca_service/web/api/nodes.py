"""Certificates on nodes: first contact, plan, and the run that makes its changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from flask import Response

from ca_service.authority.access.permissions import Action
from ca_service.authority.fleet.node_contact import Contact
from ca_service.authority.fleet.node_run import Run
from ca_service.authority.fleet.probing import host_and_port
from ca_service.documents.nodes import (
    ContactDocument,
    NodeAppliedDocument,
    NodeChangeDocument,
    NodeLinesDocument,
    NodePlanDocument,
)
from ca_service.documents.probes import works
from ca_service.errors import Busy, CAServiceError
from ca_service.vos.served import PortReport
from ca_service.web.api import answers
from ca_service.web.api.answers import BATCH_FORMS, JSON_ONLY, wanted_form
from ca_service.web.api.fleet_inputs import NodeApplyInput, NodeContactInput, NodeLinesQuery, NodePlanInput
from ca_service.web.api.inputs import NoQuery, ProbeQuery
from ca_service.web.api.intake import parse_object, read_body, require_plain_body
from ca_service.web.api.validation import read_query, validated
from ca_service.web.context import actor, api_services, needs
from ca_service.web.problems import problem_of

Asked = TypeVar("Asked", bound=NodeContactInput)


@needs(Action.FLEET)
def contact(host: str) -> Response:
    """Show which certificate a node presents, and whether it is believed."""
    return answers.as_json(ContactDocument.of(_contact(host, _read(NodeContactInput))))


@needs(Action.FLEET)
def plan(host: str) -> Response:
    """Show what has to change on a node; change nothing on it."""
    asked = _read(NodePlanInput)
    order, found = asked.order(), _contact(host, asked)
    planned = api_services().node_driver.plan(actor(), found, asked.credentials(), order)
    commands = api_services().node_commands
    steps = commands.preparing_steps(actor(), planned, order)
    return answers.as_json(NodePlanDocument.of(found, planned, steps))


@needs(Action.FLEET)
def apply(host: str) -> Response:
    """Make the confirmed changes, and probe the node; as NDJSON, each change is written as it begins."""
    form = wanted_form(BATCH_FORMS, read_query(ProbeQuery).format)
    asked = _body(NodeApplyInput)
    order, found = asked.order(), _contact(host, asked)
    run = api_services().node_driver.apply(actor(), found, asked.credentials(), order, asked.confirmed)
    if form == "json":
        return answers.varying(answers.as_json(_ended(found, run, asked)))
    response = answers.live(_lines(found, run, asked))
    response.call_on_close(run.close)
    return response


@needs(Action.FLEET)
def lines(host: str) -> Response:
    """Show the steps for the command line of a node; no node is contacted."""
    query = read_query(NodeLinesQuery)
    wanted_form(JSON_ONLY)
    host, _ = host_and_port(host)
    return answers.as_json(NodeLinesDocument.of(host, api_services().node_commands.lines(actor(), host, query.order())))


def _lines(found: Contact, run: Run, asked: NodeApplyInput) -> Iterator[str]:
    """Yield each change as a line, and then the end, or the problem that ends the run."""
    try:
        for change in run:
            yield f"{NodeChangeDocument.of(change).model_dump_json()}\n"
        yield f"{_ended(found, run, asked).model_dump_json()}\n"
    except CAServiceError as error:
        yield f"{problem_of(error).model_dump_json()}\n"


def _ended(found: Contact, run: Run, asked: NodeApplyInput) -> NodeAppliedDocument:
    """Make the changes that are left, probe the node, and describe the end."""
    done = run.finish()
    reports = () if done.waiting else _probed(found.place.host, asked.probe_ports)
    is_done = bool(done.waiting) or works(reports)
    steps = () if is_done else api_services().node_commands.running_steps(actor(), found.place.host, asked.order())
    return NodeAppliedDocument.of(found, done, steps, reports)


def _read(model: type[Asked]) -> Asked:
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    return _body(model)


def _body(model: type[Asked]) -> Asked:
    require_plain_body()
    return validated(model, parse_object(read_body()), from_text=False)


def _contact(host: str, asked: NodeContactInput) -> Contact:
    return api_services().node_driver.contact(actor(), host, asked.fingerprint)


def _probed(host: str, ports: list[int]) -> tuple[PortReport, ...]:
    """Return what the ports present; nothing while others probe: the answer has the changes first."""
    try:
        return tuple(api_services().probes.probe_node(actor(), host, ports))
    except Busy:
        return ()
