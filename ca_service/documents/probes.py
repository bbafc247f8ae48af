"""Results of probes: the certificates that ports of nodes present."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Self

from pydantic import Field

from ca_service.documents.fields import Document, Fingerprint, Moment
from ca_service.vos.experience import find_row
from ca_service.vos.phrases import Phrase, phrase
from ca_service.vos.served import Handshake, PortReport, Remark, Verdict, fingerprint_of, signings_of

#: What a port presents before the restart that follows an upload or a switch.
_BEHIND: Final = frozenset({Verdict.OLDER, Verdict.SELF_SIGNED, Verdict.NO_ECDSA})


class HandshakeDocument(Document):
    """One handshake with a port."""

    offer: str = Field(description="the offered key and version: ECDSA, TLS 1.3")
    ending: Literal["served", "declined", "unknown host", "refused", "unreachable", "silent", "not TLS"]
    detail: str = Field(description="what the other side said, or the library; or empty")

    @classmethod
    def of(cls, handshake: Handshake) -> Self:
        """Describe one handshake."""
        return cls(offer=handshake.offer.value, ending=handshake.ending.value, detail=handshake.detail)


class PortDocument(Document):
    """The certificate that one port presents to a client that asks for ECDSA."""

    host: str
    port: int = Field(description="the first one asked for, if `verdict` is `unknown-host`")
    service: str = Field(description="the service on this port by the documents of the product; or empty")
    verdict: Verdict
    remarks: list[Remark]
    works: bool = Field(description="whether clients get what was issued here, and accept it")
    sentences: list[str] = Field(description="verdict and remarks in words")
    serial_number: str = Field(description="of the certificate from here that is presented; or empty")
    fingerprint: Fingerprint | None = Field(description="of the EC certificate that is presented; null for none")
    not_after: Moment | None = Field(description="its end; null for none")
    handshakes: list[HandshakeDocument]

    @classmethod
    def of(cls, report: PortReport) -> Self:
        """Describe one port."""
        target = report.target
        return cls(
            host=target.host,
            port=target.port,
            service=target.service,
            verdict=report.verdict,
            remarks=list(report.remarks),
            works=report.works,
            sentences=[str(each) for each in report.sentences],
            serial_number=report.serial_number,
            fingerprint=fingerprint_of(report) or None,
            not_after=report.leaf.not_valid_after_utc if report.leaf else None,
            handshakes=[HandshakeDocument.of(each) for each in report.handshakes],
        )


class ProbeDocument(Document):
    """The results, in the order of host and port."""

    works: bool = Field(
        description="whether every port that presents an EC certificate works, one does, and DNS knows every host"
    )
    summary: str = Field(description="`works` in a sentence; after a run on a node, also whether a restart is left")
    experience: str = Field(description="what agents of UCCX 11.5 see with these certificates; empty if not known")
    not_restarted: list[str] = Field(
        description="hosts with ports that do not present the certificate from here, although others of their product "
        "do: not restarted, or not uploaded"
    )
    ports: list[PortDocument]

    @classmethod
    def of(cls, reports: Sequence[PortReport], *, is_uploaded: bool = False) -> Self:
        """Describe the ports; `is_uploaded` as in `summary_of`."""
        ordered = sorted(reports, key=lambda each: (each.target.host, each.target.port))
        return cls(
            works=works(reports),
            summary=str(summary_of(reports, is_uploaded=is_uploaded)),
            experience=experience_of(reports),
            not_restarted=not_restarted(reports),
            ports=[PortDocument.of(each) for each in ordered],
        )


def works(reports: Sequence[PortReport]) -> bool:
    """Return whether every port that presents an EC certificate works, at least one does, and DNS knows every host."""
    expected = [each for each in reports if each.leaf is not None or each.verdict is Verdict.UNKNOWN_HOST]
    return bool(expected) and all(each.works for each in expected)


def summary_of(reports: Sequence[PortReport], *, is_uploaded: bool = False) -> Phrase:
    """Return what the ports show, in a sentence; a node on which the certificate `is_uploaded` may need a restart."""
    if not reports:
        return phrase("No port was looked at.")
    if works(reports):
        return phrase("Every EC certificate that is presented is the one from here.")
    if is_uploaded and any((each.leaf or each.rsa_leaf) and each.verdict is not Verdict.ISSUED for each in reports):
        return phrase("Restart: not every port presents the new certificate yet.")
    return phrase("Not every port presents a certificate from here that clients accept.")


def not_restarted(reports: Sequence[PortReport]) -> list[str]:
    """Return the hosts with ports that lack the certificate from here, although others of their product present it."""
    ports = [each for each in reports if each.target.uses and each.target.presents != "RSA"]
    used = {each.target.uses for each in ports if each.verdict is Verdict.ISSUED}
    return sorted({each.target.host for each in ports if each.target.uses in used and each.verdict in _BEHIND})


def experience_of(reports: Sequence[PortReport]) -> str:
    """Return what agents see with these certificates, by Cisco's table for UCCX 11.5; empty if it does not say."""
    found = signings_of(reports)
    row = find_row(*found) if found else None
    return row.experience.text if row else ""
