"""The procedure by which CSRs become certificates: `Issuance._run`, in seven steps; docs/issuance.md shows the same.

`issue` issues a submission as a whole or not at all; `issue_possible` judges each CSR alone, and stores those that wait
for a person before it issues the others. No certificate is stored before the last step, and a certificate is returned
only after the commit that records it. The same CSR under the same profile gets the same certificate again while that is
valid, unless a new one is asked for.

If no rule approves one CSR of a submission, the whole submission waits for a person: half a cluster is of no use, and
one decision is easier to follow.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from cryptography import x509

from ca_service.authority.access.grants import Grant
from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.certificates import CERTIFICATE_UNKNOWN, CertificateRecord
from ca_service.authority.hierarchy.hierarchy import Hierarchy, required
from ca_service.authority.issuance.approval import Approval, find_approval
from ca_service.authority.issuance.conflicts import (
    MAX_REQUESTS,
    Known,
    Surroundings,
    check_count,
    require_granted,
    with_conflicts,
)
from ca_service.authority.issuance.examination import (
    Examination,
    Options,
    Policy,
    examine,
    examine_lifetime,
    findings_of,
    require_all,
)
from ca_service.authority.issuance.host_products import HostProducts
from ca_service.authority.issuance.idempotency import KeyInUse, Replay, replay_of, require_same
from ca_service.authority.issuance.records import (
    RequestRecord,
    State,
    issued_event,
    overridden,
    shown_to,
    submitted_event,
)
from ca_service.authority.issuance.signing import prepare, record_of
from ca_service.authority.issuance.store import Ledger, RequestStore
from ca_service.authority.ports import Clock, SerialNumbers
from ca_service.errors import Finding, NotFound, Rule, Severity
from ca_service.pki import csr, issuing
from ca_service.pki.profiles import get_leaf_profile
from ca_service.vos.bundle import Bundle, Delivery, bundle_of
from ca_service.vos.destinations import NO_HINT, Destination, Hint, checked
from ca_service.vos.purposes import PURPOSES

APPROVAL_NEEDED: Final = Rule(
    "approval.needed",
    "No rule approves this request automatically. An approver must review it.",
    "",
    Severity.NOTE,
)
REQUEST_AGAIN: Final = Rule(
    "request.again",
    "{name} submitted this CSR before. It is {state} as request {id}.",
    "To ask for something else with it, withdraw that request first.",
    Severity.NOTE,
)

__all__ = ["MAX_REQUESTS", "Issuance", "Issued"]


@dataclass(frozen=True, slots=True)
class Issued:
    """The answer to a submission: one certificate per CSR, in their order; or none, if it waits for a decision.

    `created` is False if all of it had been issued, or submitted, before. `findings` are the warnings and notes about
    it. `waiting` are the requests; a CSR that already has its certificate is not among them. `examinations`, of all
    CSRs, are those of a check, and of a submission of which each CSR was judged alone.
    """

    certificates: tuple[CertificateRecord, ...]
    created: bool
    findings: tuple[Finding, ...] = ()
    waiting: tuple[RequestRecord, ...] = ()
    examinations: tuple[Examination, ...] = ()

    def seen_by(self, actor: Actor) -> Issued:
        """Return the answer with the findings that this actor may read."""
        if not self.waiting and not any(each.was_refused for each in self.examinations):
            return self  # nearly always
        waiting = tuple(each.seen_by(actor) for each in self.waiting)
        examinations = _seen(self.examinations, actor)
        return replace(self, findings=shown_to(self.findings, actor), waiting=waiting, examinations=examinations)


@dataclass(frozen=True, slots=True)
class _Order:
    """One run of the procedure: up to and including `last_step`. `hints` are one for each CSR, or none.

    `decided` is the request that a person has approved, if this is one. `is_stored`: the CSRs are those of requests,
    which were verified when they were submitted. `one_by_one`: what is refused, or waits, does not keep the others from
    being issued.
    """

    actor: Actor
    csrs: Sequence[bytes]
    options: Options
    hints: Sequence[Hint] = ()
    replay: Replay | None = None
    decided: RequestRecord | None = None
    is_stored: bool = False
    one_by_one: bool = False
    last_step: int = 7

    @property
    def requester(self) -> str:
        """The name under which the certificate is issued."""
        return self.decided.submitted_by if self.decided else self.actor.name


class Issuance:
    """Checks CSRs and issues certificates."""

    def __init__(
        self,
        ledger: Ledger,
        requests: RequestStore,
        products: HostProducts,
        hierarchy: Hierarchy,
        *,
        policy: Policy,
        clock: Clock,
        serial_numbers: SerialNumbers,
    ) -> None:
        self._ledger = ledger
        self._requests = requests
        self._products = products
        self._hierarchy = hierarchy
        self._policy = policy
        self._clock = clock
        self._serial_numbers = serial_numbers

    @property
    def default_days(self) -> int:
        """The lifetime of a certificate, in days, if none is asked for."""
        return self._policy.default_days

    def check(
        self, actor: Actor, csrs: Sequence[bytes], options: Options, hints: Sequence[Hint] = ()
    ) -> tuple[Examination, ...]:
        """Return what would happen to each CSR: steps 1 to 4. Nothing is issued or stored."""
        require(actor, Action.CHECK)
        return self._run(_Order(actor, csrs, options, hints, last_step=4)).seen_by(actor).examinations

    def check_stored(self, actor: Actor, request: RequestRecord) -> Examination:
        """Return what would happen to the CSR of a request, which was verified when it was submitted."""
        require(actor, Action.CHECK)
        order = _Order(actor, [request.csr_der], request.options, is_stored=True, last_step=4)
        return self._run(order).seen_by(actor).examinations[0]

    def check_options(self, actor: Actor, options: Options) -> tuple[Finding, ...]:
        """Return what is wrong with the options, whatever the CSR: for those who have none yet."""
        require(actor, Action.CHECK)
        return tuple(examine_lifetime(get_leaf_profile(options.profile), options, self._policy))

    def issue(
        self,
        actor: Actor,
        csrs: Sequence[bytes],
        options: Options,
        idempotency_key: str = "",
        hints: Sequence[Hint] = (),
    ) -> Issued:
        """Issue one certificate per CSR, all or none, or let all of them wait for a decision: steps 1 to 7.

        Product and version that are given are remembered for the host.

        Raises Refused with every finding, NotReady without an authority that can sign now, SigningError for a
        certificate that breaks our own rules or that the node would not accept, Conflict if the Idempotency-Key was
        used for something else.
        """
        require(actor, Action.ISSUE)
        replay = replay_of(actor, csrs, options, hints, idempotency_key, self._clock()) if idempotency_key else None
        if before := self._answer_again(actor, replay):
            return before
        try:
            return self._run(_Order(actor, csrs, options, hints, replay)).seen_by(actor)
        except KeyInUse:  # the same submission was sent twice, and the other one was first
            if before := self._answer_again(actor, replay):
                return before
            raise

    def issue_possible(
        self, actor: Actor, csrs: Sequence[bytes], options: Options, hints: Sequence[Hint] = ()
    ) -> Issued:
        """Issue the CSRs that can be signed, in one transaction; refused ones do not stop them.

        CSRs that no rule approves are stored first, as requests that wait. `examinations` has the outcome for each CSR.
        Raises NotReady without an authority, SigningError.
        """
        require(actor, Action.ISSUE)
        return self._run(_Order(actor, csrs, options, hints, one_by_one=True)).seen_by(actor)

    def sign_approved(self, request: RequestRecord) -> tuple[CertificateRecord, bool]:
        """Sign the CSR of a request that a person has approved: steps 1 to 6; the caller commits.

        Everything is checked again, because the policy may have become stricter since the submission. Return the
        certificate, and whether it is new. Raises what `issue` raises, ValueError without an approval.
        """
        if request.state is not State.APPROVED or request.decided_at is None:
            raise ValueError("only an approved request is signed")
        order = _Order(
            request.decider, [request.csr_der], request.options, decided=request, is_stored=True, last_step=6
        )
        signed = self._run(order)
        return signed.certificates[0], signed.created

    def authorities_above(self, issuer_id: str) -> tuple[tuple[str, str], ...]:
        """Return the authorities above the certificates of this issuer that can be revoked, as for `Ledger.look_up`."""
        return tuple(self._hierarchy.links_of(issuer_id).values())

    def _run(self, order: _Order) -> Issued:
        """Take an order through the steps of issuing."""
        check_count(order.csrs)
        checked(order.options.destination)
        now, authority = self._clock(), self._hierarchy.find_active()

        # 1. Parse and verify each CSR, once.
        readings = [(csr.read_stored if order.is_stored else csr.read)(data) for data in order.csrs]

        # 2. Examine it against profile and policy.
        profile = get_leaf_profile(order.options.profile)
        hints = order.hints or [NO_HINT] * len(readings)
        examined = [
            examine(each, profile, order.options, self._policy, hint)
            for each, hint in zip(readings, hints, strict=True)
        ]

        # 3. Look for conflicts: with the authority, earlier certificates, lost keys, the token's grant, one another.
        asked = [each.request for each in examined if each.request]
        links = tuple(authority.links.values()) if authority else ()
        known = self._ledger.look_up({each.key_fingerprint for each in asked}, links)
        around = Surroundings(authority, known, order.actor.grant, order.options.new, now)
        examined = with_conflicts(examined, around)

        # 4. Approve: by a rule, or let it wait for a person.
        examined = [self._approved(order, each) for each in examined]
        if order.last_step == 4:
            return Issued((), created=False, examinations=tuple(examined))
        judged, waiting = examined, tuple[RequestRecord, ...]()
        if order.one_by_one:
            undecided = [each for each in judged if each.needs_decision]
            waiting = self._wait(order, undecided, now).waiting if undecided else ()
            examined = [each for each in judged if not (each.is_refused or each.needs_decision)]
        require_all(_seen(examined, order.actor))
        authority = required(authority)
        if given := {each.host: each.destination for each in examined if each.destination.product}:
            self._products.remember(given, order.requester, now)
        unsigned = [each for each in examined if each.existing is None]
        if any(each.needs_decision for each in unsigned):
            return self._wait(order, examined, now)
        signer = self._hierarchy.open_signer(authority, now) if unsigned else None  # first: it may have to refuse

        # 5. Prepare: build, sign with a throwaway key, lint, judge whether the node accepts it; get the right to sign.
        prepared = [
            prepare(each, authority, self._policy, serial_number=self._serial_numbers(), at=now) for each in unsigned
        ]

        # 6. Sign: with that right, once; what was signed is compared with what was judged, byte for byte.
        signed = [issuing.sign(right, signer) for right in prepared if signer is not None]
        made = [
            record_of(each, leaf, issuer_id=authority.record.id, issued_by=order.requester, issued_at=now)
            for each, leaf in zip(unsigned, signed, strict=True)
        ]
        if order.last_step == 6:
            return Issued(_in_order(examined, made), created=bool(made))

        # 7. Commit: certificates, requests and audit events in one transaction; only then return the certificates.
        issued = self._commit(order, examined, made, known=known, links=links)
        return replace(issued, waiting=waiting, examinations=tuple(judged)) if order.one_by_one else issued

    def _approved(self, order: _Order, examination: Examination) -> Examination:
        """Add the approval, or the note that a person must decide."""
        if examination.is_refused or examination.existing:
            return examination
        if order.decided is not None:
            return replace(examination, approval=Approval("", ()))
        approval = find_approval(self._policy.rules, order.actor, examination.asked)
        findings = examination.findings if approval else (*examination.findings, APPROVAL_NEEDED.at())
        return replace(examination, findings=findings, approval=approval)

    def _wait(self, order: _Order, examined: Sequence[Examination], now: datetime) -> Issued:
        """Store a request for every CSR that has no certificate yet; each waits for a decision."""
        numbered = {number: _request(order, each, now) for number, each in enumerate(examined) if each.existing is None}
        events = [submitted_event(request, order.actor) for request in numbered.values()]
        stored = self._requests.submit(tuple(numbered.values()), events, order.replay)
        before = [
            REQUEST_AGAIN.at(f"/csr/{number}", name=theirs.submitted_by, state=theirs.state.value, id=theirs.id)
            for (number, ours), theirs in zip(numbered.items(), stored, strict=True)
            if replace(theirs, id=0) != ours
        ]
        return Issued((), len(before) < len(stored), (*findings_of(examined), *before), waiting=stored)

    def _commit(
        self,
        order: _Order,
        examined: Sequence[Examination],
        made: Sequence[CertificateRecord],
        *,
        known: Known,
        links: Collection[tuple[str, str]],
    ) -> Issued:
        """Write what was made; where another process was first, its certificate is the answer.

        `known` are the facts on which it was judged, `links` those of the authority that signed, to be checked again.
        """
        unsigned = [each for each in examined if each.existing is None]
        requests = [_issued_request(order, *each) for each in zip(unsigned, made, strict=True)]
        events = [
            issued_event(record, order.actor, rule=request.rule, why=request.why, **overridden(request.findings))
            for record, request in zip(made, requests, strict=True)
        ]
        stored: tuple[CertificateRecord, ...] = ()
        if events or order.replay:
            serial_numbers = tuple(record.serial_number for record in _in_order(examined, made))
            replay = replace(order.replay, serial_numbers=serial_numbers) if order.replay else None
            keys = {record.key_fingerprint for record in made}
            stored = self._ledger.record(
                made,
                events,
                always_new=order.options.new,
                replay=replay,
                requests=requests,
                refusals=sum(each.key_fingerprint in keys for each in known.refusals),
                authorities=links,
            )
        ours = {record.serial_number for record in made}
        certificates = _in_order(examined, stored)
        created = any(record.serial_number in ours for record in certificates)
        return Issued(certificates, created, tuple(findings_of(examined)))

    def _answer_again(self, actor: Actor, asked: Replay | None) -> Issued | None:
        """Answer a repeated submission as the first time, if it is the same one; None if there was no first time."""
        before = self._ledger.find_replay(asked.account, asked.key) if asked else None
        if asked is None or before is None:
            return None
        require_same(before, asked)
        found = (self._requests.find_request(each) for each in before.request_ids)
        certificates, waits = tuple(map(self._get, before.serial_numbers)), tuple(each for each in found if each)
        held = [(each.profile, each.names) for each in certificates]
        held += [(each.options.profile, each.names) for each in waits]
        require_granted(held, actor.grant)  # another token of the account may have asked before
        return Issued(certificates, before.created, waiting=waits).seen_by(actor)

    def was_answered(self, actor: Actor, idempotency_key: str) -> bool:
        """Return whether the actor has submitted something with this Idempotency-Key before."""
        return bool(idempotency_key) and self._ledger.find_replay(actor.name, idempotency_key) is not None

    def get_certificate(self, actor: Actor, serial_number: str) -> CertificateRecord:
        """Return the certificate. Raises NotFound, also for one that the actor's token may not see."""
        require(actor, Action.READ)
        return self.get_seen(actor, serial_number)

    def get_seen(self, actor: Actor, serial_number: str) -> CertificateRecord:
        """Return the same, for a use case that has required another action before."""
        return self._get(serial_number, actor.grant)

    def _get(self, serial_number: str, grant: Grant | None = None) -> CertificateRecord:
        text = serial_number.lower().replace(":", "")
        record = self._ledger.find_certificate(text.zfill(40)) if len(text) <= 40 else None
        if record is None or (grant and not grant.sees(record.profile, record.names, record.host)):
            raise NotFound.because(CERTIFICATE_UNKNOWN, serial=serial_number[:60])
        return record

    def delivery(self, record: CertificateRecord) -> Delivery:
        """Return the certificate with its authorities, ready to be delivered."""
        return Delivery(
            host=record.host,
            leaf=x509.load_der_x509_certificate(record.der),
            authorities=self._hierarchy.chain_of(record.issuer_id),
            purpose=PURPOSES.get(record.purpose),
        )

    def deliveries(self, records: Sequence[CertificateRecord]) -> list[Delivery]:
        """Return these certificates, each with its node where the product of its host is known."""
        return self._products.with_nodes([self.delivery(record) for record in records])

    def bundle(self, records: Sequence[CertificateRecord]) -> Bundle:
        """Return the bundle of these certificates."""
        return bundle_of(self.deliveries(records))


def _seen(examined: Sequence[Examination], actor: Actor) -> tuple[Examination, ...]:
    return tuple(
        replace(each, findings=shown_to(each.findings, actor)) if each.was_refused else each for each in examined
    )


def _in_order(examined: Sequence[Examination], made: Sequence[CertificateRecord]) -> tuple[CertificateRecord, ...]:
    """Return the certificate of each CSR: the one that it already had, or the next one that was made."""
    following = iter(made)
    return tuple(each.existing or next(following) for each in examined)


def _request(order: _Order, examination: Examination, at: datetime) -> RequestRecord:
    """Return the request of an examined CSR; that it waits is no finding of its own there."""
    findings = tuple(found for found in examination.findings if found.declared != APPROVAL_NEEDED)
    options = replace(order.options, destination=Destination(examination.destination.purpose))
    return RequestRecord.submitted(order.actor, replace(examination, findings=findings), options, at)


def _issued_request(order: _Order, examination: Examination, record: CertificateRecord) -> RequestRecord:
    """Return the request that a rule has approved, with its certificate."""
    approval, at = examination.approval, record.issued_at
    if approval is None:
        raise ValueError("no rule has approved this request")
    request = _request(order, examination, at).issued(record.serial_number, at)
    return replace(request, decided_at=at, rule=approval.rule, reasons=approval.reasons)
