"""Form fields: the password forms, and whole numbers. The use cases validate the contents."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, Length

from ca_service.authority.people.accounts import MAX_PASSWORD


class SetUpForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """The first administrator."""

    name = StringField(validators=[DataRequired(), Length(max=64)])
    password = PasswordField(validators=[DataRequired(), Length(max=MAX_PASSWORD)])
    repeated = PasswordField(validators=[EqualTo("password", "The passwords do not match. Enter them again.")])


class NewPasswordForm(FlaskForm):  # type: ignore[misc]
    """The password chosen through an invitation or reset link."""

    password = PasswordField(validators=[DataRequired(), Length(max=MAX_PASSWORD)])
    repeated = PasswordField(validators=[EqualTo("password", "The passwords do not match. Enter them again.")])


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Name and password."""

    name = StringField(validators=[DataRequired(), Length(max=200)])
    password = PasswordField(validators=[DataRequired(), Length(max=1000)])


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """The change of a password."""

    old = PasswordField(validators=[DataRequired(), Length(max=1000)])
    password = PasswordField(validators=[DataRequired(), Length(max=MAX_PASSWORD)])
    repeated = PasswordField(validators=[EqualTo("password", "The passwords do not match. Enter them again.")])


def whole_number(text: str, digits: int) -> int | None:
    """Return the number, or None unless the text is at most this many ASCII digits. `int` never sees a long text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= digits else None
