"""The traces that programs leave in a text: what is removed before it is read again, and which program leaves it.

Each removal takes time in proportion to the length of the text, whatever the text is.
"""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import unquote


class Trace(NamedTuple):
    """A trace: how it is found in a text, and how it is removed."""

    pattern: re.Pattern[str]
    remove: Callable[[str], str]


def removed(text: str) -> str:
    """Return the text without the traces of terminals, pagers, word processors, mail, web pages and program texts."""
    for trace in _TRACES:
        if trace.pattern.search(text):
            text = trace.remove(text)
    return text


def origin(character: str) -> str:
    """Return which program writes such a character, as a sentence; empty if that is not known."""
    return next((sentence for known, sentence in _ORIGINS if character in known), "")


_ORIGINS: Final = (
    ("\u2026.", "Chats and viewers write it in place of text that they leave out."),
    ("\ufffd?", "A program that could not read the text has put it in place of the right character."),
    ("\u00c2\u00c3\u00e2\u20ac", "A program that read UTF-8 as Latin-1 writes it."),
    ("$^", "A viewer that makes control characters visible writes it, such as cat -A."),
    (">|*#`", "Mail programs, chats and tables write it before or around each line."),
    ("&;", "Web pages write + and = in this way."),
    ("%", "Addresses of web pages (URL encoding) write + and = in this way."),
    ("\\\"'{}[],", "JSON, YAML and program texts write it."),
    ("=", "It ends base64: two texts were joined here, or a mail program (quoted-printable) wrote it."),
    ("<", "Web pages and XML write it around the text."),
)

_ESCAPE: Final = re.compile(r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|\][^\x07\x1b]*+(?:\x07|\x1b\\)|[@-Z\\^_])")
_PAGER: Final = re.compile(
    r"<?-{1,3} ?\(?more\)? ?-{1,3}>?(?: ?\([^()\r\n]{0,60}\))?"
    r"(?:, next page: Space, next line: Enter, quit: Control-C)?"
    r"|Press (?:<enter>|<space>|enter|any key)[^\r\n]{0,80}?(?:quit|continue|\.\.\.)"
    r"|\(END\)|lines \d{1,6}-\d{1,6}(?:/\d{1,6})?",
    re.IGNORECASE,
)
#: A run of backslashes counts once, however often the text was escaped.
_BACKSLASHES: Final = re.compile(r"(?<!\\)\\++(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([nrtbf/\"'])|(?=\r|\n|\Z))")
_ESCAPED: Final = {"n": "\n", "r": "\n", "t": "\t", "b": "", "f": "", "/": "/", '"': '"', "'": "'"}
_TAG: Final = re.compile(r"<[/!?]?[A-Za-z][^<>]{0,400}>")
_SOFT_BREAK: Final = re.compile(r"=[ \t]*+\r?\n")
_OCTET: Final = re.compile(r"=([0-9A-F]{2})")
_QUOTE: Final = re.compile(r"[\"'`][ \t]*+[+,;.&)\]}]*+[ \t]*+$|^[ \t]*+[\"'`]", re.MULTILINE)
_PREFIX: Final = r"(?:\d{1,6}[:.)|]?|[>|#*;/]{1,6})[ \t]*+"
_PREFIXED_BEGIN: Final = re.compile(rf"^[ \t]*+{_PREFIX}-----BEGIN ", re.MULTILINE)
_LINE_PREFIX: Final = re.compile(rf"^[ \t]*+{_PREFIX}", re.MULTILINE)
_LINE_SUFFIX: Final = re.compile(r"[|*]++[ \t]*+$", re.MULTILINE)
_ENCODED_BEGIN: Final = re.compile(  # of "-----BEGIN "
    r"LS0tLS1CRUdJTi[A-Za-z0-9+/]++(?:\s++[A-Za-z0-9+/]++)*+={0,2}"
)
_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"


def _without_unicode(text: str) -> str:
    """Return the text with blanks of any width as blanks, full-width letters as letters, and no format characters."""
    return text.translate({ord(each): _plain(each) for each in set(text) if not each.isascii()})


def _plain(character: str) -> str:
    if character.isspace():
        return " "
    if character in _DASHES:
        return "-"
    if unicodedata.category(character) == "Cf":
        return ""
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 else character


def _without_backspaces(text: str) -> str:
    """Return what a terminal shows: a backspace moves back, and the next character replaces what was there."""
    return "\n".join(_overwritten(line) for line in text.split("\n"))


def _overwritten(line: str) -> str:
    if "\b" not in line:
        return line
    shown, at = list[str](), 0
    for character in line:
        if character == "\b":
            at = max(at - 1, 0)
        else:
            shown[at : at + 1] = character
            at += 1
    return "".join(shown)


def _unescaped(found: re.Match[str]) -> str:
    number = found[1] or found[2]
    return chr(int(number, 16)) if number else _ESCAPED.get(found[3] or "", "")


def _without_percent(text: str) -> str:
    if "BEGIN+" in text:  # a form writes blanks as +, and + as %2B
        text = text.replace("+", " ")
    return unquote(text, errors="replace")


def _without_quoted_printable(text: str) -> str:
    return _OCTET.sub(lambda found: chr(int(found[1], 16)), _SOFT_BREAK.sub("", text))


def _decoded(found: re.Match[str]) -> str:
    """Return the PEM text in base64, as attachments of mails and secrets of Kubernetes have it."""
    digits = "".join(found[0].split()).rstrip("=")
    if len(digits) % 4 == 1:  # it was cut off: the last one alone encodes no byte
        digits = digits[:-1]
    return base64.b64decode(digits + "==").decode("utf-8", "replace")


def _without_prefixes(text: str) -> str:
    return _LINE_SUFFIX.sub("", _LINE_PREFIX.sub("", text))


_TRACES: Final = (
    Trace(re.compile(r"[^\x00-\x7f]"), _without_unicode),
    Trace(re.compile("\x1b"), lambda text: _ESCAPE.sub("", text)),
    Trace(re.compile("\b"), _without_backspaces),
    Trace(_PAGER, lambda text: _PAGER.sub(" ", text)),
    Trace(re.compile(r"\^[MJ]"), lambda text: re.sub(r"\^[MJ]", "", text)),
    Trace(re.compile(r"\\"), lambda text: _BACKSLASHES.sub(_unescaped, text)),
    Trace(re.compile(r"%(?:2B|2F|3D|0A|0D|20)", re.IGNORECASE), _without_percent),
    Trace(re.compile(r"&(?:#|\w)"), html.unescape),
    Trace(_TAG, lambda text: _TAG.sub("\n", text)),
    Trace(re.compile(r"=(?:3D|2B|2F|20)|=[ \t]*+\r?\n[A-Za-z0-9+/]"), _without_quoted_printable),
    Trace(_QUOTE, lambda text: _QUOTE.sub("", text)),
    Trace(_ENCODED_BEGIN, lambda text: _ENCODED_BEGIN.sub(_decoded, text)),
    Trace(_PREFIXED_BEGIN, _without_prefixes),
    Trace(re.compile(r"[\x00-\x08\x0e-\x1f\x7f]"), lambda text: re.sub(r"[\x00-\x08\x0e-\x1f\x7f]", "", text)),
)
