"""Text that cannot deceive its reader: control and format characters are found, and made visible.

It needs no library, so that a command can report an error before it imports one.
"""

from __future__ import annotations

import unicodedata


def visible(text: str) -> str:
    """Return the text with control and format characters as `\\uXXXX`."""
    if text.isprintable():
        return text
    return "".join(character if is_plain(character) else f"\\u{ord(character):04x}" for character in text)


def is_plain(text: str) -> bool:
    """Return whether the text has no control, format, surrogate or unassigned character."""
    return text.isprintable() or not any(_is_hidden(character) for character in text)


def _is_hidden(character: str) -> bool:
    """Return whether it is a control, format, surrogate, private or unassigned character, or a Unicode line break."""
    category = unicodedata.category(character)
    return category.startswith("C") or category in ("Zl", "Zp")
