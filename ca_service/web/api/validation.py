"""Validation of input against a model, with findings for what does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict

from ca_service.errors import Finding, InvalidInput, Rule
from ca_service.web.api.inputs import FROM_TEXT

OPTION_CONFLICT: Final = Rule(
    "option.conflict",
    "The option {name} is given twice: as {first} and as {second}.",
    "Give it once.",
)
OPTION_UNKNOWN: Final = Rule(
    "option.unknown",
    "There is no option {name} here.",
    "Leave it out. The options here: {known}.",
)
OPTION_VALUE: Final = Rule(
    "option.value",
    "{name} cannot be {value}.",
    "Give {takes}.",
)
OPTION_MISSING: Final = Rule(
    "option.missing",
    "{name} is missing.",
    "Give {takes}.",
)

Model = TypeVar("Model", bound=BaseModel)
_MAX_SHOWN: Final = 60
_NOT_SHOWN: Final = ("csr", "certificate", "chain", "trust", "password")  # long, or secret


def read_query(model: type[Model]) -> Model:
    """Return the query of this request; raises InvalidInput for what the model does not take."""
    return validated(model, single_values(request.args), from_text=True)


def validated(model: type[Model], values: Mapping[str, Any], *, from_text: bool) -> Model:
    """Return the values as the model; `from_text` lets digits and words be numbers and truths."""
    try:
        return model.model_validate(values, context=FROM_TEXT if from_text else None)
    except ValidationError as error:
        faults = {fault["loc"][:1]: fault for fault in reversed(error.errors(include_url=False))}
        raise InvalidInput(*(_finding(model, fault) for fault in reversed(faults.values()))) from error


def single_values(values: MultiDict[str, str]) -> dict[str, str]:
    """Return each value by its name; raises InvalidInput for a name with two different values."""
    repeated = [name for name, found in values.lists() if len(set(found)) > 1]
    if repeated:
        raise InvalidInput(*(conflict(name, *values.getlist(name)[:2]) for name in repeated))
    return values.to_dict()


def conflict(name: str, first: object, second: object) -> Finding:
    """Return the finding that an option was given two values."""
    return OPTION_CONFLICT.at(_pointer(name), name=_shown(name), first=_shown(first), second=_shown(second))


def unknown(name: str, known: Iterator[str]) -> Finding:
    """Return the finding that there is no such option."""
    return OPTION_UNKNOWN.at(_pointer(name), name=_shown(name), known=", ".join(known) or "none")


def _finding(model: type[BaseModel], fault: Mapping[str, Any]) -> Finding:
    name = str(fault["loc"][0])
    fields = {field.alias or own: field for own, field in model.model_fields.items()}
    if fault["type"] == "extra_forbidden":
        return unknown(name, iter(fields))
    takes = fields[name].description
    if fault["type"] == "missing":
        return OPTION_MISSING.at(_pointer(name), name=name, takes=takes)
    return OPTION_VALUE.at(
        _pointer(name), name=name, value="what it is" if name in _NOT_SHOWN else _shown(fault["input"]), takes=takes
    )


def _pointer(name: str) -> str:
    """Return a JSON pointer to a member of the top level (RFC 6901, 3)."""
    return "/" + name[:_MAX_SHOWN].replace("~", "~0").replace("/", "~1")


def _shown(value: object) -> str:
    """Return a value as it may be shown: short, and booleans as JSON has them."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"\u201c{text[:_MAX_SHOWN]}\u201d"
