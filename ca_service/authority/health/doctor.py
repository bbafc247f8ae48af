"""The one list of checks: for the start of the server, readiness, metrics and `ca-service doctor`.

A check leaves nothing changed. Each declares the first occasion on which it runs, and its audience: the operator,
unless everyone may know whether it passed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final, Protocol

from cryptography import x509

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.clock_check import ClockCheck
from ca_service.authority.audit.seals import Sealing
from ca_service.authority.checks import Check, Occasion, Results, run
from ca_service.authority.health.agreement import Agreement
from ca_service.authority.health.arrival import Arrival
from ca_service.authority.health.published import PublishedFiles
from ca_service.authority.hierarchy.hierarchy import AUTHORITY_EXPIRED, Hierarchy, certificate_of
from ca_service.authority.jobs import Jobs
from ca_service.authority.key_custody import KeyStore, signer_of
from ca_service.authority.ports import Clock, is_believable
from ca_service.authority.revocation.trust import TrustedAuthorities
from ca_service.authority.status.crl_importer import CRLImporter
from ca_service.authority.status.crl_publisher import SERVICE, CRLPublisher
from ca_service.authority.status.responders import Responders
from ca_service.errors import Busy, CAServiceError, Finding, Rule, Severity, Visibility
from ca_service.pki.contents import Validity
from ca_service.pki.encodings import time_text

DOCTOR_TABLES: Final = Rule(
    "doctor.tables",
    "The tables differ: {what}.",
    "Restore the database from a backup.",
)
DOCTOR_ROOT_KEY: Final = Rule(
    "doctor.root-key",
    "The key of the root is on this machine.",
    "Except in a lab, take it offline with `ca-service ca root-key`: export, verify, remove.",
    Severity.NOTE,
)
DOCTOR_ENDS_SOON: Final = Rule(
    "doctor.ends-soon",
    "The authority expires on {end}, and no certificate outlives it.",
    "Create the next intermediate in time: `ca-service ca rollover`. If the root expires, set up another installation.",
    Severity.WARNING,
)
DOCTOR_DISK: Final = Rule(
    "doctor.disk",
    "The disk of the instance folder has {free} MiB left; writing stops without space.",
    "Free disk space now.",
)
DOCTOR_DISK_SOON: Final = Rule(
    "doctor.disk-soon",
    "The disk of the instance folder has {free} MiB left.",
    "Free disk space.",
    Severity.WARNING,
)
DOCTOR_NOT_CURRENT: Final = Rule(
    "doctor.not-current",
    "The {what} of {issuer} is valid from {start} to {end}, but not now.",
    "A running service renews it: look at `ca-service jobs list` and the log. Sign the CRL of an offline root with "
    "`ca-service crl sign-root`.",
)
DOCTOR_AUTHORITY_REVOKED: Final = Rule(
    "doctor.authority-revoked",
    "{issuer} is revoked or on hold (since {date}): it issues nothing, and clients reject what it issued.",
    "Create the next intermediate with `ca-service ca rollover`, and let it sign new CSRs of all nodes.",
    Severity.WARNING,
)
DOCTOR_JOB_LATE: Final = Rule(
    "doctor.job-late",
    "The job {name} was due at {due} and has not started.",
    "Jobs run in the server (jobs.in_server) or in `ca-service jobs loop`: start one of them, and look at its log.",
)

DOCTOR_RUNNING: Final = Rule(
    "doctor.running",
    "The health checks are running already.",
    "Try again in {seconds} seconds.",
)

_RETRY_SECONDS: Final = 10
SOON: Final = timedelta(days=90)
#: After a start, and while another job takes long, jobs are a little late.
LATE: Final = timedelta(hours=1)
_MIB: Final = 1024 * 1024
DISK_FULL: Final = 64 * _MIB
DISK_SOON_FULL: Final = 512 * _MIB


class Tables(Protocol):
    """The database, as far as checks look at it."""

    def differences(self) -> list[str]:
        """Return the differences between the tables and what this program expects."""

    def try_write(self) -> None:
        """Write a row in a transaction that is rolled back. Raises NotReady if that fails."""


class InstanceFolder(Protocol):
    """The instance folder: its private files and its space."""

    def find_faults(self) -> tuple[Finding, ...]:
        """Return what is wrong with each private file: open to others, unreadable, empty or damaged."""

    def free(self) -> int:
        """Return how many bytes can be written."""


class Doctor:
    """Has the list of checks, and runs it."""

    def __init__(
        self,
        *,
        tables: Tables,
        folder: InstanceFolder,
        keystore: KeyStore,
        hierarchy: Hierarchy,
        clock_check: ClockCheck,
        sealing: Sealing,
        agreement: Agreement,
        trusted: TrustedAuthorities,
        crl_publisher: CRLPublisher,
        crl_importer: CRLImporter,
        responders: Responders,
        jobs: Jobs,
        published: PublishedFiles,
        arrival: Arrival,
        clock: Clock,
    ) -> None:
        self._tables = tables
        self._folder = folder
        self._keystore = keystore
        self._hierarchy = hierarchy
        self._clock_check = clock_check
        self._sealing = sealing
        self._agreement = agreement
        self._trusted = trusted
        self._crl_publisher = crl_publisher
        self._crl_importer = crl_importer
        self._responders = responders
        self._jobs = jobs
        self._arrival = arrival
        self._turn = threading.Lock()
        self._clock = clock
        start, ready, everyone = Occasion.START, Occasion.READINESS, Visibility.PUBLIC
        self.checks: Final[Sequence[Check]] = (  # in the order in which to fix faults
            Check("database-tables", "tables of the database", self._differences),
            Check("disk-space", "space on the disk", self._space, start, everyone),
            Check("database-write", "a write to the database, rolled back", self._write, ready, everyone),
            Check("private-files", "private files", folder.find_faults, start),
            Check("authority-key", "keys of the authorities", self._keys, start, everyone),
            Check("root-key", "key of the root", self._root_key),
            Check("chain-validity", "validity of the chain", self._validity, start, everyone),
            Check("authority-revocation", "revocation of the authorities", self._revoked_authorities, ready),
            Check("clock", "clock", self._clock_faults, start, everyone),
            Check("revocation-lists", "CRLs are current", self._lists, ready, everyone),
            Check("ocsp-signer", "OCSP signers are current", self._signers, ready, everyone),
            Check("jobs", "background jobs are not late", self._late_jobs, ready, everyone),
            Check("sealing-key", "key that seals the audit log", self._sealing_key),
            Check("audit-log", "audit log and tables", agreement.differences),
            Check("published-certificate", "certificate of the authority, at its address", published.check_certificate),
            Check("published-list", "CRL, at its address", published.check_crl),
            Check("published-ocsp", "OCSP, at its address", published.check_ocsp),
        )

    def examine(self, actor: Actor) -> Results:
        """Run every check. Raises Busy if this process runs them already: they take long, and each waits for others.

        What they download may come from this very process, so its other threads stay free for that.
        """
        require(actor, Action.STATUS)
        if not self._turn.acquire(blocking=False):
            raise Busy.because(DOCTOR_RUNNING, seconds=_RETRY_SECONDS)
        try:
            return (*run(self.checks, Occasion.DOCTOR), *self._arrival.examine(actor))
        finally:
            self._turn.release()

    def faults_at_start(self) -> tuple[Finding, ...]:
        """Return the errors and warnings that an operator must see when the server starts."""
        found = (finding for result in run(self.checks, Occasion.START) for finding in result.findings)
        return tuple(finding for finding in found if finding.severity is not Severity.NOTE)

    def _differences(self) -> Iterator[Finding]:
        for what in self._tables.differences():
            yield DOCTOR_TABLES.at(what=what)

    def _write(self) -> Iterator[Finding]:
        self._tables.try_write()
        yield from ()

    def _space(self) -> Iterator[Finding]:
        free = self._folder.free()
        if free < DISK_SOON_FULL:
            yield (DOCTOR_DISK if free < DISK_FULL else DOCTOR_DISK_SOON).at(free=free // _MIB)

    def _keys(self) -> Iterator[Finding]:
        self._hierarchy.active()
        for record in self._hierarchy.list_certified():
            if record.key_id is not None:
                yield from self._key(record.key_id, certificate_of(record))

    def _key(self, key_id: str, certificate: x509.Certificate) -> tuple[Finding, ...]:
        try:
            signer_of(self._keystore, key_id, certificate.public_key())
        except CAServiceError as error:
            return error.findings
        return ()

    def _root_key(self) -> Iterator[Finding]:
        if any(record.role == "root" and record.key_id for record in self._hierarchy.list_issuers()):
            yield DOCTOR_ROOT_KEY.at()

    def _validity(self) -> Iterator[Finding]:
        active = self._hierarchy.active()
        validity, now = active.validity, self._clock()
        end = validity.not_after
        if not validity.not_before <= now <= end:
            yield AUTHORITY_EXPIRED.at(start=validity.not_before.date().isoformat(), end=end.date().isoformat())
        elif end - now < SOON:
            yield DOCTOR_ENDS_SOON.at(end=end.date().isoformat())
        yield from (*active.path.errors, *active.warnings)

    def _revoked_authorities(self) -> Iterator[Finding]:
        """Yield warnings, no errors: a service that is not ready would hide the CRL from its clients."""
        for issuer_id, revocation in self._trusted.list_revoked():
            yield DOCTOR_AUTHORITY_REVOKED.at(issuer=issuer_id, date=revocation.revoked_at.date().isoformat())
        yield from self._crl_importer.find_unlisted()

    def _clock_faults(self) -> Iterator[Finding]:
        if found := self._clock_check.find_fault():
            yield found

    def _lists(self) -> Iterator[Finding]:
        for issuer, newest in self._crl_publisher.list_newest(SERVICE):
            if newest is not None:  # the first one is signed when it is asked for
                yield from self._current("CRL", issuer.id, Validity(newest.this_update, newest.next_update))
        yield from self._crl_importer.find_missing()

    def _signers(self) -> Iterator[Finding]:
        for record in self._responders.list_current():
            yield from self._current("OCSP signer", record.issuer_id, Validity(record.not_before, record.not_after))
            yield from self._key(record.key_id, x509.load_der_x509_certificate(record.certificate_der))

    def _sealing_key(self) -> Iterator[Finding]:
        self._sealing.require_key()  # without it there are no bundles; CRL and OCSP go on, so the service stays ready
        yield from ()

    def _current(self, what: str, issuer_id: str, validity: Validity) -> Iterator[Finding]:
        start, end, now = validity.not_before, validity.not_after, self._clock()
        if now >= end or not is_believable(start, now):
            yield DOCTOR_NOT_CURRENT.at(what=what, issuer=issuer_id, start=time_text(start), end=time_text(end))

    def _late_jobs(self) -> Iterator[Finding]:
        now, since = self._clock(), self._hierarchy.active().record.created_at
        for state in self._jobs.states():
            due = state.due_at or since + state.job.every  # one that never ran is due since there is an authority
            if not state.is_held and due + LATE < now:
                yield DOCTOR_JOB_LATE.at(name=state.job.name, due=time_text(due))
