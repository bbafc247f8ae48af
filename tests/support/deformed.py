"""The changes that programs make to the text of a PEM file, one function for each."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, quote_plus

BODY: Final = re.compile(r"(?<=-----\n)(?:[A-Za-z0-9+/=]+\n)+(?=-----END)")
_MORE: Final = " --More-- "


def _in_body(change: Callable[[str], str]) -> Callable[[str], str]:
    """Deform what is between the BEGIN and END lines alone."""
    return lambda text: BODY.sub(lambda found: change(found[0]), text)


def _after_line(text: str, number: int, inserted: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join((*lines[:number], inserted, *lines[number:]))


def _each_line(before: str = "", after: str = "") -> Callable[[str], str]:
    return lambda text: "".join(f"{before}{line}{after}\n" for line in text.splitlines())


def _numbered(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(number, line) for number, line in enumerate(text.splitlines(), 1))


def _quoted_printable(text: str) -> str:
    encoded = text.replace("=", "=3D").replace("+", "=2B")
    return "".join(line[:30] + "=\n" + line[30:] if len(line) > 60 else line for line in encoded.splitlines(True))


DEFORMATIONS: Final[dict[str, Callable[[str], str]]] = {
    "plain": lambda text: text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "doubled CR": lambda text: text.replace("\n", "\r\r\n"),
    "line breaks are blanks": lambda text: text.replace("\n", " "),
    "line breaks are tabs": lambda text: text.replace("\n", "\t"),
    "line breaks are gone": lambda text: text.replace("\n", ""),
    "no-break spaces": _each_line(after="\u00a0"),
    "zero-width spaces": _each_line(after="\u200b"),
    "word joiners": _each_line(before="\u2060"),
    "right-to-left marks": _each_line(before="\u200f"),
    "ideographic spaces": _each_line(before="\u3000"),
    "full width": _in_body(lambda body: body.translate({ord("+"): "\uff0b", ord("/"): "\uff0f", ord("="): "\uff1d"})),
    "byte order mark in the middle": lambda text: "To be signed:\n\ufeff" + text,
    "dashes of a word processor": lambda text: text.replace("-----", "\u2014\u2014-"),
    "soft hyphens": _in_body(lambda body: body[:20] + "\u00ad" + body[20:]),
    "JSON": json.dumps,
    "JSON with escaped slashes": lambda text: json.dumps({"csr": text}).replace("/", "\\/"),
    "JSON twice": lambda text: json.dumps(json.dumps(text)),
    "JSON with escaped plus": lambda text: json.dumps(text).replace("+", "\\u002b").replace("=", "\\u003D"),
    "list of lines in JSON": lambda text: json.dumps(text.splitlines(), indent=2),
    "Java string": lambda text: " +\n".join(f'"{line}\\n"' for line in text.splitlines()) + ";",
    "shell continuation": _each_line(after=" \\"),
    "pager, erased with CR": lambda text: _after_line(text, 3, f"{_MORE}\r{' ' * 10}\r"),
    "pager, erased with backspaces": lambda text: _after_line(text, 3, _MORE + "\b" * 10 + " " * 10 + "\b" * 10),
    "pager, not erased": lambda text: _after_line(text, 3, "--More--"),
    "pager of a node": lambda text: _after_line(
        text, 3, "Press <enter> for 1 line, <space> for one page, or <q> to quit\n"
    ),
    "pager of a switch": lambda text: _after_line(
        text, 3, "-- MORE --, next page: Space, next line: Enter, quit: Control-C"
    ),
    "pager in inverse video": lambda text: _after_line(text, 3, "\x1b[7m--More--\x1b[m\r\x1b[K"),
    "colours": _each_line(before="\x1b[32m", after="\x1b[0m"),
    "window title": lambda text: "\x1b]0;admin@uccx1\x07" + text,
    "overstruck": _in_body(lambda body: "".join(f"{each}\b{each}" if each.isalpha() else each for each in body)),
    "NUL": _each_line(after="\0"),
    "cat -A without its dollar": _each_line(after="^M"),
    "quoted-printable": _quoted_printable,
    "base64 again": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 again in one line": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "attachment of a mail": lambda text: (
        "Content-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(text.encode()).decode().replace("\n", "\r\n")
        + "\r\n--boundary--\r\n"
    ),
    "HTML entities": lambda text: text.replace("+", "&#43;").replace("=", "&#x3D;").replace("/", "&#47;"),
    "HTML": lambda text: "<pre>" + html.escape(text).replace("\n", "<br>\n") + "</pre>",
    "URL-encoded": quote,
    "form-encoded": quote_plus,
    "padding is gone": _in_body(lambda body: body.replace("=", "")),
    "padding is doubled": _in_body(lambda body: body.rstrip("\n") + "==\n"),
    "base64url": _in_body(lambda body: body.replace("+", "-").replace("/", "_")),
    "plus signs are blanks": _in_body(lambda body: body.replace("+", " ")),
    "quoted in a mail": _each_line(before="> "),
    "quoted twice": _each_line(before=">> "),
    "table": _each_line(before="| ", after=" |"),
    "comment": _each_line(before="# "),
    "line numbers": _numbered("{:>4}: {}\n"),
    "cat -n": _numbered("{:>6}\t{}\n"),
    "hyphens lost": lambda text: text.replace("-----", "----"),
    "END line lost": lambda text: text.partition("-----END")[0],
    "headers (RFC 1421)": lambda text: _after_line(text, 1, "Proc-Type: 4\nComment: made by a program\n\n"),
    "two of them": lambda text: json.dumps(text.replace("\n", "\u00a0\r\n")),
}
