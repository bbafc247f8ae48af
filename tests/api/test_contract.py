"""The API keeps to its own description, as schemathesis judges it over HTTP."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pytest
import schemathesis
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from ca_service.app import create_app
from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.conflicts import MAX_REQUESTS
from ca_service.authority.issuance.examination import Options
from ca_service.settings import Settings
from ca_service.web.api import examples
from tests.support import pkcs10
from tests.support.requests import node

from .conftest import Made, deciding, served

_REFUSED: Final = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422"]
_EXPECTED: Final = ["2xx", "401", "403", "404", "409"]
# All checks of schemathesis are on. Where JSON Schema cannot say what is good, one of them is told
# which refusals a request that fits the schema may meet:
_ALSO_EXPECTED: Final = {
    # 422: a text is a signed request or not; the lifetime is bounded by the policy. 400: an option
    # that has one value in the query and another in the body. 406: DER of several.
    "POST /api/v1/certificates": ["400", "406", "422"],
    "POST /api/v1/batches": ["400"],  # as above, and `new` is refused
    "POST /api/v1/checks": ["400"],  # as above
    "POST /api/v1/fit": ["400", "422"],  # a text is a certificate or not, a request or not
    "POST /api/v1/certificates/{serial_number}/renew": ["422"],  # it is a node's, or too many days
    "POST /api/v1/revocations": ["400"],  # nothing is selected, or what is no serial number, or no time
    "POST /api/v1/revocations/release": ["400"],  # as above
    "GET /api/v1/events": ["400"],  # as below; an event has a name that there is, and not every month has 31 days
    "POST /api/v1/requests/{request_id}/refuse": ["400"],  # a note of blanks is none
    "POST /api/v1/requests/{request_id}/approve": ["400"],  # a note may have characters that cannot be seen
    "POST /api/v1/requests/{request_id}/withdraw": ["400"],
    # 400: a name that can be seen, a product, its roles and versions are judged by the use case.
    "POST /api/v1/clusters": ["400"],
    "GET /api/v1/clusters": ["400"],  # a cursor, as below
    "POST /api/v1/clusters/{cluster_id}/marks": ["400"],  # a step is one of this runbook
    # 400: another profile, a node that is not in the cluster. 422: no node of the cluster is in the CSR.
    "POST /api/v1/clusters/{cluster_id}/csrs": ["400", "422"],
    # 400: a host that is no node of a cluster and has no certificate from here. 422: its product has no such API.
    # 502: a host with a certificate from here, which does not answer.
    "POST /api/v1/nodes/{host}/contact": ["400", "422", "502"],
    "POST /api/v1/nodes/{host}/plan": ["400", "422", "502"],
    "POST /api/v1/nodes/{host}/apply": ["400", "422", "502"],
    "GET /api/v1/nodes/{host}/lines": ["400"],  # a host has a name that there can be; a version, as below
    "GET /api/v1/products/{product_id}": ["400"],  # a version is written as Cisco writes it
    "GET /api/v1/requests": ["400"],  # a cursor, as below
    "GET /api/v1/certificates": ["400"],  # a cursor is one that was handed out, for the same sort
}


#: A new cluster has none of these before its first certificate.
_LATER: Final = ["GET /api/v1/clusters/{cluster_id}/bundle"]


def _request(number: int) -> bytes:
    host = f"n{number}.example.com"
    recipe = node(f"n{number}-EC.example.com", host, curve=ec.SECP256R1, hash=hashes.SHA256())
    return pkcs10.pem(recipe.der())


def _teach_requests() -> None:
    """Tell schemathesis what requests look like; as many as one submission may hold, and some."""
    requests = [_request(number) for number in range(MAX_REQUESTS + 10)]
    schemathesis.openapi.format("pkcs10", st.sampled_from([data.decode("ascii") for data in requests]))
    schemathesis.openapi.format("probe-target", st.sampled_from(["127.0.0.1:1", "127.0.0.1:2"]))
    schemathesis.openapi.format("x509", st.sampled_from([examples.CERTIFICATE, examples.ROOT]))
    schemathesis.openapi.media_type("application/pkcs10", st.sampled_from(requests))


def _config(token: str) -> SchemathesisConfig:
    operations = [
        {
            "include-name": name,
            "checks": {
                "positive_data_acceptance": {"expected-statuses": [*_EXPECTED, *statuses]},
                "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", *statuses]},
            },
        }
        for name, statuses in _ALSO_EXPECTED.items()
    ]
    operations += [
        {"include-name": name, "checks": {"ensure_resource_availability": {"enabled": False}}} for name in _LATER
    ]
    return SchemathesisConfig.from_dict(
        {
            "headers": {"Authorization": f"Bearer {token}"},
            "generation": {"max-examples": 6},
            "workers": 1,
            "checks": {"negative_data_rejection": {"expected-statuses": _REFUSED}},  # 413: too many parts
            "operations": operations,
        }
    )


def _faults(event: events.ScenarioFinished) -> list[str]:
    return [
        f"{check.name}: {check.failure_info.failure} {check.failure_info.code_sample}"
        for checks in event.recorder.checks.values()
        for check in checks
        if check.failure_info is not None and not _leaves_no_trace(check.name, str(check.failure_info.failure))
    ]


def _leaves_no_trace(check: str, failure: str) -> bool:
    """Tell whether the bad value was an empty list in a form: no part is sent for it, so the form itself is valid."""
    return check == "negative_data_rejection" and "became array" in failure and "multipart/form-data" in failure


def _answers(event: events.ScenarioFinished) -> Counter[tuple[str, int]]:
    recorded: Any = event.recorder
    return Counter(
        (recorded.cases[number].value.operation.label, interaction.response.status_code)
        for number, interaction in recorded.interactions.items()
        if interaction.response is not None
    )


@pytest.fixture(scope="module")
def deciding_app(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application in which what is for plain servers waits, and in which some requests of somebody else wait."""
    folder = tmp_path_factory.mktemp("contract")
    installation = deciding(made, folder, '[{name = "vos", profiles = ["vos"]}]', lambda _: None)
    who = installation.accounts.get(Role.REQUESTER.value).actor
    installation.issuance.issue(who, [_request(900 + number) for number in range(3)], Options("server"))
    return create_app(Settings(instance_path=folder / "instance"), installation)


@pytest.mark.timeout(400)  # every operation, some 2,000 requests
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # one of these is a batch of 1,000 CSRs
def test_the_api_keeps_to_its_description(deciding_app: Flask, made: Made) -> None:
    _teach_requests()
    with served(deciding_app) as address:
        config = _config(made.tokens[Role.ADMINISTRATOR])
        schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json", config=config)
        happened = list(from_schema(schema).execute())
    scenarios = [event for event in happened if isinstance(event, events.ScenarioFinished)]
    answers = sum(map(_answers, scenarios), Counter[tuple[str, int]]())
    faults = [fault for event in scenarios for fault in _faults(event)]
    assert not faults, "\n\n".join(faults)
    errors = [event for event in happened if isinstance(event, events.NonFatalError | events.FatalError)]
    assert not errors, "\n\n".join(str(getattr(error, "info", error)) for error in errors)
    assert answers["POST /api/v1/certificates", 201] >= 1, answers  # the example at least
    assert answers["POST /api/v1/checks", 200] >= 5, answers
    assert answers["POST /api/v1/fit", 200] >= 1, answers
    assert answers["POST /api/v1/requests/{request_id}/approve", 200] >= 1, answers
    assert answers["GET /api/v1/requests/{request_id}", 200] >= 1, answers
    assert answers["POST /api/v1/clusters", 201] >= 1, answers
    assert answers["GET /api/v1/clusters/{cluster_id}", 200] >= 1, answers
    assert answers["GET /api/v1/matrix", 200] >= 1, answers
    assert answers["GET /api/v1/products/{product_id}", 200] >= 1, answers
