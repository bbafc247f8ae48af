"""The documents are whole: links lead somewhere, generated ones are current, the README stays short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ca_service.vos.questions import questions
from tests.docs import architecture, faults

ROOT: Final = Path(__file__).parents[2]
_LINK: Final = re.compile(r"(?:\]\(|src(?:set)?=\")([^)\s\"]+)")
_FILE: Final = re.compile(r"`((?:ca_service|config|docs|tests)/[^`\s]*\.\w+)")
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


def documents() -> list[Path]:
    """Return every document that people read."""
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def anchors(file: Path) -> set[str]:
    """Return the anchors of a document, as code hosts make them from its headings, and those that it writes itself."""
    text = file.read_text("utf-8")
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text)}
    return made | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


def broken_links() -> Iterator[str]:
    """Find links to files and headings that are not there."""
    for document in documents():
        for link in _LINK.findall(document.read_text("utf-8")):
            path, _, anchor = link.partition("#")
            if "://" in link or link.startswith("mailto:"):
                continue
            target = (document.parent / path).resolve() if path else document
            if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
                yield f"{document.relative_to(ROOT)}: {link}"


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    assert list(broken_links()) == []


def test_every_file_that_is_named_is_there() -> None:
    named = {found for document in documents() for found in _FILE.findall(document.read_text("utf-8"))}
    assert len(named) > 10
    assert [found for found in sorted(named) if not any(ROOT.glob(found))] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 200


def test_every_document_is_linked_from_the_readme_or_from_an_index() -> None:
    linked = {
        (document.parent / link.partition("#")[0]).resolve()
        for document in documents()
        for link in _LINK.findall(document.read_text("utf-8"))
        if "://" not in link
    }
    assert [str(each.relative_to(ROOT)) for each in (ROOT / "docs").rglob("*.md") if each not in linked] == []


def test_every_question_has_its_situation() -> None:
    text = (ROOT / "docs" / "using" / "situations.md").read_text("utf-8")
    asked = [each.question for found in questions().values() for each in found]
    assert [each for each in asked if f"| {each} |" not in text] == []


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(file.name[:4]) for file in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_picture_of_the_architecture_is_drawn_from_the_imports_of_today() -> None:
    assert architecture.PICTURE.read_text("utf-8") == architecture.draw(), "run `make docs`"


def test_at_most_eight_modules_of_the_authority_have_no_room() -> None:
    loose = [each.stem for each in (ROOT / "ca_service/authority").glob("*.py") if each.stem != "__init__"]
    assert 0 < len(loose) <= 8


def test_the_page_of_faults_is_made_from_the_marks_of_today() -> None:
    assert faults.FILE.read_text("utf-8") == faults.document(), "run `make docs`"


def test_every_area_of_faults_is_tested() -> None:
    assert {fault.area for fault in faults.marked()} == set(faults.AREAS)
