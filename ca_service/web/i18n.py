"""Translation of page texts; the only module that uses Flask-Babel. English is the source language."""

from __future__ import annotations

import re
from gettext import NullTranslations
from typing import Final

from flask import Flask, g, request
from flask_babel import Babel, get_locale, get_translations
from markupsafe import Markup, escape

from ca_service.errors import Finding, public_findings
from ca_service.vos.phrases import Phrase

LANGUAGES: Final = ("en",)
_CODE: Final = re.compile(r"`([^`]+)`")


def install(app: Flask) -> None:
    """Select the language from the browser's preferences and make it available to the templates."""
    Babel(app, default_locale=LANGUAGES[0], default_timezone="UTC", locale_selector=_wanted)
    # A page has hundreds of texts: those of Flask-Babel make a context of Jinja and look for the language at each.
    app.jinja_env.globals.update(_=_text, gettext=_text, ngettext=_counted)
    app.jinja_env.filters["code"] = with_code
    app.jinja_env.globals["translate"] = lambda text: with_code(translate(text))  # unlike _(), it accepts any text
    app.jinja_env.globals["translated"] = _translated
    app.jinja_env.globals["language"] = lambda: str(get_locale() or LANGUAGES[0])


def translate(text: str) -> str:
    """Return the text in the language of the request, or the text itself if there is no translation."""
    if isinstance(text, Phrase):
        return text.translated(translate)
    return _catalogue().gettext(text) if text else text


def _text(text: str, /, **values: object) -> Markup:
    """Return the translated text as HTML, with these values escaped in it."""
    return Markup(_catalogue().gettext(text)) % values  # noqa: S704 -- a text of a template


def _counted(one: str, many: str, /, num: int, **values: object) -> Markup:
    """Return the translated text for this number, `num` in the text, as HTML, with these values escaped in it."""
    text = _catalogue().ngettext(one, many, num)
    return Markup(text) % {"num": num, **values}  # noqa: S704 -- a text of a template


def _catalogue() -> NullTranslations:
    """Return the translations for this request, looked for once."""
    if "catalogue" not in g:
        g.catalogue = get_translations()
    found: NullTranslations = g.catalogue
    return found


def _translated(finding: Finding, *, is_for_operator: bool = False) -> Finding:
    """Return the finding to show: text for the operator alone is hidden, except on pages for operators."""
    [shown] = (finding,) if is_for_operator else public_findings([finding])
    return shown.translated(translate)


def with_code(text: str) -> Markup:
    """Return the text as HTML, with the words between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 -- escaped first


def _wanted() -> str:
    return request.accept_languages.best_match(LANGUAGES, LANGUAGES[0]) or LANGUAGES[0]
