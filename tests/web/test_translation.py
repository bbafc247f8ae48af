"""Everything that a person reads can be translated."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from flask import Flask
from flask_babel import get_babel

from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.pki.profiles import LEAF_PROFILES
from tests.support.factories import OPERATOR
from tests.support.refused_requests import REFUSALS
from tests.support.requests import UCCX_PUBLISHER
from tests.web.html import read
from tests.web.visitor import Visitor, upload

WEB: Final = Path(__file__).parents[2] / "ca_service/web"
TEMPLATES: Final = sorted((WEB / "templates").glob("*.html"))
#: What is called so in every language: names, forms of files, units, what a request begins with.
PROPER: Final = {
    "ca_service", "API", "PEM", "DER", "P7B", "SHA-256", "UTC", "openapi.json", "chain.pem", "chain.p7b",
    "truststore.p12", "-----BEGIN CERTIFICATE REQUEST-----", "uccx1.example.com", "12.5(1)SU6", "11.5, 14SU2",
    "uccx1.example.com sm1.example.com:7443",
}  # fmt: skip
_SHOWN_ATTRIBUTES: Final = ("alt", "aria-label", "placeholder", "title")
_NOT_PROSE: Final = {"code", "pre"}
_VOID: Final = {"meta", "link", "img", "input", "br"}


class Prose(HTMLParser):
    """Collects the words that a person reads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what is read out or shown in a field."""
        self.found += [value for name, value in attrs if name in _SHOWN_ATTRIBUTES and value]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element; parts of templates may close what others have opened."""
        if tag in self._open:
            self._open.remove(tag)

    def handle_data(self, data: str) -> None:
        """Keep what is prose."""
        if not _NOT_PROSE & set(self._open):
            self.found.append(data)


def words(source: str) -> list[str]:
    """The texts with a word that is not called so in every language."""
    reader = Prose()
    reader.feed(source)
    texts = (part.strip(" ·,\u2013…→+\n") for text in reader.found for part in text.split("\0"))
    return [text for text in texts if re.search(r"[A-Za-z]{2}", text) and text not in PROPER]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_words_that_cannot_be_translated(app: Flask, path: Path) -> None:
    tokens = app.jinja_env.lex(path.read_text(encoding="utf-8"))
    shown = ("data", "variable_begin")

    source = "".join(text if kind == "data" else "\0" for _, kind, text in tokens if kind in shown)

    assert words(source) == []


def test_no_script_says_words_of_its_own() -> None:
    script = re.sub(r"//.*|/\*.*?\*/", "", (WEB / "static/site.js").read_text(encoding="utf-8"), flags=re.DOTALL)

    assert not re.search(r"(say\(|textContent = )[\"'`]\w", script)


@pytest.fixture
def in_german(app: Flask, tmp_path: Path) -> Callable[..., None]:
    """Makes the application speak another language, in which each of these texts stands in brackets."""

    def translate(*texts: str | tuple[str, str]) -> None:
        catalog = Catalog(locale="de")
        for text in texts:
            bracketed = f"[{text}]" if isinstance(text, str) else tuple(f"[{form}]" for form in text)
            catalog.add(text, bracketed)
        path = tmp_path / "translations/de/LC_MESSAGES/messages.mo"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            write_mo(file, catalog)
        languages: Any = get_babel(app)
        languages.translation_directories.append(str(tmp_path / "translations"))
        languages.locale_selector = lambda: "de"

    return translate


def test_a_page_is_shown_in_the_language_of_the_reader(
    requester: Visitor, visitor: Visitor, in_german: Callable[..., None]
) -> None:
    found = extract_from_dir(WEB / "templates", [("**.html", "jinja2.ext:babel_extract")], {"**.html": {}})
    in_german(*(text for _, _, text, *_ in found), *(profile.summary for profile in LEAF_PROFILES.values()))

    for answer in (
        visitor.get("/sign-in"),
        visitor.get("/setup/x"),
        requester.get("/"),
        requester.get("/certificates"),
    ):
        assert '<html lang="de">' in answer.text
        assert "[" in answer.text
    assert [text for text in words(visitor.get("/sign-in").text) if not text.startswith("[")] == []
    said = [text for text in words(requester.get("/").text) if not text.startswith("[")]
    assert said == ["requester", *LEAF_PROFILES]


@pytest.mark.parametrize("refusal", REFUSALS[::12], ids=lambda refusal: refusal.name)
def test_a_finding_is_shown_in_the_language_of_the_reader_and_filled_in_afterwards(
    requester: Visitor, installation: Installation, in_german: Callable[..., None], refusal: Any
) -> None:
    finding = installation.issuance.check(OPERATOR, [refusal.data], Options())[0].findings[0]
    in_german(finding.declared.problem, finding.declared.remedy)

    page = read(requester.check(upload(refusal)).text)

    for part in (finding.detail, finding.remedy):
        assert " ".join(f"[{part}]".split()) in page.text


def test_a_step_is_translated_before_its_names_are_filled_in(
    requester: Visitor, in_german: Callable[..., None]
) -> None:
    [serial] = requester.issue(UCCX_PUBLISHER)
    in_german("Upload {file}")

    assert "[Upload 1-root.tomcat-trust.pem]" in requester.page(f"/certificates/{serial}").text
