"""The creation of root and intermediate, step by step.

The states of a new authority, each reached by one atomic write, and each a place to continue from:

    nothing -> root key stored -> root recorded -> intermediate key stored -> intermediate recorded

Only `initialise` moves them, one process at a time. After a crash between any two of them the next
`initialise` continues from there; it never creates or replaces anything that already exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.clock_check import ClockCheck
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.hierarchy.plan import HierarchyPlan, checked_name, fresh_name, subject_of
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerRole, IssuerStore
from ca_service.authority.key_custody import KeyStore, check_curve, own_key, signer_of
from ca_service.authority.ports import Clock, SerialNumbers
from ca_service.errors import Conflict, InvalidInput, Rule
from ca_service.pki import encodings, issuing, keys, names
from ca_service.pki.contents import Contents, Issuer, Validity
from ca_service.pki.profiles import INTERMEDIATE, ROOT, Profile

AUTHORITY_PENDING: Final = Rule(
    "authority.pending",
    "The intermediate {name} is waiting for its certificate from an external root.",
    "Finish it with `ca-service ca install`, or show its CSR with `ca-service ca request`.",
)
AUTHORITY_EXISTS: Final = Rule(
    "authority.exists",
    "An authority already exists here: {name}.",
    "An authority is never overwritten. Use another instance folder (CA_SERVICE_INSTANCE_PATH) for another authority.",
)
AUTHORITY_DAYS: Final = Rule(
    "authority.days",
    "You asked for a lifetime of {days} days for the {role}; 1 to {limit} days are allowed.",
    "Ask for {limit} days or fewer.",
)

_BACKDATE: Final = timedelta(minutes=5)


class AuthorityCreation:
    """Creates authorities whose keys are made here."""

    def __init__(
        self,
        *,
        issuers: IssuerStore,
        keystore: KeyStore,
        clock: Clock,
        clock_check: ClockCheck,
        serial_numbers: SerialNumbers,
        certificate_base_url: str = "",
    ) -> None:
        self._issuers = issuers
        self._keystore = keystore
        self._clock = clock
        self._clock_check = clock_check
        self._serial_numbers = serial_numbers
        self._certificate_base_url = certificate_base_url

    def initialise(self, actor: Actor, plan: HierarchyPlan) -> tuple[IssuerRecord, ...]:
        """Create root and intermediate as far as they are missing; return what was created.

        Raises InvalidInput for an invalid plan, Conflict if the creation of another authority has already
        started here, NotReady if the clock is behind the audit log.
        """
        require(actor, Action.AUTHORITY)
        _check(plan)
        with self._issuers.exclusively():
            records = self._issuers.list_issuers()
            if _is_complete(records, plan):
                return ()
            self._clock_check.require_right(self._clock())
            created = []
            root = next((record for record in records if record.role == "root"), None)
            if root is None:
                root = self._create(actor, ROOT, plan.name or fresh_name(), plan.root_curve, plan.root_days, None)
                created.append(root)
            created.append(
                self._create(actor, INTERMEDIATE, root.name, plan.intermediate_curve, plan.intermediate_days, root)
            )
            return tuple(created)

    def _create(
        self, actor: Actor, profile: Profile, name: str, curve: str, days: int, parent: IssuerRecord | None
    ) -> IssuerRecord:
        role: IssuerRole = "root" if parent is None else "intermediate"
        issuer_id = f"{role}-g1"
        key = own_key(self._keystore, issuer_id, curve)
        contents = self._contents(profile, subject_of(name, role, 1), key.public_key(), days, parent)
        record = IssuerRecord(
            id=issuer_id,
            role=role,
            generation=1,
            name=name,
            created_at=self._clock(),
            key_id=issuer_id,
            parent_id=parent.id if parent else None,
            is_issuing=parent is not None,
        )
        certificate = self._certify(contents, parent, key)
        record = replace(record, certificate_der=encodings.der(certificate))
        self._issuers.save_issuers([record], created_event(Event.AUTHORITY_CREATED, actor, record, certificate))
        return record

    def _contents(
        self,
        profile: Profile,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        days: int,
        parent: IssuerRecord | None,
    ) -> Contents:
        start = self._clock() - _BACKDATE
        validity = Validity.of_days(start, days)
        if parent is not None:
            above = Issuer.of(certificate_of(parent)).validity
            validity = Validity(max(start, above.not_before), min(validity.not_after, above.not_after))
        return Contents(
            profile=profile,
            subject=subject,
            subject_der=subject.public_bytes(),
            public_key=key,
            subject_public_key_info=keys.public_key_der(key),
            serial_number=self._serial_numbers(),
            validity=validity,
            key_usage=profile.default_key_usage,
            extended_key_usage=(),
        )

    def _certify(
        self, contents: Contents, parent: IssuerRecord | None, own_key: ec.EllipticCurvePrivateKey
    ) -> x509.Certificate:
        if parent is None:
            return issuing.sign(issuing.prepare(contents, Issuer.itself(contents)), own_key)
        issuer = Issuer.of(certificate_of(parent))
        key = signer_of(self._keystore, parent.key_id, issuer.public_key)
        if self._certificate_base_url:
            issuer = replace(issuer, crl_url=f"{self._certificate_base_url}/ca/{parent.id}.crl")
        return issuing.sign(issuing.prepare(contents, issuer), key)


def created_event(event: Event, actor: Actor, record: IssuerRecord, certificate: x509.Certificate) -> AuditEvent:
    """Return the audit event for a new authority."""
    subject, fingerprint = names.name_text(certificate.subject), encodings.fingerprint(certificate)
    return AuditEvent.by(actor, record.created_at, event, record.id, subject_name=subject, fingerprint=fingerprint)


def _is_complete(records: Sequence[IssuerRecord], plan: HierarchyPlan) -> bool:
    """Return whether there is an authority already. Raises Conflict if it is not the one of the plan."""
    pending = next((record for record in records if record.certificate_der is None), None)
    if pending is not None:
        raise Conflict.because(AUTHORITY_PENDING, name=pending.id)
    if plan.name and any(record.name != plan.name and _was_made_here(record) for record in records):
        raise Conflict.because(AUTHORITY_EXISTS, name=records[0].name)
    return any(record.is_issuing for record in records)


def _was_made_here(record: IssuerRecord) -> bool:
    """Return whether the authority was created here: imported ones never have the name of a plan."""
    return certificate_of(record).subject == subject_of(record.name, record.role, record.generation)


def _check(plan: HierarchyPlan) -> None:
    for curve in (plan.root_curve, plan.intermediate_curve):
        check_curve(curve)
    if plan.name:
        checked_name(plan.name)
    for field, days, profile in (
        ("root_days", plan.root_days, ROOT),
        ("intermediate_days", plan.intermediate_days, INTERMEDIATE),
    ):
        if not 1 <= days <= profile.max_days:
            raise InvalidInput(AUTHORITY_DAYS.at(f"/{field}", days=days, role=profile.name, limit=profile.max_days))
