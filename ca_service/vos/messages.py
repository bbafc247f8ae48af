"""Messages of nodes, their tools and browsers, with their meaning; the messages themselves are data."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

from ca_service.errors import InvalidInput, Rule
from ca_service.vos.knowledge import Fact, fact, table

MESSAGE_TOO_LONG: Final = Rule(
    "message.too-long",
    "The text has {length} characters. The limit is {limit}.",
    "Give only the lines with the message.",
)
MAX_LENGTH: Final = 20_000  # characters of a text that are looked at

# Mail programs and web pages print these in place of what the node has printed.
_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
_QUOTES: Final = dict.fromkeys(map(ord, "\"'`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb"))


class Kind(StrEnum):
    """The source of a message, and its severity."""

    REFUSED = "refused"  # an upload was refused
    SILENT = "silent"  # an upload had no effect, and nothing says so
    SIGN_IN = "sign-in"  # sign-in fails
    BROWSER = "browser"  # a browser does not open a page
    NOTE = "note"  # it looks bad, and is not
    SUCCESS = "success"  # success, with a step left to do


class Tool(StrEnum):
    """The page of this service that helps further."""

    FIT = "fit"
    AGENTS = "agents"
    PRODUCTS = "products"
    NEW = "new"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is known. `printed` is how it is printed: all of it, then parts that also appear alone.

    `patterns` are pieces by which it is known, folded. `next` are the steps to take, in their order.
    `rules` are those of the fit check that find the same fault before the upload. `unless` are the ids of messages that
    say more: beside one of them this one is left out.
    """

    id: str
    kind: Kind
    title: str
    printed: tuple[str, ...]
    patterns: tuple[str, ...]
    cause: Fact
    next: tuple[Fact, ...]
    tool: Tool
    rules: tuple[str, ...]
    unless: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The tags of all that is said about it, each once."""
        return tuple(dict.fromkeys(tag for each in (self.cause, *self.next) for tag in each.sources))


@dataclass(frozen=True, slots=True)
class Explained:
    """A message that was found in a text, and the longest pattern that found it."""

    message: Message
    pattern: str


@cache
def all_messages() -> tuple[Message, ...]:
    """Return all messages that are known, in the order of the data."""
    rows: Mapping[str, Mapping[str, Any]] = {row["id"]: row for row in table("messages")["message"]}
    return tuple(_message(row, rows[row.get("as", row["id"])]["next"]) for row in rows.values())


def explain(text: str) -> tuple[Explained, ...]:
    """Return the messages in a text, each once, the longest match first; none if nothing is known of it.

    Only the first MAX_LENGTH characters are looked at.
    """
    folded = fold(text[:MAX_LENGTH])
    found = [Explained(message, pattern) for message in all_messages() if (pattern := _longest(message, folded))]
    ids = {each.message.id for each in found}
    kept = [each for each in found if ids.isdisjoint(each.message.unless)]
    return tuple(sorted(kept, key=lambda each: -len(each.pattern)))


def require_length(text: str, pointer: str, limit: int = MAX_LENGTH) -> None:
    """Raise InvalidInput for a text that is longer than this: what comes later would not be looked at."""
    if len(text) > limit:
        raise InvalidInput(MESSAGE_TOO_LONG.at(pointer, length=len(text), limit=limit))


def find_messages(text: str) -> tuple[Message, ...]:
    """Return the messages in which each word of a search stands, anywhere; all for an empty one."""
    words = fold(text[:MAX_LENGTH]).split()
    return tuple(message for message in all_messages() if all(word in _searched(message) for word in words))


def fold(text: str) -> str:
    """Return the text without what differs between a screen, a log and a mail: case, white space, quotation marks."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_DASHES | _QUOTES)
    seen = "".join(character for character in plain if unicodedata.category(character) != "Cf")
    return " ".join(seen.split())


@cache
def _searched(message: Message) -> str:
    """Return the text that a search looks at."""
    return fold(" ".join((message.title, *message.printed, *message.patterns, message.cause.text)))


def _longest(message: Message, folded: str) -> str:
    """Return the longest pattern of the message in the text, or an empty text."""
    return max((pattern for pattern in message.patterns if _stands_in(pattern, folded)), key=len, default="")


def _stands_in(pattern: str, folded: str) -> bool:
    """Return whether the pattern stands there as words of its own: CAA1015 does not stand in CAA10150."""
    start = folded.find(pattern)
    while start >= 0:
        end = start + len(pattern)
        if not (_joins(folded[start - 1 : start], pattern[0]) or _joins(pattern[-1], folded[end : end + 1])):
            return True
        start = folded.find(pattern, start + 1)
    return False


def _joins(left: str, right: str) -> bool:
    """Return whether two neighbours are parts of one word."""
    return left.isalnum() and right.isalnum()


def _message(row: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> Message:
    return Message(
        id=row["id"],
        kind=Kind(row["kind"]),
        title=row["title"],
        printed=(row["message"], *row.get("also", ())),
        patterns=tuple(map(fold, row["patterns"])),
        cause=fact(row["cause"]),
        next=tuple(map(fact, steps)),
        tool=Tool(row.get("tool", "")),
        rules=tuple(row.get("rules", ())),
        unless=tuple(row.get("unless", ())),
    )
