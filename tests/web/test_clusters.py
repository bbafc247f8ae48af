"""The pages of clusters: making one, its board, bringing requests, ticking steps; and every refusal."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from werkzeug.test import TestResponse

from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.states import State
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.pki.reasons import Reason
from ca_service.web.pages.clusters import PRESETS
from tests.support import pkcs10
from tests.support.factories import OPERATOR
from tests.support.refused_requests import rsa_key
from tests.support.requests import CUCM_MULTI, SOCIALMINER, THREE_NODES, Request, key, node, subject
from tests.web.html import Page, read
from tests.web.visitor import Visitor, upload

NODES = (
    ("uccx1.example.com", "uccx", "11.5", "publisher"),
    ("uccx2.example.com", "uccx", "11.5", "subscriber"),
    ("sm1.example.com", "socialminer", "11.5", "single server"),
)
Node = tuple[str, str, str, str]


def node_fields(*nodes: Node) -> dict[str, list[str]]:
    """The columns of the form."""
    return {
        name: [node[column] for node in nodes] for column, name in enumerate(("fqdn", "product", "version", "role"))
    }


def create(visitor: Visitor, *nodes: Node, name: str = "Lab", **more: str) -> TestResponse:
    """Send the form for a new cluster."""
    return visitor.post("/clusters/new", {"name": name, **node_fields(*nodes), **more})


def made(visitor: Visitor, *nodes: Node, name: str = "Lab") -> str:
    """A cluster of these nodes; the path of its board."""
    answer = create(visitor, *(nodes or NODES), name=name)
    assert answer.status_code == 303, read(answer.text).text
    return str(answer.location)


def files(*requests: Request) -> list[tuple[io.BytesIO, str]]:
    """The requests as uploads."""
    return [(io.BytesIO(data), name) for name, data in map(upload, requests)]


def bring(visitor: Visitor, board: str, *requests: Request) -> Page:
    """The review of these requests."""
    answer = visitor.post(f"{board}/requests", {"csr": files(*requests)})
    assert answer.status_code == 200, read(answer.text).text
    return read(answer.text)


def decide(visitor: Visitor, board: str, review: Page, do: str, **changes: Any) -> TestResponse:
    """Press one of the buttons below a review, after changing some of its fields."""
    fields: dict[str, Any] = {name: review.values(name) for name in ("label", "request", "include")}
    return visitor.post(f"{board}/requests", {**fields, **changes, "do": do})


def places(installation: Installation, *fqdns: str, purpose: str = "tomcat-ECDSA") -> Mapping[str, str]:
    """The fields that put the n-th request on the n-th of these nodes."""
    nodes = {node.fqdn: str(node.id) for node in installation.fleet.get_cluster(OPERATOR, 1).nodes}
    found = {f"node-{number}": nodes[fqdn] for number, fqdn in enumerate(fqdns)}
    return found | {f"purpose-{number}": purpose for number in range(len(fqdns))}


def states(installation: Installation) -> list[State]:
    return [slot.state for slot in installation.fleet.slots(OPERATOR, 1)]


def signed(visitor: Visitor, installation: Installation) -> str:
    """A cluster whose three nodes have their certificates; the path of its board."""
    board = made(visitor)
    review = bring(visitor, board, *THREE_NODES)
    answer = decide(visitor, board, review, "sign", **places(installation, *(node[0] for node in NODES)))
    assert answer.status_code == 303, read(answer.text).text
    return board


# Making and changing


def test_a_cluster_is_made_with_its_nodes_and_found_by_the_name_of_one(requester: Visitor) -> None:
    made(requester)

    assert "Lab" in requester.page("/clusters?q=sm1").text
    assert "No matches." in requester.page("/clusters?q=nowhere").text


def test_lines_without_a_name_do_not_count(requester: Visitor, installation: Installation) -> None:
    made(requester, NODES[0], ("", "uccx", "", "publisher"))

    assert len(installation.fleet.get_cluster(OPERATOR, 1).nodes) == 1


def test_a_finding_names_the_row_as_the_page_counts_it(requester: Visitor) -> None:
    late = ("uccx2.example.com", "uccx", "", "subscriber")

    page = read(create(requester, NODES[0], ("", "uccx", "", "publisher"), late).text)

    assert "Node 2 (uccx2.example.com): The version is missing." in page.text
    assert page.values("fqdn")[:3] == [NODES[0][0], late[0], ""]


def test_more_lines_lose_nothing_that_was_typed(requester: Visitor) -> None:
    page = read(create(requester, *NODES, name="Half done", more="true").text)

    assert page.values("fqdn")[:3] == [node[0] for node in NODES]
    assert len(page.values("fqdn")) == 6
    assert page.values("name") == ["Half done"]


@pytest.mark.parametrize(
    ("node", "rule"),
    [
        (("uccx1", "uccx", "11.5", "publisher"), "node.fqdn"),
        (("uccx1.example.com", "nope", "11.5", "publisher"), "product.unknown"),
        (("uccx1.example.com", "uccx", "eleven", "publisher"), "version.unknown"),
        (("uccx1.example.com", "uccx", "11.5", "single server"), "node.role"),
    ],
)
def test_a_node_that_cannot_be_is_refused_and_what_was_typed_stays(requester: Visitor, node: Node, rule: str) -> None:
    answer = create(requester, node)

    assert answer.status_code == 400
    assert read(answer.text).blocking == [rule]
    assert read(answer.text).values("fqdn")[0] == node[0]


def test_a_second_cluster_of_one_name_is_refused(requester: Visitor) -> None:
    made(requester)

    assert create(requester, *NODES).status_code == 409


def test_nodes_are_added_changed_and_removed(requester: Visitor, installation: Installation) -> None:
    board = made(requester, NODES[0])
    requester.post(f"{board}/nodes", {name: value[0] for name, value in node_fields(NODES[1]).items()})
    nodes = installation.fleet.get_cluster(OPERATOR, 1).nodes
    changed = dict(
        zip(("fqdn", "product", "version", "role"), ("uccx9.example.com", "uccx", "15", "publisher"), strict=True)
    )
    requester.post(f"{board}/nodes/{nodes[0].id}", changed)
    requester.post(f"{board}/nodes/{nodes[1].id}", {"remove": "true"})

    [left] = installation.fleet.get_cluster(OPERATOR, 1).nodes
    assert (left.fqdn, left.version) == ("uccx9.example.com", "15")


def test_a_bad_change_of_a_node_or_of_the_name_is_told_on_the_board(requester: Visitor) -> None:
    board = made(requester, NODES[0])

    for path, fields in ((f"{board}/nodes", {"fqdn": "x"}), (f"{board}/nodes/1", {"fqdn": "x"}), (f"{board}/name", {})):
        answer = requester.post(path, fields)
        assert answer.status_code == 400
        assert read(answer.text).blocking


def test_a_cluster_is_renamed_and_removed_only_with_the_box_ticked(
    requester: Visitor, installation: Installation
) -> None:
    board = made(requester)
    requester.post(f"{board}/name", {"name": "Other"})
    requester.post(f"{board}/remove")
    assert installation.fleet.get_cluster(OPERATOR, 1).name == "Other"

    assert requester.post(f"{board}/remove", {"sure": "true"}).location == "/clusters"
    assert requester.get(board).status_code == 404


def test_a_cluster_that_is_not_there_is_told(requester: Visitor) -> None:
    for path in ("/clusters/9", "/clusters/9/runbook", "/clusters/9/bundle.zip"):
        answer = requester.get(path)
        assert (answer.status_code, read(answer.text).blocking) == (404, ["cluster.unknown"])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_usual_cluster_fills_the_rows_of_the_form_with_products_and_roles(requester: Visitor, preset: str) -> None:
    page = requester.page(f"/clusters/new?preset={preset}")

    assert set(PRESETS) == {link.partition("preset=")[2] for link in page.links if "preset=" in link}
    chosen = re.findall(r'<option value="([^"]+)" selected', requester.get(f"/clusters/new?preset={preset}").text)
    rows = [(f"node{number}.example.com", *chosen[number : number + 2]) for number in range(0, len(chosen), 2)]
    assert [row[1:] for row in rows] == list(PRESETS[preset])
    nodes = [(fqdn, product, "15", role) for fqdn, product, role in rows]
    assert made(requester, *nodes) == "/clusters/1"


def test_an_unknown_preset_is_an_empty_form(requester: Visitor) -> None:
    assert requester.page("/clusters/new?preset=x").values("fqdn") == ["", "", ""]


def test_a_certificate_signed_before_the_cluster_was_made_is_linked_and_taken_with_one_button(
    requester: Visitor, installation: Installation
) -> None:
    [before] = installation.issuance.issue(OPERATOR, [SOCIALMINER.data], Options()).certificates
    board = made(requester)

    page = requester.page(board)
    assert "This host has a valid certificate that is not in this cluster" in page.text
    assert f"/certificates/{before.serial_number}" in page.links
    fields = {name: page.values(name) for name in ("label", "request", "include", "node-0", "purpose-0")}
    answer = requester.post(f"{board}/requests", {**fields, "do": "keep"})

    assert (answer.status_code, answer.location) == (303, board)
    assert states(installation)[2] is State.ISSUED
    assert "that is not in this cluster" not in requester.page(board).text


def test_a_certificate_for_several_nodes_of_the_cluster_is_taken_as_such(
    requester: Visitor, installation: Installation
) -> None:
    installation.issuance.issue(OPERATOR, [CUCM_MULTI.data], Options())
    page = requester.page(made(requester, *CALLS))

    assert page.values("multi-0") == ["true"]


def test_a_host_that_another_cluster_has_is_a_warning_on_the_new_board(requester: Visitor) -> None:
    made(requester)

    page = requester.page(made(requester, NODES[0], name="Other"))

    assert ("warning", "node.elsewhere") in page.findings
    assert "This server is also in the cluster \u201cLab\u201d." in page.text


# Bringing requests


def test_each_request_finds_its_node(requester: Visitor, installation: Installation) -> None:
    board = made(requester)

    text = requester.post(f"{board}/requests", {"csr": files(*THREE_NODES)}).text

    chosen = re.findall(r'<option value="(\d+)" selected>([^<]+)', text)
    assert [fqdn for _, fqdn in chosen] == [node[0] for node in NODES]
    assert states(installation) == [State.NO_REQUEST] * 3


def test_the_name_of_the_file_says_the_purpose(requester: Visitor) -> None:
    board = made(requester)
    file = (io.BytesIO(SOCIALMINER.data), "CallManager-ECDSA.csr")

    text = requester.post(f"{board}/requests", {"csr": [file]}).text

    assert '<option value="CallManager-ECDSA" selected>CallManager-ECDSA' in text


def test_kept_requests_wait_to_be_signed(requester: Visitor, installation: Installation) -> None:
    board = made(requester)
    review = bring(requester, board, SOCIALMINER)

    decide(requester, board, review, "keep", **places(installation, "sm1.example.com"))

    assert states(installation)[2] is State.REQUESTED
    assert "Sign it" in requester.page(board).text


def test_a_kept_request_comes_back_with_the_place_that_was_chosen_for_it(
    requester: Visitor, installation: Installation
) -> None:
    board = made(requester)
    review = bring(requester, board, SOCIALMINER)
    chosen = {**places(installation, "uccx2.example.com"), "multi-0": "true"}
    decide(requester, board, review, "keep", **chosen)

    page = requester.page(board)
    names = ("label", "request", "include", "node-0", "purpose-0", "multi-0")
    text = requester.post(f"{board}/requests", {name: page.values(name) for name in names}).text

    assert re.search(r'<option value="\d+" selected>uccx2.example.com', text)
    assert re.search(r'name="multi-0" value="true" checked', text)
    assert re.search(r'name="include" value="0" checked', text)


def test_after_signing_the_board_names_the_nodes_without_a_csr(requester: Visitor) -> None:
    board = made(requester)
    review = bring(requester, board, THREE_NODES[0])
    nodes = {"node-0": "1", "purpose-0": "tomcat-ECDSA"}
    signed_board = decide(requester, board, review, "sign", **nodes).headers["Location"]
    assert "No CSR from 2 of 3 nodes: uccx2.example.com, sm1.example.com." in requester.page(signed_board).text
    assert "No CSR from" not in requester.page(board).text


def test_signed_requests_fill_their_slots_and_come_back_as_one_zip(
    requester: Visitor, installation: Installation
) -> None:
    board = signed(requester, installation)

    assert states(installation) == [State.ISSUED] * 3
    bundle = requester.get(f"{board}/bundle.zip")
    names = zipfile.ZipFile(io.BytesIO(bundle.data)).namelist()
    assert {"RUNBOOK.txt", "RUNBOOK.html", "SHA256SUMS", "1-root.tomcat-trust.pem"} <= set(names)
    assert {name.split("/")[0] for name in names if name.endswith("UPLOAD.txt")} == {node[0] for node in NODES}


def test_there_is_no_bundle_before_there_is_a_certificate(requester: Visitor) -> None:
    answer = requester.get(f"{made(requester)}/bundle.zip")

    assert (answer.status_code, read(answer.text).blocking) == (404, ["cluster.no-certificates"])


def test_a_request_without_a_node_is_not_taken_and_stays_on_the_page(requester: Visitor) -> None:
    board = made(requester)
    review = bring(requester, board, CUCM_MULTI)

    answer = decide(requester, board, review, "sign", **{"node-0": "", "purpose-0": "tomcat-ECDSA"})

    page = read(answer.text)
    assert answer.status_code == 422
    assert "node.unmatched" in page.blocking
    assert page.values("request") == review.values("request")


def test_two_requests_for_one_slot_are_refused(requester: Visitor, installation: Installation) -> None:
    board = made(requester)
    review = bring(requester, board, *THREE_NODES[:2])

    answer = decide(requester, board, review, "keep", **places(installation, *["uccx1.example.com"] * 2))

    assert (answer.status_code, read(answer.text).blocking[0]) == (422, "slot.twice")


def test_a_purpose_that_is_none_is_refused(requester: Visitor, installation: Installation) -> None:
    board = made(requester)
    review = bring(requester, board, SOCIALMINER)

    answer = decide(requester, board, review, "keep", **places(installation, "sm1.example.com", purpose="tomcat"))

    assert answer.status_code in (400, 422)
    assert "purpose.unsigned" in read(answer.text).blocking


def test_what_was_chosen_on_the_review_is_kept_when_it_comes_back(
    requester: Visitor, installation: Installation
) -> None:
    board = made(requester)
    review = bring(requester, board, SOCIALMINER)
    chosen = {**places(installation, "uccx1.example.com", purpose="CallManager-ECDSA"), "multi-0": "true"}

    text = decide(requester, board, review, "review", **chosen).text

    assert re.search(r'<option value="\d+" selected>uccx1.example.com', text)
    assert '<option value="CallManager-ECDSA" selected>CallManager-ECDSA' in text
    assert re.search(r'name="multi-0" value="true" checked', text)


def test_new_files_are_looked_at_before_anything_is_signed(requester: Visitor, installation: Installation) -> None:
    board = made(requester)
    review = bring(requester, board, SOCIALMINER)
    fields = places(installation, "sm1.example.com")

    answer = decide(requester, board, review, "sign", csr=files(THREE_NODES[0]), **fields)

    assert answer.status_code == 200
    assert states(installation) == [State.NO_REQUEST] * 3


def test_a_request_that_is_refused_is_shown_with_the_reason(requester: Visitor) -> None:
    board = made(requester)
    rsa = Request("tomcat", pkcs10.pem(pkcs10.Recipe(rsa_key(), subject("uccx1.example.com")).der()))

    page = bring(requester, board, rsa, SOCIALMINER)

    assert page.blocking == ["csr.key.rsa"]
    assert len(page.values("request")) == 1


@pytest.mark.parametrize("fields", [{}, {"csr": []}, {"text": "  "}])
def test_nothing_to_look_at_is_told(requester: Visitor, fields: dict[str, Any]) -> None:
    answer = requester.post(f"{made(requester)}/requests", fields)

    assert (answer.status_code, read(answer.text).blocking) == (400, ["csr.none-selected"])


def test_a_purpose_that_the_product_does_not_have_is_refused(requester: Visitor, installation: Installation) -> None:
    board = made(requester)
    review = bring(requester, board, SOCIALMINER)
    fields = places(installation, "sm1.example.com", purpose="CallManager-ECDSA")

    answer = decide(requester, board, review, "sign", **fields)

    assert (answer.status_code, read(answer.text).blocking) == (422, ["slot.purpose"])
    assert states(installation) == [State.NO_REQUEST] * 3


def test_the_review_compares_with_the_slot_that_was_chosen(requester: Visitor, installation: Installation) -> None:
    board = signed(requester, installation)
    review = bring(requester, board, SOCIALMINER)
    assert "Same names, key and usages." in review.text

    text = read(decide(requester, board, review, "review", **places(installation, "uccx1.example.com")).text).text
    assert "different key: the previous certificate can no longer be uploaded" in text


def test_nothing_marked_is_told(requester: Visitor, installation: Installation) -> None:
    board = made(requester)
    review = bring(requester, board, SOCIALMINER)

    answer = decide(requester, board, review, "sign", include=[], **places(installation, "sm1.example.com"))

    assert (answer.status_code, read(answer.text).blocking) == (400, ["csr.none-selected"])


def test_a_damaged_zip_is_told(requester: Visitor) -> None:
    file = (io.BytesIO(b"PK\x03\x04 and then nothing"), "requests.zip")

    answer = requester.post(f"{made(requester)}/requests", {"csr": [file]})

    assert (answer.status_code, read(answer.text).blocking) == (400, ["archive.damaged"])


# Board and runbook


def test_a_step_is_one_click_and_one_click_takes_it_back(requester: Visitor, installation: Installation) -> None:
    board = signed(requester, installation)
    step = requester.page(board).values("step")[0]

    answer = requester.post(f"{board}/steps", {"step": step, "done": "true", "back": "board"})
    assert answer.location == board
    assert states(installation)[0] is State.UPLOADED

    requester.post(f"{board}/steps", {"step": step, "done": "false", "back": "board"})
    assert states(installation)[0] is State.ISSUED


def test_a_node_that_is_verified_without_an_upload_is_offered_undo_and_no_upload(
    requester: Visitor, installation: Installation
) -> None:
    board = signed(requester, installation)
    line = installation.handover.board(OPERATOR, 1).lines[0]

    requester.post(f"{board}/steps", {"step": line.verify_step, "done": "true", "back": "board"})

    text = requester.page(board).text
    assert "Next Install the root on the computers of users" in text
    assert "Upload root and intermediate to tomcat-trust on uccx1" not in text
    assert text.count("Mark as uploaded") == 2
    assert line.verify_step in requester.page(board).values("step")


def test_a_certificate_whose_successor_is_uploaded_is_told_to_be_replaced(
    requester: Visitor, installation: Installation
) -> None:
    board = signed(requester, installation)
    recipe = node("uccx1-EC.example.com", "example.com", "uccx1.example.com")
    again = Request("again", pkcs10.pem(replace(recipe, key=key("once more")).der()))

    requester.post(f"{board}/steps", {"step": requester.page(board).values("step")[0], "done": "true"})
    fields = places(installation, "uccx1.example.com")
    decide(requester, board, bring(requester, board, again), "sign", **fields)
    assert "on the node until the new one is uploaded" in requester.page(board).text

    requester.post(f"{board}/steps", {"step": requester.page(board).values("step")[0], "done": "true"})
    text = requester.page(board).text
    assert "on the node until the new one is uploaded" not in text
    assert "replaced" in text


def test_a_step_that_is_not_in_the_runbook_is_not_marked(requester: Visitor, installation: Installation) -> None:
    board = signed(requester, installation)

    for step in ("nonsense", "", "x" * 500, "upload/tomcat-ECDSA/" + "0" * 40):
        answer = requester.post(f"{board}/steps", {"step": step, "done": "true"})
        assert (answer.status_code, read(answer.text).blocking) == (400, ["step.unknown"])


def test_a_leaf_that_will_not_be_used_is_told_first_with_what_helps_and_is_not_signed_by_default(
    requester: Visitor, installation: Installation
) -> None:
    board = made(requester, ("uccx1.example.com", "uccx", "12.5(1)", "publisher"))
    text = requester.page(board).text

    assert text.index("This leaf will not be used on UCCX 11.6 to 12.5") < text.index("Node status")
    assert text.index("What helps here is a tomcat certificate (RSA key)") < text.index("Node status")
    assert "Nothing: a certificate is not worth signing for this version." in text
    assert "Generate the CSR on this node" not in text
    review = bring(requester, board, THREE_NODES[0])
    assert "This leaf will not be used" in review.text
    assert not review.values("include")
    decide(requester, board, review, "keep", include=["0"], **places(installation, "uccx1.example.com"))
    assert "Nothing: the CSR is stored" in requester.page(board).text


CALLS: Final = (
    ("cucm1.example.com", "cucm", "12.5", "publisher"),
    ("cucm2.example.com", "cucm", "12.5", "subscriber"),
)


def test_a_node_that_a_multi_server_request_names_is_not_sent_to_make_its_own(
    requester: Visitor, installation: Installation
) -> None:
    board = made(requester, *CALLS)
    assert requester.page(board).text.count("Generate the CSR on this node") == 2
    review = bring(requester, board, CUCM_MULTI)
    fields = {**places(installation, "cucm1.example.com"), "multi-0": "true"}

    decide(requester, board, review, "keep", **fields)
    page = requester.page(board)
    assert "The CSR of cucm1.example.com also covers this node" in page.text
    assert "Generate the CSR on this node" not in page.text
    assert len(page.values("request")) == 1

    decide(requester, board, review, "sign", **fields)
    assert "The certificate of cucm1.example.com also covers this node" in requester.page(board).text

    (signed,) = installation.inventory.list_certificates(OPERATOR, CertificateQuery()).certificates
    installation.revocation.revoke(OPERATOR, Selection((signed.serial_number,)), Reason.SUPERSEDED)
    assert "cucm1.example.com, which also covers this node, is revoked or on hold" in requester.page(board).text


def test_an_auditor_sees_the_board_and_changes_nothing(
    requester: Visitor, signed_in: Callable[[Role], Visitor], installation: Installation
) -> None:
    board = signed(requester, installation)
    auditor = signed_in(Role.AUDITOR)

    assert not auditor.page(board).values("step")
    assert not auditor.page(f"{board}/runbook").values("step")
    assert auditor.post(f"{board}/requests", {"csr": files(SOCIALMINER)}).status_code == 403
