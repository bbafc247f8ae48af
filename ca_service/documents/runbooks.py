"""Runbooks: the steps for the nodes of a cluster, and which of them are done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field

from ca_service.authority.fleet.records import Mark
from ca_service.documents.fields import Document, Moment
from ca_service.vos.knowledge import titles
from ca_service.vos.steps import Runbook, Section, Step


class StepDocument(Document):
    """One step of a runbook."""

    key: str = Field(description="the key to mark the step as done; empty for a warning or a remark")
    title: str
    text: str
    nodes: list[str] = Field(description="where it is done; empty for anywhere")
    files: list[str] = Field(description="the files of the bundle to upload")
    purpose: str = Field(description="the purpose on the upload page; or empty")
    commands: list[str] = Field(description="lines for the command line of the node")
    terminal: list[str] = Field(description="commands for your own computer")
    powershell: list[str] = Field(description="the same for PowerShell")
    answer: str = Field(description="what these commands print if all is well; or empty")
    notes: list[str] = Field(
        description="what is good to know: waiting, minutes, the way back, what differs by product"
    )
    why: str = Field(description="the reason; or empty")
    sources: list[str] = Field(description="the titles of its sources")
    confirmed: bool = Field(description="whether a document of Cisco says it; false if it was inferred")
    optional: bool
    done_at: Moment | None = Field(description="when it, or what proves it, was marked as done; null if it is not")
    done_by: str | None

    @classmethod
    def of(cls, step: Step, mark: Mark | None = None) -> Self:
        """Describe a step, with its mark."""
        return cls(
            key=step.key,
            title=step.title,
            text=step.text,
            nodes=list(step.nodes),
            files=list(step.files),
            purpose=step.purpose,
            commands=list(step.commands),
            terminal=list(step.terminal),
            powershell=list(step.powershell),
            answer=step.answer,
            notes=[f"{label}: {text}" for label, text in step.notes],
            why=step.why,
            sources=list(titles(step.sources)),
            confirmed=step.is_confirmed,
            optional=step.is_optional,
            done_at=mark.done_at if mark else None,
            done_by=mark.done_by if mark else None,
        )


class SectionDocument(Document):
    """Steps that belong together."""

    title: str
    text: str
    steps: list[StepDocument]

    @classmethod
    def of(cls, section: Section, marks: Mapping[str, Mark]) -> Self:
        """Describe a section."""
        steps = [StepDocument.of(step, marks.get(step.key)) for step in section.steps]
        return cls(title=section.title, text=section.text, steps=steps)


class RunbookDocument(Document):
    """The steps for exactly these nodes, in their order."""

    title: str
    warnings: list[StepDocument] = Field(description="what to read before anything is signed")
    accesses: list[str] = Field(description="what you need before the first step")
    sections: list[SectionDocument]
    remarks: list[StepDocument] = Field(description="what is good to know about these products and versions")

    @classmethod
    def of(cls, runbook: Runbook, marks: Mapping[str, Mark]) -> Self:
        """Describe a runbook; `marks` by the key of their step."""
        return cls(
            title=runbook.title,
            warnings=[StepDocument.of(step) for step in runbook.warnings],
            accesses=list(runbook.accesses),
            sections=[SectionDocument.of(section, marks) for section in runbook.sections],
            remarks=[StepDocument.of(step) for step in runbook.remarks],
        )
