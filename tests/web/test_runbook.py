"""The runbook as a guide: one open step with its files, Done leads on, Undo leads back, what is proven is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.handover import Board
from ca_service.authority.fleet.records import Mark
from ca_service.authority.installation import Installation
from ca_service.pki import encodings
from ca_service.pki.contents import serial_text
from ca_service.pki.reasons import Reason
from ca_service.vos.steps import Step
from ca_service.web.pages.runbooks import guide_of
from tests.support.factories import OPERATOR
from tests.support.requests import SOCIALMINER
from tests.web.html import Page, read
from tests.web.test_clusters import NODES, bring, decide, made, places, signed
from tests.web.visitor import Visitor

LEAF: Final = "uccx1.example.com/3-uccx1.example.com.tomcat-ECDSA.pem"


def steps(installation: Installation) -> list[Step]:
    return list(installation.handover.board(OPERATOR, 1).runbook.steps)


def of(installation: Installation, kind: str, fqdn: str = "uccx1.example.com") -> Step:
    """The step whose key begins so, on this node."""
    return next(step for step in steps(installation) if step.key.startswith(f"{kind}/") and fqdn in step.nodes)


def mark(visitor: Visitor, board: str, step: Step, *, done: bool = True, node: str = "") -> tuple[str, Page]:
    """Mark a step or undo that; the key of the step that is open then, and the page."""
    answer = visitor.post(f"{board}/steps", {"step": step.key, "done": str(done).lower(), "node": node})
    assert answer.status_code == 303
    place = urlsplit(str(answer.location))
    assert place.fragment == "open"
    return parse_qs(place.query).get("step", [""])[0], visitor.page(str(answer.location))


def page_of(visitor: Visitor, board: str, step: Step) -> Page:
    """The page on which this step is open."""
    response = visitor.client.get(f"{board}/runbook", query_string={"step": step.key}, buffered=True)
    return read(response.text)


def test_the_first_step_that_is_left_is_open_with_its_files_and_commands(
    requester: Visitor, installation: Installation
) -> None:
    board = signed(requester, installation)

    page = requester.page(f"{board}/runbook")

    first = steps(installation)[0]
    assert page.values("step") == [first.key]
    assert f"Step 1 of {len(steps(installation))}" in page.text
    assert {f"file-{file}" for file in first.files} | {"command-cli"} <= set(page.references) & set(page.ids)
    assert {f"{board}/files/{file}" for file in first.files} <= set(page.links)
    assert (
        encodings.pem(installation.hierarchy.active().root).decode().strip() in requester.get(f"{board}/runbook").text
    )


def with_optional(board: Board, *keys: str) -> Board:
    """The board with exactly these steps optional."""
    sections = tuple(
        replace(section, steps=tuple(replace(step, is_optional=step.key in keys) for step in section.steps))
        for section in board.runbook.sections
    )
    return replace(board, runbook=replace(board.runbook, sections=sections))


def test_an_optional_step_is_open_in_its_turn_and_last_once_a_later_step_on_its_node_is_done(
    requester: Visitor, installation: Installation
) -> None:
    signed(requester, installation)
    keys = [step.key for step in steps(installation)]
    board = with_optional(installation.handover.board(OPERATOR, 1), keys[0], keys[2])

    def opened(done: Sequence[int] = (), key: str = "") -> tuple[str, str]:
        marks = {keys[each]: Mark(1, keys[each], installation.clock(), "requester") for each in done}
        guide = guide_of(replace(board, marks=marks), key=key)
        assert guide.open
        assert guide.following
        return guide.open.step.key, guide.following.step.key

    uploads = [place for place, key in enumerate(keys) if key.startswith("upload/")]
    assert opened() == (keys[0], keys[1])
    assert opened(key=keys[1]) == (keys[1], keys[2])
    assert opened([uploads[0]]) == (keys[1], keys[uploads[1]])
    assert opened([uploads[2]]) == (keys[0], keys[1])
    assert opened([each for each in range(len(keys)) if each not in (0, 2)]) == (keys[0], keys[2])


def test_any_step_can_be_opened_by_its_address(requester: Visitor, installation: Installation) -> None:
    board = signed(requester, installation)

    for number, step in enumerate(steps(installation), 1):
        page = page_of(requester, board, step)
        assert page.values("step") == [step.key]
        assert f"Step {number} of" in page.text
        assert set(page.references) <= set(page.ids)
    assert requester.page(f"{board}/runbook?step=x").values("step") == [steps(installation)[0].key]


def test_done_leads_to_the_next_step_and_says_who_did_the_last(requester: Visitor, installation: Installation) -> None:
    board = signed(requester, installation)
    first, second, *_ = steps(installation)

    shown, page = mark(requester, board, first)

    assert shown == second.key
    assert page.values("step")[0] == first.key  # Undo, in the line above
    assert "1 of 16 steps done" in page.text
    assert f"1. {first.title} requester," in page.text


def test_undo_leads_back_to_the_step(requester: Visitor, installation: Installation) -> None:
    board = signed(requester, installation)
    first = steps(installation)[0]
    mark(requester, board, first)

    shown, page = mark(requester, board, first, done=False)

    assert shown == first.key
    assert "0 of 16 steps done" in page.text


def test_done_leads_from_the_last_step_to_one_that_was_skipped_and_at_last_to_the_end(
    requester: Visitor, installation: Installation
) -> None:
    board = signed(requester, installation)
    first, *others = steps(installation)
    for step in others[:-1]:
        installation.handover.mark(OPERATOR, 1, step.key, done=True)
    installation.handover.mark(OPERATOR, 1, of(installation, "verify").key, done=False)
    check = of(installation, "verify")

    assert mark(requester, board, others[-1])[0] == check.key
    shown, page = mark(requester, board, check)
    assert shown == ""
    assert "All steps are done." in page.text
    assert first.key not in page.values("step")  # it follows from the upload


def test_a_verified_certificate_proves_trust_upload_and_restart_of_its_node(
    requester: Visitor, installation: Installation
) -> None:
    board = signed(requester, installation)
    check = of(installation, "verify")

    _, page = mark(requester, board, check)

    assert page.text.count(f"follows from: {check.title}") == 2 * 3  # in the fold, and on paper
    assert "4 of 16 steps done" in page.text
    assert "follows from" not in mark(requester, board, check, done=False)[1].text
    opened = mark(requester, board, check) and page_of(requester, board, of(installation, "restart"))
    assert of(installation, "restart").key not in opened.values("step")  # nothing of its own can be undone


def test_the_guide_of_a_node_has_its_steps_and_stays_with_it(requester: Visitor, installation: Installation) -> None:
    board = signed(requester, installation)
    node = "sm1.example.com"
    own = [step for step in steps(installation) if not step.nodes or node in step.nodes]

    page = requester.page(f"{board}/runbook?node={node}")
    assert page.values("step") == [own[0].key]
    assert page.values("node") == [node]
    assert f"0 of {len(own)} steps done" in page.text
    assert mark(requester, board, own[0], node=node)[0] == own[1].key
    assert f"1 of {len(own)} steps done" in requester.page(f"{board}/runbook?node={node}").text
    assert "of 16 steps done" in requester.page(f"{board}/runbook?node=nobody").text


def test_the_drawing_says_where_root_and_intermediate_go(requester: Visitor, installation: Installation) -> None:
    text = requester.page(f"{signed(requester, installation)}/runbook").text

    assert "Upload here uccx1.example.com UCCX, publisher Replicated from uccx1 uccx2.example.com" in text
    assert "Upload here sm1.example.com SocialMiner/CCP, single server" in text


def test_a_step_for_a_csr_leads_to_the_place_where_it_is_added(requester: Visitor) -> None:
    board = made(requester)

    page = requester.page(f"{board}/runbook")

    assert "Step 1 of 3 · Generate the CSRs" in page.text
    assert f"{board}#bring" in page.links


def test_an_auditor_reads_the_guide_and_marks_nothing(
    requester: Visitor, signed_in: Callable[[Role], Visitor], installation: Installation
) -> None:
    board = signed(requester, installation)
    mark(requester, board, steps(installation)[0])

    page = signed_in(Role.AUDITOR).page(f"{board}/runbook")

    assert page.values("step") == []
    assert f"{board}/files/1-root.tomcat-trust.pem" in page.links


def test_the_files_of_the_steps_can_be_downloaded(requester: Visitor, installation: Installation) -> None:
    board = signed(requester, installation)

    for step in steps(installation):
        for path in step.files:
            answer = requester.get(f"{board}/files/{path}")
            assert answer.status_code == 200, path
            assert path.endswith(answer.headers["Content-Disposition"].partition("filename=")[2].strip('"'))
    leaf = encodings.load_certificates(requester.get(f"{board}/files/{LEAF}").data)
    assert serial_text(leaf[0].serial_number) in of(installation, "upload").key
    script = requester.get(f"{board}/files/uccx1.example.com/check-tomcat-ECDSA.sh")
    assert script.text.startswith("#!/bin/sh")
    assert script.content_type.startswith("text/plain")


@pytest.mark.parametrize("path", ["4-x.pem", "../1-root.tomcat-trust.pem", "uccx1.example.com/UPLOAD.txt"])
def test_another_file_is_not_there(requester: Visitor, installation: Installation, path: str) -> None:
    board = signed(requester, installation)

    assert requester.get(f"{board}/files/{path}").status_code == 404


def test_no_file_makes_a_node_trust_a_revoked_authority(requester: Visitor, installation: Installation) -> None:
    board = signed(requester, installation)
    installation.authority_revocation.revoke(OPERATOR, "intermediate-g1", Reason.CA_COMPROMISE)

    answer = requester.get(f"{board}/files/1-root.tomcat-trust.pem")
    page = requester.page(f"{board}/runbook")

    assert (answer.status_code, read(answer.text).blocking) == (409, ["authority.not-trusted"])
    assert page.blocking == ["authority.not-trusted"]
    assert not [link for link in page.links if "/files/" in link]


def test_a_cluster_without_a_step_says_nothing_about_steps(requester: Visitor) -> None:
    answer = requester.post("/clusters/new", {"name": "Empty", "fqdn": "", "product": "", "version": "", "role": ""})

    page = requester.page(f"{answer.location}/runbook")

    assert page.values("step") == []
    assert "All steps are done." not in page.text


def test_a_csr_that_is_here_proves_that_it_was_made_and_waits_to_be_signed(
    requester: Visitor, installation: Installation
) -> None:
    board = made(requester, NODES[2])
    review = bring(requester, board, SOCIALMINER)
    decide(requester, board, review, "keep", **places(installation, "sm1.example.com"))

    page = requester.page(f"{board}/runbook")

    assert "1 of 1 steps done" in page.text
    assert "1. Generate the CSR for tomcat-ECDSA on sm1.example.com the CSR is here, requester" in page.text
    assert page.values("step") == []
    assert "The CSRs are here. Sign them: the other steps follow." in page.text
    assert "All steps are done." not in page.text
    assert not [link for link in page.links if "/files/" in link]
