"""A reader of pages: findings, fields, links, ids and text, with the standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

_VOID: Final = {"meta", "link", "img", "input", "br"}
_REFERENCES: Final = ("for", "aria-labelledby", "aria-describedby", "data-copy")


@dataclass(slots=True)
class Page:
    """The parts of a page that tests check. Fields are those that a browser would submit."""

    findings: list[tuple[str, str]] = field(default_factory=list)
    fields: list[tuple[str, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that can be read on it, with single blanks."""
        return " ".join("".join(self.texts).split())

    @property
    def blocking(self) -> list[str]:
        """The rules of the errors, in page order."""
        return [rule for severity, rule in self.findings if severity == "error"]

    def values(self, name: str) -> list[str]:
        """Return the values of the fields with this name."""
        return [value for found, value in self.fields if found == name]


def read(source: str) -> Page:
    """Read a page; raises AssertionError where its elements are not nested properly."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
    assert not reader.open, f"not closed: {reader.open}"
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.open: list[tuple[str, str]] = []  # (element, class)
        self._severity = ""
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        assert len(found) == len(attrs), f"an attribute stands twice in {self.get_starttag_text()}"
        self._keep(tag, found)
        self._end_word(tag)
        if tag not in _VOID:
            self.open.append((tag, found.get("class", "")))

    def _keep(self, tag: str, found: dict[str, str]) -> None:
        kinds = found.get("class", "").split()
        if "finding" in kinds:
            self._severity = kinds[-1]
        if "id" in found:
            self.page.ids.append(found["id"])
        if tag == "select":
            self._select = found.get("name", "")
        if tag == "option" and self._select:
            self._choose(found)
        if tag == "a":
            self.page.links.append(found["href"])
        if (
            tag == "input"
            and "name" in found
            and ("checked" in found or found.get("type") not in ("radio", "checkbox"))
        ):
            self.page.fields.append((found["name"], found.get("value", "")))
        self.page.references += [part for name in _REFERENCES for part in found.get(name, "").split()]

    def _choose(self, option: dict[str, str]) -> None:
        """Keep the value of a select: the option that is selected, or else its first one."""
        is_first = not self.page.values(self._select)
        if "selected" in option and not is_first:
            self.page.fields.remove((self._select, self.page.values(self._select)[-1]))
        if "selected" in option or is_first:
            self.page.fields.append((self._select, option.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1]}"
        self.open.pop()
        self._end_word(tag)

    def _end_word(self, tag: str) -> None:
        if tag != "code":  # code stands within a sentence
            self.page.texts.append(" ")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == ("code", "rule"):
            self.page.findings.append((self._severity, data))
        self.page.texts.append(data)
