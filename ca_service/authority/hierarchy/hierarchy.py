"""Root and intermediate: their creation, step by step, and the authority that issues now.

The states of a new authority, each reached by one atomic write, and each a place to continue from:

    nothing -> root key stored -> root recorded -> intermediate key stored -> intermediate recorded

Only `initialise` moves them, one process at a time. After a crash between any two of them the next
`initialise` continues from there; it never creates or replaces anything that already exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.clock_check import ClockCheck
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.hierarchy.plan import HierarchyPlan, checked_name, fresh_name, responder_subject, subject_of
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerRole, IssuerStore
from ca_service.authority.key_custody import KeyStore, check_curve, own_key, signer_of
from ca_service.authority.ports import Clock, SerialNumbers
from ca_service.errors import Conflict, Finding, InvalidInput, NotReady, Rule
from ca_service.pki import encodings, issuing, keys, names
from ca_service.pki.chain import Chain
from ca_service.pki.contents import Contents, Issuer, Validity, serial_text
from ca_service.pki.path_validation import AuthorityPath
from ca_service.pki.profiles import INTERMEDIATE, ROOT, Profile

AUTHORITY_EXPIRED: Final = Rule(
    "authority.expired",
    "The authority is valid from {start} to {end}, but not now.",
    "Check the clock of this machine. An expired authority needs a successor.",
)

AUTHORITY_MISSING: Final = Rule(
    "authority.missing",
    "There is no authority yet that can sign.",
    "Run `ca-service init`, or complete a set-up that was started: `ca-service ca show` displays its state.",
)
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


@dataclass(frozen=True, slots=True)
class ActiveAuthority:
    """The authority that issues now. `chain` has the issuing certificate first and the root last.

    `path` is the chain, validated once. `validity` is the period in which the whole chain is valid; `subjects` are
    those of all authorities here and of their OCSP signers, `common_names` the common names in them, both folded.
    `key_fingerprints` are those of the chain. `links` are the certificates that can be revoked: for the id of each
    authority below another, the id of its issuer and its serial number.
    """

    record: IssuerRecord
    chain: Chain
    path: AuthorityPath
    issuer: Issuer
    validity: Validity
    subjects: frozenset[tuple[tuple[str, str], ...]]
    common_names: frozenset[str]
    key_fingerprints: frozenset[str]
    links: Mapping[str, tuple[str, str]]

    @property
    def root(self) -> x509.Certificate:
        """The trust anchor."""
        return self.chain[-1]

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The warnings about the chain: demands of strict clients, and the names and purposes that may be signed."""
        return (*(found for found in self.path.findings if not found.is_error), *self.path.limits)


class Hierarchy:
    """The authorities of this installation."""

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
        self._seen: tuple[tuple[IssuerRecord, ...], ActiveAuthority | None] = ((), None)

    def active(self) -> ActiveAuthority:
        """Return the authority that issues now. Raises NotReady if there is none yet."""
        return required(self.find_active())

    def find_active(self) -> ActiveAuthority | None:
        """Return the authority that issues now, or None.

        The records are read at each call, so that a change by another process counts immediately. They
        are parsed only after a change.
        """
        records = self._issuers.list_issuers()
        seen, active = self._seen
        if records != seen:
            active = _active(records, self._certificate_base_url)
            self._seen = (records, active)
        return active

    def chain_of(self, issuer_id: str) -> Chain:
        """Return the certificates from this issuer up to its root."""
        _, active = self._seen
        if active is not None and active.record.id == issuer_id:
            return active.chain  # the certificate of an authority never changes once it has one
        return tuple(map(certificate_of, self.path_of(issuer_id)))

    def links_of(self, issuer_id: str) -> Mapping[str, tuple[str, str]]:
        """Return the links, as in `ActiveAuthority`, from this issuer up to its root."""
        _, active = self._seen
        if active is not None and active.record.id == issuer_id:
            return active.links
        return _links(self.path_of(issuer_id))

    def path_of(self, issuer_id: str) -> tuple[IssuerRecord, ...]:
        """Return the authorities from this one up to its root."""
        records = {record.id: record for record in self._issuers.list_issuers()}
        return _path(records[issuer_id], records)

    def signing_key(self, authority: ActiveAuthority) -> ec.EllipticCurvePrivateKey:
        """Return the private key of the authority. Raises KeystoreError, or NotReady if its certificate has another."""
        return signer_of(self._keystore, authority.record.key_id, authority.issuer.public_key)

    def open_signer(self, authority: ActiveAuthority, at: datetime) -> ec.EllipticCurvePrivateKey:
        """Return the same, to sign certificates `at` this moment, which is now by our clock.

        Raises NotReady as well if that is behind the audit log.
        """
        self._clock_check.require_right(at)
        return self.signing_key(authority)

    def list_issuers(self) -> tuple[IssuerRecord, ...]:
        """Return all authorities, oldest first."""
        return self._issuers.list_issuers()

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


def required(active: ActiveAuthority | None) -> ActiveAuthority:
    """Return the authority. Raises NotReady if there is none yet."""
    if active is None:
        raise NotReady.because(AUTHORITY_MISSING)
    return active


def certificate_of(record: IssuerRecord) -> x509.Certificate:
    """Return the certificate of an authority that has one."""
    return x509.load_der_x509_certificate(record.certificate_der or b"")


def issues_leaves(record: IssuerRecord, records: Sequence[IssuerRecord]) -> bool:
    """Return whether this authority issues leaves, not authorities; `records` are all authorities."""
    return record.role == "intermediate" and not any(each.parent_id == record.id for each in records)


def created_event(event: Event, actor: Actor, record: IssuerRecord, certificate: x509.Certificate) -> AuditEvent:
    """Return the audit event for a new authority."""
    subject, fingerprint = names.name_text(certificate.subject), encodings.fingerprint(certificate)
    return AuditEvent.by(actor, record.created_at, event, record.id, subject_name=subject, fingerprint=fingerprint)


def _active(records: Sequence[IssuerRecord], certificate_base_url: str) -> ActiveAuthority | None:
    record = next((found for found in reversed(records) if found.is_issuing), None)
    if record is None:
        return None
    path = _path(record, {found.id: found for found in records})
    chain = tuple(map(certificate_of, path))
    issuers = [Issuer.of(certificate) for certificate in chain]
    subjects = [subject for each in records if each.certificate_der for subject in _subjects(each)]
    return ActiveAuthority(
        record=record,
        chain=chain,
        path=AuthorityPath.of(chain),
        issuer=_locatable(issuers[0], record.id, certificate_base_url),
        validity=Validity(
            max(issuer.validity.not_before for issuer in issuers), min(issuer.validity.not_after for issuer in issuers)
        ),
        subjects=frozenset(map(names.folded, subjects)),
        common_names=frozenset(name for subject in subjects for name in names.folded_common_names(subject)),
        key_fingerprints=frozenset(keys.key_fingerprint(keys.public_key_der(issuer.public_key)) for issuer in issuers),
        links=_links(path),
    )


def _subjects(record: IssuerRecord) -> tuple[x509.Name, x509.Name]:
    """Return the subject of an authority and that of its OCSP signer."""
    subject = certificate_of(record).subject
    return subject, responder_subject(record.name, subject)


def _links(path: Sequence[IssuerRecord]) -> dict[str, tuple[str, str]]:
    return {
        each.id: (each.parent_id, serial_text(certificate_of(each).serial_number))
        for each in path
        if each.parent_id is not None
    }


def _locatable(issuer: Issuer, issuer_id: str, base_url: str) -> Issuer:
    """Return the issuer with the addresses for its leaves, if the address of this service is known."""
    if not base_url:
        return issuer
    at = f"{base_url}/ca/{issuer_id}"
    return replace(issuer, certificate_url=f"{at}.der", ocsp_url=f"{base_url}/ocsp", crl_url=f"{at}.crl")


def _path(record: IssuerRecord, records: dict[str, IssuerRecord]) -> tuple[IssuerRecord, ...]:
    """Return the authorities from this one up to its root."""
    return (record, *(_path(records[record.parent_id], records) if record.parent_id else ()))


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
