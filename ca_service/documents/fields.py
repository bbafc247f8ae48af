"""The parts of all documents: the strict base model, and times, serial numbers and fingerprints as JSON shows them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ca_service.pki.encodings import time_text

API_PATH: Final = "/api/v1/"

Moment = Annotated[
    AwareDatetime,
    PlainSerializer(time_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Serial = Annotated[str, Field(pattern="^[0-9a-f]{40}$", description="40 lower-case hexadecimal digits")]
Fingerprint = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the DER, hexadecimal")]


class Document(BaseModel):
    """A document in an answer. It holds what its schema describes, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)
