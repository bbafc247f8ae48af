"""The authority that issues now, and the chains of all authorities of this installation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.audit.clock_check import ClockCheck
from ca_service.authority.hierarchy.plan import responder_subject
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerStore
from ca_service.authority.key_custody import KeyStore, signer_of
from ca_service.errors import Finding, NotReady, Rule
from ca_service.pki import keys, names
from ca_service.pki.chain import Chain
from ca_service.pki.contents import Issuer, Validity, serial_text
from ca_service.pki.path_validation import AuthorityPath

AUTHORITY_EXPIRED: Final = Rule(
    "authority.expired",
    "The authority is valid from {start} to {end}, but not now.",
    "Check the clock of this machine. If it is right, create the next intermediate: `ca-service ca rollover`; if the "
    "root has expired, set up another installation.",
)
AUTHORITY_MISSING: Final = Rule(
    "authority.missing",
    "There is no authority yet that can sign.",
    "Run `ca-service init`, or complete a set-up that was started: `ca-service ca show` displays its state.",
)


@dataclass(frozen=True, slots=True)
class ActiveAuthority:
    """The authority that issues now. `chain` has the issuing certificate first and the root last.

    `path` is the chain, validated once. `validity` is the period in which the whole chain is valid; `subjects` are
    those of all authorities here and of their OCSP signers, `common_names` the common names in them, both folded.
    `key_fingerprints` are those of all authorities here. `links` are the certificates that can be revoked: for the id
    of each authority of the chain that is below another, the id of its issuer and its serial number.
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
        clock_check: ClockCheck,
        certificate_base_url: str = "",
    ) -> None:
        self._issuers = issuers
        self._keystore = keystore
        self._clock_check = clock_check
        self._certificate_base_url = certificate_base_url
        self._seen: tuple[tuple[IssuerRecord, ...], ActiveAuthority | None] = ((), None)
        self._chains: dict[str, Chain] = {}  # of the authorities that were seen

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
            self._seen, self._chains = (records, active), {active.record.id: active.chain} if active else {}
        return active

    def chain_of(self, issuer_id: str) -> Chain:
        """Return the certificates from this issuer up to its root. Read once: they never change."""
        chains = self._chains
        if issuer_id not in chains:
            chains[issuer_id] = tuple(map(certificate_of, self.path_of(issuer_id)))
        return chains[issuer_id]

    def links_of(self, issuer_id: str) -> Mapping[str, tuple[str, str]]:
        """Return the links, as in `ActiveAuthority`, from this issuer up to its root."""
        _, active = self._seen
        if active is not None and active.record.id == issuer_id:
            return active.links
        return links_of_path(self.path_of(issuer_id))

    def path_of(self, issuer_id: str) -> tuple[IssuerRecord, ...]:
        """Return the authorities from this one up to its root."""
        records = self._issuers.list_issuers()
        return path_to_root({record.id: record for record in records}[issuer_id], records)

    def list_certified(self) -> tuple[IssuerRecord, ...]:
        """Return the authorities that have their certificate, oldest first."""
        return tuple(each for each in self._issuers.list_issuers() if each.certificate_der is not None)

    def list_below(self, issuer_id: str) -> tuple[str, ...]:
        """Return the ids of the issuers of leaves that have this authority in their chain: itself, if it is one."""
        records = self.list_certified()
        leaf_issuers = (each for each in records if issues_leaves(each, records))
        return tuple(
            each.id for each in leaf_issuers if any(above.id == issuer_id for above in path_to_root(each, records))
        )

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


def links_of_path(path: Sequence[IssuerRecord]) -> dict[str, tuple[str, str]]:
    """Return the links, as in `ActiveAuthority`, of these authorities, of which each is above the one before it."""
    return {
        each.id: (each.parent_id, serial_text(certificate_of(each).serial_number))
        for each in path
        if each.parent_id is not None
    }


def require_valid(validity: Validity, at: datetime) -> None:
    """Raise NotReady if an authority with this validity is not valid at this moment."""
    start, end = validity.not_before, validity.not_after
    if not start <= at <= end:
        raise NotReady.because(AUTHORITY_EXPIRED, start=start.date().isoformat(), end=end.date().isoformat())


def path_to_root(record: IssuerRecord, records: Sequence[IssuerRecord]) -> tuple[IssuerRecord, ...]:
    """Return the authorities from this one up to its root; `records` are all authorities."""
    by_id = {each.id: each for each in records}
    return (record, *(path_to_root(by_id[record.parent_id], records) if record.parent_id else ()))


def _active(records: Sequence[IssuerRecord], certificate_base_url: str) -> ActiveAuthority | None:
    record = next((found for found in reversed(records) if found.is_issuing), None)
    if record is None:
        return None
    path = path_to_root(record, records)
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
        key_fingerprints=frozenset(map(_key_fingerprint, (each for each in records if each.certificate_der))),
        links=links_of_path(path),
    )


def _key_fingerprint(record: IssuerRecord) -> str:
    return keys.key_fingerprint(keys.public_key_der(Issuer.of(certificate_of(record)).public_key))


def _subjects(record: IssuerRecord) -> tuple[x509.Name, x509.Name]:
    """Return the subject of an authority and that of its OCSP signer."""
    subject = certificate_of(record).subject
    return subject, responder_subject(record.name, subject)


def _locatable(issuer: Issuer, issuer_id: str, base_url: str) -> Issuer:
    """Return the issuer with the addresses for its leaves, if the address of this service is known."""
    if not base_url:
        return issuer
    at = f"{base_url}/ca/{issuer_id}"
    return replace(issuer, certificate_url=f"{at}.der", ocsp_url=f"{base_url}/ocsp", crl_url=f"{at}.crl")
