"""Forms: their parts have names; the password forms, and whole numbers. The use cases validate the contents."""

from __future__ import annotations

from typing import Final

from flask import Request
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, Length

from ca_service.authority.people.accounts import MAX_PASSWORD
from ca_service.errors import InvalidInput, Rule

FORM_PART_NAME: Final = Rule(
    "form.part-name",
    "A part of the form has no name.",
    "Name each part, such as csr for a CSR: curl -F csr=@FILE does that.",
)


class FormRequest(Request):
    """A request whose form has a name for each of its parts (RFC 7578, 4.2)."""

    def _load_form_data(self) -> None:
        """Parse the form. Raises InvalidInput for a part without a name, which Werkzeug hands out under None."""
        super()._load_form_data()
        values = self.__dict__
        if None in values["form"] or None in values["files"]:
            self.close()
            # The page of the error looks at the form again, and finds an empty one.
            values["form"], values["files"] = self.parameter_storage_class(), self.parameter_storage_class()
            raise InvalidInput.because(FORM_PART_NAME)


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
