"""Forms: their parts have names; the password forms, and whole numbers. The use cases validate the contents."""

from __future__ import annotations

from typing import Final

from flask import Request
from flask_wtf import FlaskForm
from werkzeug.formparser import FormDataParser
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, Length

from ca_service.authority.people.accounts import MAX_PASSWORD
from ca_service.errors import Finding, InvalidInput, Rule

FORM_PART_NAME: Final = Rule(
    "form.part-name",
    "A part of the form has no name.",
    "Name each part, such as csr for a CSR: curl -F csr=@FILE does that.",
)
FORM_UNREADABLE: Final = Rule(
    "form.unreadable",
    "The form cannot be read: {reason}.",
    "Let the client write boundary and parts, as curl -F csr=@FILE does.",
)
FORM_FILE_NAME: Final = Rule(
    "form.file-name",
    "The form cannot be read: a name in it is not UTF-8.",
    'Send the file under another name: curl -F "csr=@FILE;filename=node.csr".',
)
_MAX_REASON: Final = 100  # characters


class FormRequest(Request):
    """A request whose form has a name for each of its parts (RFC 7578, 4.2)."""

    def make_form_data_parser(self) -> FormDataParser:
        """Return a parser that does not hand out an empty form in place of one that it cannot read."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def _load_form_data(self) -> None:
        """Parse the form. Raises InvalidInput for one that cannot be read, or that has a part without a name."""
        try:
            super()._load_form_data()
        except UnicodeDecodeError as error:
            raise self._refused(FORM_FILE_NAME.at()) from error
        except ValueError as error:
            raise self._refused(FORM_UNREADABLE.at(reason=str(error)[:_MAX_REASON].rstrip("."))) from error
        if None in self.__dict__["form"] or None in self.__dict__["files"]:  # how Werkzeug hands them out
            self.close()
            raise self._refused(FORM_PART_NAME.at())

    def _refused(self, finding: Finding) -> InvalidInput:
        """Return the error; its page looks at the form again, and finds an empty one."""
        self.__dict__["form"], self.__dict__["files"] = self.parameter_storage_class(), self.parameter_storage_class()
        return InvalidInput(finding)


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
