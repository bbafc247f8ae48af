"""Knows languages: the only module that sees Flask-Babel. English first; every string can be translated."""

from __future__ import annotations

from typing import Final

from flask import Flask, request
from flask_babel import Babel, get_locale, gettext

from ca_service.vos.phrases import Phrase

LANGUAGES: Final = ("en",)


def install(app: Flask) -> None:
    """Choose the language by what the browser asks for, and give it to the templates."""
    Babel(app, default_locale=LANGUAGES[0], default_timezone="UTC", locale_selector=_wanted)
    app.jinja_env.globals["translate"] = translate  # unlike _(), takes any text, with a % in it too
    app.jinja_env.globals["translated"] = lambda finding: finding.translated(translate)
    app.jinja_env.globals["language"] = lambda: str(get_locale() or LANGUAGES[0])


def translate(text: str) -> str:
    """The text in the language of the request; the text itself where there is no translation."""
    if isinstance(text, Phrase):
        return text.translated(translate)
    return gettext(text) if text else text


def _wanted() -> str:
    return request.accept_languages.best_match(LANGUAGES, LANGUAGES[0]) or LANGUAGES[0]
