"""A fit check as a document."""

from __future__ import annotations

from ca_service.documents.checks import FitDocument
from ca_service.vos.fit import judge_files
from tests.support import spoiled
from tests.support.fakes import NOON


def test_a_script_gets_verdict_and_checks() -> None:
    document = FitDocument.of(judge_files(spoiled.spoiled(hosts=()), NOON)).model_dump(mode="json")

    assert (document["taken"], document["works"]) == (False, False)
    san = next(each for each in document["checks"] if each["topic"] == "subject alternative name")
    assert (san["stage"], san["result"], san["message"]) == (
        "upload",
        "failed",
        "CSR SAN and Certificate SAN does not match",
    )
    assert san["finding"]["rule"] == "fit.san"
    assert document["checks"][0]["finding"] is None
