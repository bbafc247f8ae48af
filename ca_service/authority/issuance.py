"""Knows how requests become certificates: all of a submission, or none of it.

Nothing is stored before the last step, and a certificate is handed out only after the commit that
records it. The same request under the same profile gets the same certificate again while it is
valid, unless a new one is asked for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509

from ca_service.authority.audit import AuditEvent, Event
from ca_service.authority.hierarchy import ActiveAuthority, Hierarchy
from ca_service.authority.permissions import Action, Actor, require
from ca_service.authority.ports import Clock, Ledger, SerialNumbers
from ca_service.authority.records import CertificateRecord, Replay
from ca_service.authority.registration import Examination, Options, Policy, examine, require_all
from ca_service.authority.revocation.standing import about_revoked
from ca_service.authority.revocation.store import RevocationStore
from ca_service.authority.submission import (
    MAX_REQUESTS,
    about_authority,
    about_before,
    about_key,
    check_count,
    without_repetition,
)
from ca_service.errors import Conflict, Finding, InvalidInput, NotFound, NotReady, SigningError, blocking
from ca_service.pki import encodings, issuing, keys, names
from ca_service.pki.contents import Contents, Validity
from ca_service.pki.csr import CertificationRequest
from ca_service.pki.profiles import VOS
from ca_service.vos.bundle import Bundle, Delivery, bundle_of
from ca_service.vos.fit import judge_issued
from ca_service.vos.purposes import TOMCAT_ECDSA

__all__ = ["MAX_REQUESTS", "Issuance", "Issued"]

MAX_KEY_LENGTH: Final = 200
_KEY: Final = re.compile(rf"[!-~]{{1,{MAX_KEY_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Issued:
    """The answer to a submission: one certificate a request, in their order.

    `created` is False when every one of them had been issued before. `findings` are what was worth
    telling without being in the way.
    """

    certificates: tuple[CertificateRecord, ...]
    created: bool
    findings: tuple[Finding, ...] = ()


class Issuance:
    """Checks requests and issues certificates."""

    def __init__(
        self,
        ledger: Ledger,
        revocations: RevocationStore,
        hierarchy: Hierarchy,
        policy: Policy,
        clock: Clock,
        serial_numbers: SerialNumbers,
    ) -> None:
        self._ledger = ledger
        self._revocations = revocations
        self._hierarchy = hierarchy
        self._policy = policy
        self._clock = clock
        self._serial_numbers = serial_numbers

    @property
    def default_days(self) -> int:
        """How many days a certificate lasts when none are asked for."""
        return self._policy.default_days

    def check(self, actor: Actor, requests: Sequence[bytes], options: Options) -> tuple[Examination, ...]:
        """What would happen to each request, without issuing or storing anything."""
        require(actor, Action.CHECK)
        check_count(requests)
        examinations = [examine(data, options, self._policy) for data in requests]
        active = self._hierarchy.find_active()
        return without_repetition([self._against_stored(each, active, options) for each in examinations])

    def _against_stored(
        self, examination: Examination, active: ActiveAuthority | None, options: Options
    ) -> Examination:
        if examination.request is None:
            return examination
        fingerprint = keys.key_fingerprint(examination.request.subject_public_key_info)
        others = self._ledger.list_by_key(fingerprint, self._clock())
        existing = self._existing(examination, active) if active and not options.new else None
        found = (
            *about_authority(examination.request, active),
            *about_key(examination.request, others),
            *about_revoked(self._revocations, self._hierarchy.list_issuers(), active, fingerprint),
            *about_before(existing),
        )
        return replace(examination, findings=(*examination.findings, *found), existing=existing)

    def issue(self, actor: Actor, requests: Sequence[bytes], options: Options, idempotency_key: str = "") -> Issued:
        """Issue one certificate a request, all or none.

        Raises Refused with every finding, NotReady without an authority, Conflict when the
        Idempotency-Key was used for something else.
        """
        require(actor, Action.ISSUE)
        replay = self._replay(actor, requests, options, idempotency_key)
        if replay is not None:
            before = self._ledger.find_replay(replay.account, replay.key)
            if before is not None:
                return self._answer_again(before, replay)
        examinations = self.check(actor, requests, options)
        require_all(examinations)
        issued = self._issue(actor, examinations, options, replay)
        findings = (
            found.under(f"/csr/{number}") for number, each in enumerate(examinations) for found in each.findings
        )
        return replace(issued, findings=tuple(findings))

    def _issue(
        self, actor: Actor, examinations: Sequence[Examination], options: Options, replay: Replay | None
    ) -> Issued:
        authority = self._hierarchy.active()
        found = [each.existing for each in examinations]
        made = {
            number: self._make(actor, each, authority)
            for number, each in enumerate(examinations)
            if found[number] is None
        }
        if replay is not None:
            serials = tuple((before or made[number]).serial_number for number, before in enumerate(found))
            replay = replace(replay, serial_numbers=serials)
        events = [_event(record, actor) for record in made.values()]
        if events or replay is not None:
            stored = self._ledger.record(tuple(made.values()), events, always_new=options.new, replay=replay)
        else:
            stored = ()
        by_number = dict(zip(made, stored, strict=True))
        certificates = tuple(before or by_number[number] for number, before in enumerate(found))
        ours = {record.serial_number for record in made.values()}
        return Issued(certificates, created=any(record.serial_number in ours for record in certificates))

    def _existing(self, examination: Examination, authority: ActiveAuthority) -> CertificateRecord | None:
        request = _request(examination)
        return self._ledger.find_reissuable(
            request.fingerprint, examination.profile.name, authority.record.id, self._clock()
        )

    def _make(self, actor: Actor, examination: Examination, authority: ActiveAuthority) -> CertificateRecord:
        """One signed certificate as a record; nothing is stored yet."""
        request, certificate = _request(examination), self._sign(examination, authority)
        return CertificateRecord(
            serial_number=encodings.serial_text(certificate.serial_number),
            profile=examination.profile.name,
            host=examination.host,
            subject=names.name_text(request.subject),
            names=names.general_names_text(examination.subject_alternative_name or ()),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            issued_at=self._clock(),
            issued_by=actor.name,
            issuer_id=authority.record.id,
            request_fingerprint=request.fingerprint,
            key_fingerprint=keys.key_fingerprint(request.subject_public_key_info),
            der=encodings.der(certificate),
            csr_der=request.der,
        )

    def _sign(self, examination: Examination, authority: ActiveAuthority) -> x509.Certificate:
        """Prepare, lint and sign one certificate."""
        request = _request(examination)
        contents = Contents(
            profile=examination.profile,
            subject=request.subject,
            subject_der=request.subject_der,
            public_key=request.public_key,
            subject_public_key_info=request.subject_public_key_info,
            serial_number=self._serial_numbers(),
            validity=self._validity(examination.days, authority),
            key_usage=examination.key_usage,
            extended_key_usage=examination.extended_key_usage,
            subject_alternative_name=examination.subject_alternative_name,
        )
        certificate = issuing.sign(issuing.prepare(contents, authority.issuer), self._hierarchy.signing_key(authority))
        if examination.profile.is_vos:
            self._require_fit(request, certificate, authority)
        return certificate

    def _require_fit(
        self, request: CertificationRequest, certificate: x509.Certificate, authority: ActiveAuthority
    ) -> None:
        """Raise SigningError for a certificate that the node would not take, or could not work with."""
        found = judge_issued(request, certificate, authority.chain, self._clock())
        if not found.works:
            raise SigningError(*found.findings)

    def _validity(self, days: int, authority: ActiveAuthority) -> Validity:
        """From a little before now; the backdate is part of the lifetime, and the end of the chain is the end."""
        above, now = authority.validity, self._clock()
        if not above.not_before <= now <= above.not_after:
            raise NotReady.because(
                "authority.expired",
                "The authority is valid from {start} to {end}, which is not now.",
                "Check the clock of this machine. An authority that has ended needs a successor.",
                start=above.not_before.date().isoformat(),
                end=above.not_after.date().isoformat(),
            )
        start = max(now - self._policy.backdate, above.not_before)
        return Validity(start, min(Validity.of_days(start, days).not_after, above.not_after))

    def _replay(self, actor: Actor, requests: Sequence[bytes], options: Options, idempotency_key: str) -> Replay | None:
        """What will be remembered under this key, with a digest of all that is asked."""
        if not idempotency_key:
            return None
        if not _KEY.fullmatch(idempotency_key):
            raise InvalidInput(
                blocking(
                    "idempotency-key.invalid",
                    "/Idempotency-Key",
                    "The Idempotency-Key cannot be used.",
                    "Send at most {limit} characters of ASCII without blanks, such as a UUID.",
                    limit=MAX_KEY_LENGTH,
                )
            )
        digest = hashlib.sha256(repr((options, [hashlib.sha256(data).digest() for data in requests])).encode())
        return Replay(actor.name, idempotency_key, digest.hexdigest(), (), True, self._clock())

    def _answer_again(self, before: Replay, asked: Replay) -> Issued:
        if before.digest != asked.digest:
            raise Conflict.because(
                "idempotency-key.reused",
                "This Idempotency-Key was used for another submission.",
                "Send a new key with a new submission; the same key only to repeat one.",
            )
        return Issued(tuple(self._get(serial) for serial in before.serial_numbers), before.created)

    def get_certificate(self, actor: Actor, serial_number: str) -> CertificateRecord:
        """The certificate of this serial number; raises NotFound."""
        require(actor, Action.READ)
        return self._get(serial_number)

    def _get(self, serial_number: str) -> CertificateRecord:
        text = serial_number.lower().replace(":", "")
        record = self._ledger.find_certificate(text.zfill(40)) if len(text) <= 40 else None
        if record is None:
            raise NotFound.because(
                "certificate.unknown",
                "There is no certificate with the serial number {serial}.",
                "Compare it with the one in the certificate, or look for the host in the list of certificates.",
                serial=serial_number[:60],
            )
        return record

    def delivery(self, record: CertificateRecord) -> Delivery:
        """The certificate with its authorities, ready to be delivered."""
        return Delivery(
            host=record.host,
            leaf=x509.load_der_x509_certificate(record.der),
            authorities=self._hierarchy.chain_of(record.issuer_id),
            purpose=TOMCAT_ECDSA if record.profile == VOS.name else None,
        )

    def bundle(self, records: Sequence[CertificateRecord]) -> Bundle:
        """The bundle for these certificates."""
        return bundle_of([self.delivery(record) for record in records])


def _request(examination: Examination) -> CertificationRequest:
    """The verified request of an examination that was not refused."""
    if examination.request is None:
        raise ValueError("a refused request is not issued")
    return examination.request


def _event(record: CertificateRecord, actor: Actor) -> AuditEvent:
    return AuditEvent.by(
        actor,
        record.issued_at,
        Event.CERTIFICATE_ISSUED,
        record.serial_number,
        host=record.host,
        profile=record.profile,
        request=record.request_fingerprint,
    )
