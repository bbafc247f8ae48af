"""Certificates of a server: submissions to its API, and its answers as packages to write."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from cryptography import x509
from pydantic import TypeAdapter

from ca_service.authority.fleet.renewal import RenewalOptions
from ca_service.authority.issuance.batches import Outcome
from ca_service.authority.issuance.examination import Options
from ca_service.cli.api import API, File, error_of, finding_of
from ca_service.cli.inputs import option_query
from ca_service.cli.outputs import Judged, Made, Package, packed
from ca_service.documents.authorities import ChainDocument
from ca_service.documents.certificates import CertificateDocument, CertificatesDocument
from ca_service.documents.findings import ProblemDocument, finding_documents
from ca_service.documents.requests import BatchCountsDocument, RequestsDocument, VerdictDocument
from ca_service.pki.chain import Chain
from ca_service.vos.bundle import Delivery
from ca_service.vos.purposes import PURPOSES

Line = VerdictDocument | BatchCountsDocument | ProblemDocument


def issue_there(api: API, files: Sequence[File], options: Options, format: str) -> Made | RequestsDocument:
    """Have the CSRs signed, all or none; return the requests if they wait for a decision."""
    return _issued(api, ("certificates",), option_query(options), files, format)


def renew_there(api: API, serial: str, options: RenewalOptions, format: str) -> Made | RequestsDocument:
    """Have a certificate issued again from its stored CSR."""
    query = {"validity_days": options.validity_days, "new": options.new, "never_uploaded": options.never_uploaded}
    return _issued(api, ("certificates", serial, "renew"), query, (), format)


def _issued(
    api: API, path: tuple[str, ...], query: Mapping[str, object], files: Sequence[File], format: str
) -> Made | RequestsDocument:
    """Submit under a key of its own, so that the same submission with another format returns these certificates."""
    submit = partial(api.send, "POST", *path, files=files, headers={"Idempotency-Key": secrets.token_hex(16)})
    answer = submit(query={**query, "format": "json"})
    if answer.status == 202:
        return api.read(RequestsDocument, answer)
    found, created = api.read(CertificatesDocument, answer), answer.status == 201

    def pack() -> Package:
        archive = submit(query={**query, "format": "zip"}).content if format == "zip" else b""
        return _packed(found, created=created, archive=archive)

    return Made(tuple(each.serial_number for each in found.certificates), created, pack)


def judge_there(api: API, files: Sequence[File], options: Options) -> Iterator[Sequence[Judged[CertificateDocument]]]:
    """Have the CSRs signed that can be signed; yield each verdict as soon as the server has committed it.

    Raises Unreachable if the answer ends before its last line, which has the counts.
    """
    query = {**option_query(options), "format": "ndjson"}
    reader: TypeAdapter[Line] = TypeAdapter(Line)
    for line in api.lines("POST", "batches", query=query, files=files):
        found = api.read_line(reader, line)
        if isinstance(found, ProblemDocument):
            raise error_of(found)
        if isinstance(found, VerdictDocument):
            findings = tuple(map(finding_of, found.findings))
            yield (Judged(found.number, Outcome(found.outcome), findings, found.certificate, found.request),)
        else:
            return
    raise api.unexpected("it ends too early")


def made_there(
    api: API, files: Sequence[File], options: Options, done: Sequence[Judged[CertificateDocument]], format: str
) -> Made:
    """Return the certificates of a batch. Its CSRs that were signed, submitted again, return the same ones as a ZIP."""
    certificates = [each.certificate for each in done if each.certificate]
    signed = [files[each.number] for each in done if each.certificate]
    created = any(each.outcome is Outcome.ISSUED for each in done)
    findings = finding_documents(found for each in done for found in each.findings)

    def pack() -> Package:
        query = {**option_query(options), "format": "zip"}
        archive = api.send("POST", "certificates", query=query, files=signed).content if format == "zip" else b""
        found = CertificatesDocument(certificates=certificates, findings=findings)
        return _packed(found, created=created, archive=archive)

    return Made(tuple(each.serial_number for each in certificates), created, pack)


def shown_there(api: API, serial: str, format: str | None) -> Package:
    """Return a certificate that the server has."""
    path = ("certificates", serial)
    found = api.get(CertificatesDocument, *path, query={"format": "json"}).model_copy(update={"findings": []})
    archive = api.send("GET", *path, query={"format": "zip"}).content if format == "zip" else b""
    return _packed(found, created=False, archive=archive)


def chain_there(api: API) -> tuple[str, Chain]:
    """Return the name of the issuing authority, and its chain without what is revoked; the root last."""
    found = api.get(ChainDocument, "authority", query={"format": "json"})
    return found.name, tuple(x509.load_pem_x509_certificate(each.pem.encode()) for each in found.certificates)


def _packed(found: CertificatesDocument, *, created: bool, archive: bytes) -> Package:
    return packed(found, tuple(map(_delivery, found.certificates)), created=created, archive=archive)


def _delivery(found: CertificateDocument) -> Delivery:
    leaf, *authorities = (x509.load_pem_x509_certificate(pem.encode()) for pem in (found.pem, *found.chain))
    return Delivery(found.host, leaf, tuple(authorities), PURPOSES.get(found.purpose))
