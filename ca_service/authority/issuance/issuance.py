"""Knows how requests become certificates: all of a submission, or none of it.

Nothing is stored before the last step, and a certificate is handed out only after the commit that
records it. The same request under the same profile gets the same certificate again while it is
valid, unless a new one is asked for.

What no rule approves waits for a person (see applications/records.py). All of a submission waits then, also those
of its requests that a rule would have approved: half a cluster is of no use, and one decision is easier to follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cryptography import x509

from ca_service.authority.access.grants import Grant
from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import ActiveAuthority, Hierarchy
from ca_service.authority.issuance.approval import find_approval
from ca_service.authority.issuance.conflicts import (
    MAX_REQUESTS,
    about_authority,
    about_before,
    about_key,
    check_count,
    require_granted,
    within_grant,
    without_repetition,
)
from ca_service.authority.issuance.examination import Examination, Options, Policy, examine, require_all
from ca_service.authority.issuance.idempotency import Replay, replay_of, require_same
from ca_service.authority.issuance.records import RequestRecord
from ca_service.authority.issuance.signing import Signer, request_of
from ca_service.authority.issuance.store import Ledger, RequestStore
from ca_service.authority.issuance.submitting import (
    again,
    approved,
    asked_of,
    issued_event,
    needed,
    submitted_event,
    waiting,
)
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.status import about_revoked
from ca_service.authority.revocation.store import RevocationStore
from ca_service.errors import Finding, NotFound
from ca_service.pki import keys
from ca_service.pki.profiles import VOS
from ca_service.vos.bundle import Bundle, Delivery, bundle_of
from ca_service.vos.purposes import TOMCAT_ECDSA

__all__ = ["MAX_REQUESTS", "Issuance", "Issued"]


@dataclass(frozen=True, slots=True)
class Issued:
    """The answer to a submission: one certificate a request, in their order; or none, where it waits for a decision.

    `created` is False when all of it had been issued, or submitted, before. `findings` are what was worth telling
    without being in the way. `waiting` are the applications; a request that has its certificate is not among them.
    """

    certificates: tuple[CertificateRecord, ...]
    created: bool
    findings: tuple[Finding, ...] = ()
    waiting: tuple[RequestRecord, ...] = ()


class Issuance:
    """Checks requests and issues certificates."""

    def __init__(
        self,
        ledger: Ledger,
        hierarchy: Hierarchy,
        signer: Signer,
        *,
        applications: RequestStore,
        revocations: RevocationStore,
        policy: Policy,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._applications = applications
        self._revocations = revocations
        self._hierarchy = hierarchy
        self._signer = signer
        self._policy = policy
        self._clock = clock

    @property
    def default_days(self) -> int:
        """How many days a certificate lasts when none are asked for."""
        return self._policy.default_days

    def check(self, actor: Actor, requests: Sequence[bytes], options: Options) -> tuple[Examination, ...]:
        """What would happen to each request, without issuing or storing anything."""
        require(actor, Action.CHECK)
        check_count(requests)
        examinations = [within_grant(examine(data, options, self._policy), actor.grant) for data in requests]
        active = self._hierarchy.find_active()
        stored = without_repetition([self._against_stored(each, active, options) for each in examinations])
        return tuple(self._with_approval(actor, each) for each in stored)

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

    def _with_approval(self, actor: Actor, examination: Examination) -> Examination:
        if examination.is_refused or examination.existing:
            return examination
        approval = find_approval(self._policy.rules, actor, asked_of(examination))
        findings = examination.findings if approval else (*examination.findings, needed())
        return replace(examination, findings=findings, approval=approval)

    def issue(self, actor: Actor, requests: Sequence[bytes], options: Options, idempotency_key: str = "") -> Issued:
        """Issue one certificate a request, all or none, or let all of them wait for a decision.

        Raises Refused with every finding, NotReady without an authority, Conflict when the
        Idempotency-Key was used for something else.
        """
        require(actor, Action.ISSUE)
        replay = replay_of(actor, requests, options, idempotency_key, self._clock())
        if replay is not None:
            before = self._ledger.find_replay(replay.account, replay.key)
            if before is not None:
                return self._answer_again(actor, before, replay)
        examinations = self.check(actor, requests, options)
        require_all(examinations)
        needs_decision = any(each.needs_decision for each in examinations)
        issued = (self._submit if needs_decision else self._issue)(actor, examinations, options, replay)
        findings = (
            found.under(f"/csr/{number}") for number, each in enumerate(examinations) for found in each.findings
        )
        return replace(issued, findings=(*findings, *issued.findings))

    def _submit(
        self, actor: Actor, examinations: Sequence[Examination], options: Options, replay: Replay | None
    ) -> Issued:
        """Let every request wait that has no certificate yet; raises NotReady where nobody could ever sign it."""
        self._hierarchy.active()
        now = self._clock()
        numbered = {
            number: waiting(actor, each, options, now)
            for number, each in enumerate(examinations)
            if each.existing is None
        }
        events = [submitted_event(application, actor) for application in numbered.values()]
        stored = self._applications.submit(tuple(numbered.values()), events, replay)
        before = [
            again(number, theirs)
            for (number, ours), theirs in zip(numbered.items(), stored, strict=True)
            if replace(theirs, id=0) != ours
        ]
        return Issued((), created=len(before) < len(stored), findings=tuple(before), waiting=stored)

    def _issue(
        self, actor: Actor, examinations: Sequence[Examination], options: Options, replay: Replay | None
    ) -> Issued:
        authority = self._hierarchy.active()
        made = {
            number: self._signer.make(actor.name, each, authority)
            for number, each in enumerate(examinations)
            if each.existing is None
        }
        applications = [approved(actor, examinations[number], options, record) for number, record in made.items()]
        events = [
            issued_event(record, actor, rule=application.rule, why=application.why)
            for record, application in zip(made.values(), applications, strict=True)
        ]
        stored: tuple[CertificateRecord, ...] = ()
        if events or replay is not None:
            answer = replay and _answered(replay, examinations, made)
            stored = self._ledger.record(
                tuple(made.values()), events, always_new=options.new, replay=answer, applications=applications
            )
        certificates = _in_order(examinations, dict(zip(made, stored, strict=True)))
        ours = {record.serial_number for record in made.values()}
        return Issued(certificates, created=any(record.serial_number in ours for record in certificates))

    def _answer_again(self, actor: Actor, before: Replay, asked: Replay) -> Issued:
        require_same(before, asked)
        found = (self._applications.find_application(each) for each in before.application_ids)
        certificates, waits = tuple(map(self._get, before.serial_numbers)), tuple(each for each in found if each)
        held = [(each.profile, each.names) for each in certificates]
        held += [(each.options.profile, each.names) for each in waits]
        require_granted(held, actor.grant)  # another token of the account may have asked before
        return Issued(certificates, before.created, waiting=waits)

    def _existing(self, examination: Examination, authority: ActiveAuthority) -> CertificateRecord | None:
        request = request_of(examination)
        return self._ledger.find_reissuable(
            request.fingerprint, examination.profile.name, authority.record.id, self._clock()
        )

    def was_answered(self, actor: Actor, idempotency_key: str) -> bool:
        """Whether the actor has submitted something under this Idempotency-Key before."""
        return bool(idempotency_key) and self._ledger.find_replay(actor.name, idempotency_key) is not None

    def get_certificate(self, actor: Actor, serial_number: str) -> CertificateRecord:
        """The certificate of this serial number; raises NotFound, also for one that the actor's token may not see."""
        require(actor, Action.READ)
        return self.get_seen(actor, serial_number)

    def get_seen(self, actor: Actor, serial_number: str) -> CertificateRecord:
        """The same, for a use case that has asked for another action before."""
        return self._get(serial_number, actor.grant)

    def _get(self, serial_number: str, grant: Grant | None = None) -> CertificateRecord:
        text = serial_number.lower().replace(":", "")
        record = self._ledger.find_certificate(text.zfill(40)) if len(text) <= 40 else None
        if record is None or (grant and not grant.sees(record.profile, record.names, record.host)):
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


def _in_order(
    examinations: Sequence[Examination], made: Mapping[int, CertificateRecord]
) -> tuple[CertificateRecord, ...]:
    """The certificate of each request: the one that it had, or the one that was made for it."""
    return tuple(each.existing or made[number] for number, each in enumerate(examinations))


def _answered(replay: Replay, examinations: Sequence[Examination], made: Mapping[int, CertificateRecord]) -> Replay:
    serials = tuple(record.serial_number for record in _in_order(examinations, made))
    return replace(replay, serial_numbers=serials)
