"""The experience of agents, by the signers of tomcat and tomcat-ECDSA."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from ca_service.documents.fields import Document
from ca_service.documents.knowledge import FactDocument, fact_documents
from ca_service.vos import experience
from ca_service.vos.experience import Cell, Row, Signing

SigningName = Literal["self-signed", "rsa-ca", "ec-ca"]


class PresentedDocument(Document):
    """The certificate that one service presents."""

    server: str
    service: str
    presents: Literal["rsa", "ecdsa", "self-signed"]
    note: FactDocument | None

    @classmethod
    def of(cls, cell: Cell) -> Self:
        """Describe a cell of the table."""
        note = FactDocument.of(cell.note) if cell.note else None
        return cls(server=cell.service.server, service=cell.service.name, presents=cell.presented.value, note=note)


class SightDocument(Document):
    """The experience of an agent in one place."""

    where: str
    outcome: Literal["works", "asked", "fails"]


class MatrixRowDocument(Document):
    """A row of Cisco's table for UCCX and SocialMiner 11.5."""

    experience: FactDocument
    sights: list[SightDocument]
    services: list[PresentedDocument]
    footnote: FactDocument | None
    next: list[FactDocument]
    cop_files: list[str] = Field(description="the names of the COP files that come into question")

    @classmethod
    def of(cls, row: Row) -> Self:
        """Describe a row."""
        files = {each.id: each.name for each in experience.cop().files}
        return cls(
            experience=FactDocument.of(row.experience),
            sights=[SightDocument(where=each.where, outcome=each.outcome.value) for each in row.sights],
            services=[PresentedDocument.of(each) for each in row.cells],
            footnote=FactDocument.of(row.footnote) if row.footnote else None,
            next=fact_documents(row.next),
            cop_files=[files[each] for each in row.cops],
        )


class MatrixDocument(Document):
    """The experience of agents, by the signers of tomcat and tomcat-ECDSA."""

    tomcat: SigningName
    tomcat_ecdsa: SigningName
    row: MatrixRowDocument | None = Field(description="null for a combination that Cisco's table leaves out")
    known: list[FactDocument] = Field(description="what is known of the combination outside the table")
    holds: list[FactDocument] = Field(description="for which versions the table holds")

    @classmethod
    def of(cls, tomcat: Signing, tomcat_ecdsa: Signing) -> Self:
        """Describe one combination."""
        row = experience.find_row(tomcat, tomcat_ecdsa)
        return cls(
            tomcat=tomcat.value,
            tomcat_ecdsa=tomcat_ecdsa.value,
            row=MatrixRowDocument.of(row) if row else None,
            known=fact_documents(experience.known_of(tomcat, tomcat_ecdsa)),
            holds=fact_documents(experience.holds()),
        )
