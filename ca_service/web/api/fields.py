"""Knows what the models of the API are made of: how values are read and described, and what is never passed over."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationInfo

from ca_service.authority.issuance.conflicts import MAX_REQUESTS
from ca_service.authority.paging import MAX_PAGE
from ca_service.pki.profiles import LEAF_PROFILES

FROM_TEXT: Final = "from text"
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,10}")
_FLAGS: Final = {"true": True, "false": False}


def read_number(value: object, info: ValidationInfo) -> object:
    """The number that a query or a form says in digits; anything else stays, to be refused."""
    is_number = info.context == FROM_TEXT and isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)
    return int(str(value)) if is_number else value


def _read_flag(value: object, info: ValidationInfo) -> object:
    """The truth that a query or a form says in a word; anything else stays, to be refused."""
    return _FLAGS.get(value, value) if info.context == FROM_TEXT and isinstance(value, str) else value


# What is out of these bounds cannot be meant; inside them the policy decides, and says its own limit.
Days = Annotated[
    int,
    Field(ge=-(2**31), le=2**31 - 1, json_schema_extra={"format": "int32"}),
    BeforeValidator(read_number),
]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE), BeforeValidator(read_number)]
Flag = Annotated[bool, BeforeValidator(_read_flag)]
ProfileName = Annotated[str, Field(max_length=32, json_schema_extra={"enum": list(LEAF_PROFILES)})]
RequestText = Annotated[str, Field(json_schema_extra={"format": "pkcs10"})]
CertificateText = Annotated[str, Field(json_schema_extra={"format": "x509"})]
Serial = Annotated[str, Field(pattern="^[0-9a-f]{40}$", description="40 lower-case hexadecimal digits")]
Fingerprint = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the DER, hexadecimal")]
SEVERAL: Final[dict[str, JsonValue]] = {"minItems": 1, "maxItems": MAX_REQUESTS}


class Input(BaseModel):
    """Nothing is turned into something else, and nothing unknown is passed over."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Output(BaseModel):
    """Nothing is told that is not described."""

    model_config = ConfigDict(extra="forbid", frozen=True)
