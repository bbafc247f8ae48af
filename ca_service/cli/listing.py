"""The list of certificates, as commands read it: from the installation on this machine, or from a server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import Sort
from ca_service.authority.paging import MAX_PAGE
from ca_service.cli.api import API
from ca_service.cli.session import Session, operator
from ca_service.documents.certificates import CertificateListDocument, Certificates, CertificateSummaryDocument


def listing(session: Session, words: str, sort: Sort = "newest") -> Iterator[CertificateSummaryDocument]:
    """Yield the certificates that match the words, read while they are consumed."""
    return session.ask(lambda here: _here(here, words, sort), lambda api: _there(api, words, sort))


def now(session: Session) -> datetime:
    """Return the time: that of the server after it has answered."""
    return session.ask(lambda here: here.clock(), lambda api: api.now())


def _here(installation: Installation, words: str, sort: Sort) -> Iterator[CertificateSummaryDocument]:
    items = (item.certificate for item in installation.inventory.export(operator(), words, sort))
    while page := list(islice(items, MAX_PAGE)):
        revocations = installation.revocation.revocations_of([record.serial_number for record in page])
        describe = Certificates(revocations, installation.clock())
        yield from map(describe.summary, page)


def _there(api: API, words: str, sort: Sort) -> Iterator[CertificateSummaryDocument]:
    query = {"q": words, "sort": sort, "limit": MAX_PAGE}
    for page in api.pages(CertificateListDocument, "certificates", query=query):
        yield from page.certificates
