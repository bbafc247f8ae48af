"""Sentences with names in them: English by default, translated before they are filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Part = tuple[str, Mapping[str, object]]


class Phrase(str):
    """English text that remembers its templates and what was filled into each."""

    parts: tuple[Part, ...]

    def __new__(cls, *parts: Part) -> Phrase:
        """Return the sentences one after the other."""
        made = super().__new__(cls, " ".join(template.format_map(values) for template, values in parts))
        made.parts = parts
        return made

    def translated(self, translate: Callable[[str], str]) -> str:
        """Return the same in another language."""
        return " ".join(translate(template).format_map(values) for template, values in self.parts)


def phrase(template: str, **values: object) -> Phrase:
    """Return a sentence such as "Upload {file}"."""
    return Phrase((template, values))


def sentences(*given: Phrase) -> Phrase:
    """Return several as one text."""
    return Phrase(*(part for each in given for part in each.parts))
