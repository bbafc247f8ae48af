"""Downloads of certificates and bundles: content types and file names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Response

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import ActiveAuthority
from ca_service.authority.issuance.records import RequestRecord
from ca_service.errors import Conflict, Rule
from ca_service.pki.chain import Chain
from ca_service.vos.bundle import BundleFile
from ca_service.vos.file_names import safe_name
from ca_service.vos.formats import CHAIN_ENCODINGS, as_file, unknown_format
from ca_service.web.context import actor, api_services

SUBMISSION_NOTHING_SIGNED: Final = Rule(
    "submission.nothing-signed",
    "No request of this submission is signed ({count} submitted), so there is no bundle.",
    "Wait for the decision, or open each request to see why it was refused.",
)
#: The content type of each format. A PEM file of several leaves is no chain, so it does not call
#: itself application/pem-certificate-chain (RFC 8555, 9.1).
CONTENT_TYPES: Final = {
    "zip": "application/zip",
    "pem": "application/x-pem-file",
    "der": "application/pkix-cert",  # RFC 2585, 4.1
    "p7b": "application/x-pkcs7-certificates",
}
_SCRIPT_TYPE: Final = "text/plain; charset=utf-8"
AUTHORITY_FORMATS: Final = tuple(CHAIN_ENCODINGS)


def deliver(records: Sequence[CertificateRecord], format: str) -> Response:
    """Return the certificates as an attachment.

    Raises InvalidInput for an unknown format, Conflict for a bundle that would make nodes trust a revoked authority.
    """
    issuance = api_services().issuance
    if format == "zip":
        api_services().trusted.require(record.issuer_id for record in records)
        deliveries = [*api_services().receipts.attached(issuance.deliveries(records))]
    else:
        deliveries = [issuance.delivery(record) for record in records]
    return attachment(as_file(deliveries, format), format)


def deliver_submission(requests: Sequence[RequestRecord]) -> Response:
    """Return one ZIP with the bundles of all certificates of a submission, as an attachment.

    Raises Conflict if none of its requests has a certificate, and what `deliver` raises.
    """
    serials = dict.fromkeys(each.serial_number for each in requests if each.serial_number)
    if not serials:
        raise Conflict.because(SUBMISSION_NOTHING_SIGNED, count=len(requests))
    return deliver([api_services().issuance.get_certificate(actor(), serial) for serial in serials], "zip")


def deliver_authority(authority: ActiveAuthority, chain: Chain, format: str) -> Response:
    """Return this chain of the authority, root last, as an attachment in `pem` or `p7b` format."""
    if format not in AUTHORITY_FORMATS:
        raise unknown_format(format, AUTHORITY_FORMATS)
    name = f"{safe_name(authority.record.name)}-ca-chain.{format}"
    return attachment(BundleFile(name, CHAIN_ENCODINGS[format](chain)), format)


def step_file(file: BundleFile) -> Response:
    """Return a file that a step names as an attachment: a certificate as PEM, or a script."""
    return _attached(file, CONTENT_TYPES["pem"] if file.path.endswith(".pem") else _SCRIPT_TYPE)


def attachment(file: BundleFile, format: str) -> Response:
    """Return the file as an attachment."""
    return _attached(file, CONTENT_TYPES[format])


def _attached(file: BundleFile, content_type: str) -> Response:
    """Return the file as an attachment. Its name is plain ASCII and needs no RFC 8187 encoding."""
    response = Response(file.data, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{file.path}"'
    return response
