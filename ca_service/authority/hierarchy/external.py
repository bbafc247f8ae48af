"""Authorities from elsewhere: an imported pair, or an intermediate under an external root.

The states of an intermediate under an external root, the first one or the next:

    nothing -> key stored -> recorded without certificate (pending) -> certificate installed (issuing)

`request_intermediate` moves the first two and can be repeated at any time for the same CSR;
`install_intermediate` moves the last, in one transaction with the authorities above it. Until then the intermediate
before it issues; from then on it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.hierarchy.certifying import created_event
from ca_service.authority.hierarchy.creation import AUTHORITY_EXISTS
from ca_service.authority.hierarchy.hierarchy import certificate_of, path_to_root
from ca_service.authority.hierarchy.plan import checked_name, fresh_name, subject_of
from ca_service.authority.hierarchy.rollover import IsRevoked, next_intermediate, require_free_name, require_good
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerStore, find_waiting
from ca_service.authority.key_custody import KeyStore, check_curve, keep_imported, own_key
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict, NotFound, Refused, Rule
from ca_service.pki import chain, encodings, keys, names
from ca_service.pki.contents import to_key_usage
from ca_service.pki.parse_errors import PARSE_ERRORS
from ca_service.pki.profiles import INTERMEDIATE
from ca_service.pki.second_opinion import openssl_refusal

AUTHORITY_KEY_MISMATCH: Final = Rule(
    "authority.key-mismatch",
    "None of the certificates belongs to the private key of the {role}.",
    "Give the certificate that was issued for this key, and those of the authorities above it.",
)
AUTHORITY_KEY_KNOWN: Final = Rule(
    "authority.key-known",
    "The private key of {subject} is public: it is tiny, or a standard prints it as an example.",
    "Do not use this authority. Create one with a new key.",
)
AUTHORITY_OPENSSL: Final = Rule(
    "authority.openssl",
    "OpenSSL refuses these authorities ({reason}), and so would most clients. An extension may be damaged.",
    "Have it issued again; `openssl verify -partial_chain -trusted ROOT INTERMEDIATE` says the same.",
)
CHAIN_NO_INTERMEDIATE: Final = Rule(
    "chain.no-intermediate",
    "The certificate is a root, but leaves are issued by an intermediate below a root.",
    "Give an intermediate and the root above it.",
)
AUTHORITY_NOT_PENDING: Final = Rule(
    "authority.not-pending",
    "No intermediate is waiting for a certificate.",
    "Start with `ca-service ca request`.",
)

AUTHORITY_REQUESTED: Final = Rule(
    "authority.requested",
    "{id} waits for its certificate already, with the name {name} and a key on {curve}.",
    "Request its CSR without name and curve: they cannot be changed any more.",
)
AUTHORITY_OTHER_ROOT: Final = Rule(
    "authority.other-root",
    "The next intermediate is below {found}, but this installation has the root {expected}.",
    "Have it signed below that root, and give its certificate: `ca-service ca show` shows the SHA-256 fingerprint. For "
    "another root, set up another installation, in another instance folder.",
)

_FIRST_ID = "intermediate-g1"


class ExternalAuthorities:
    """Imports authorities that were created elsewhere."""

    def __init__(self, issuers: IssuerStore, keystore: KeyStore, clock: Clock, *, is_revoked: IsRevoked) -> None:
        self._issuers = issuers
        self._keystore = keystore
        self._clock = clock
        self._is_revoked = is_revoked

    def import_authority(
        self,
        actor: Actor,
        certificates: Sequence[x509.Certificate],
        intermediate_key: ec.EllipticCurvePrivateKey,
        root_key: ec.EllipticCurvePrivateKey | None = None,
    ) -> tuple[IssuerRecord, ...]:
        """Import an existing root and intermediate; return them, root first.

        Of several possible paths, the first valid one is imported. Limits of names and purposes are no errors:
        `ActiveAuthority.warnings` has them. Raises Refused if no path is suitable for VOS leaves or a key does not
        belong to it, Conflict if there is an authority here already.
        """
        require(actor, Action.AUTHORITY)
        path = self._checked_path(certificates, intermediate_key.public_key())
        if root_key is not None and root_key.public_key() != path[-1].public_key():
            raise _wrong_key("root")
        with self._issuers.exclusively():
            self._refuse_a_second()
            key_id = keep_imported(self._keystore, "intermediate", intermediate_key)
            root_key_id = keep_imported(self._keystore, "root", root_key) if root_key is not None else None
            records = self._records(path, key_id, root_key_id)
            self._issuers.save_issuers(records, created_event(Event.AUTHORITY_IMPORTED, actor, records[-1]))
        return records

    def request_intermediate(self, actor: Actor, name: str, curve: str, *, is_next: bool = False) -> bytes:
        """Return the CSR (PEM) for an intermediate that an external EC root certifies: the first one, or the next.

        The first call creates the key; later calls return a CSR for the same key and name, and need neither name nor
        curve. Raises Conflict if an authority exists and the next one is not asked for, or if one waits with another
        name or curve, NotReady if the next one is asked for and there is none.
        """
        require(actor, Action.AUTHORITY)
        if name:
            checked_name(name)
        with self._issuers.exclusively():
            pending = find_waiting(self._issuers.list_issuers())
            if pending is None:
                check_curve(curve)
                pending = self._begin(actor, self._next(name) if is_next else self._first(name), curve)
        key = self._keystore.signer(pending.key_id or "")
        found = keys.curve_name(key)
        if name not in ("", pending.name) or curve not in ("", found):
            raise Conflict.because(AUTHORITY_REQUESTED, id=pending.id, name=pending.name, curve=found)
        builder = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(subject_of(pending.name, "intermediate", pending.generation))
            .add_extension(x509.BasicConstraints(ca=True, path_length=INTERMEDIATE.path_length), critical=True)
            .add_extension(to_key_usage(INTERMEDIATE.default_key_usage), critical=True)
        )
        return builder.sign(key, keys.signature_hash(key.public_key())).public_bytes(Encoding.PEM)

    def install_intermediate(self, actor: Actor, certificates: Sequence[x509.Certificate]) -> tuple[IssuerRecord, ...]:
        """Install the certificate of the requested intermediate, with all authorities above it.

        Raises NotFound if none was requested, Conflict if an authority exists, Refused if the chain is not suitable or
        revoked, or if the next one is below another root.
        """
        require(actor, Action.AUTHORITY)
        with self._issuers.exclusively():
            pending = find_waiting(self._issuers.list_issuers())
            if pending is None:
                self._refuse_a_second()
                raise NotFound.because(AUTHORITY_NOT_PENDING)
            key = self._keystore.signer(pending.key_id or "")
            path = self._checked_path(certificates, key.public_key())
            known = [record for record in self._issuers.list_issuers() if record.certificate_der]
            installed = self._following(pending, path, known) if known else self._records(path, pending.key_id, None)
            require_good(path_to_root(installed[-1], [*known, *installed]), self._is_revoked)
            before = [replace(record, is_issuing=False) for record in known if record.is_issuing]
            follows = {"follows": before[0].id} if before else {}
            event = created_event(Event.AUTHORITY_INSTALLED, actor, installed[-1], **follows)
            self._issuers.save_issuers([*before, *installed], event)
        return installed

    def _first(self, name: str) -> IssuerRecord:
        self._refuse_a_second()
        name = name or fresh_name()
        return IssuerRecord(_FIRST_ID, "intermediate", 1, name, created_at=self._clock(), key_id=_FIRST_ID)

    def _next(self, name: str) -> IssuerRecord:
        return next_intermediate(self._issuers.list_issuers(), name, self._clock())

    def _begin(self, actor: Actor, record: IssuerRecord, curve: str) -> IssuerRecord:
        own_key(self._keystore, record.key_id or "", curve)
        event = AuditEvent.by(actor, self._clock(), Event.AUTHORITY_REQUESTED, record.id, name=record.name)
        self._issuers.save_issuers([record], event)
        return record

    def _refuse_a_second(self) -> None:
        if records := self._issuers.list_issuers():
            raise Conflict.because(AUTHORITY_EXISTS, name=records[0].name)

    def _checked_path(
        self, certificates: Sequence[x509.Certificate], key: ec.EllipticCurvePublicKey
    ) -> tuple[x509.Certificate, ...]:
        """Return the verified chain of the certificate with this key, root last."""
        issuing_one = next((found for found in certificates if _key_of(found) == key), None)
        if issuing_one is None:
            raise _wrong_key("intermediate")
        if chain.is_self_signed(issuing_one):
            raise Refused.because(CHAIN_NO_INTERMEDIATE)
        found = chain.find_authorities(issuing_one, certificates, self._clock())
        for each in found:
            _require_secret_key(each)
        if reason := openssl_refusal(found):
            raise Refused.because(AUTHORITY_OPENSSL, reason=reason)
        return found

    def _records(
        self, path: Sequence[x509.Certificate], key_id: str | None, root_key_id: str | None
    ) -> tuple[IssuerRecord, ...]:
        """Return the authorities as records, root first."""
        ids = [_FIRST_ID, *(f"upper-{number}-g1" for number in range(1, len(path) - 1)), "root-g1"]
        records = [
            IssuerRecord(
                id=issuer_id,
                role="root" if issuer_id == "root-g1" else "intermediate",
                generation=1,
                name=names.common_name(certificate.subject) or issuer_id,
                created_at=self._clock(),
                certificate_der=encodings.der(certificate),
                parent_id=parent_id,
            )
            for issuer_id, certificate, parent_id in zip(ids, path, [*ids[1:], None], strict=True)
        ]
        records[0] = replace(records[0], key_id=key_id, is_issuing=True)
        records[-1] = replace(records[-1], key_id=root_key_id)
        return tuple(reversed(records))

    def _following(
        self, pending: IssuerRecord, path: Sequence[x509.Certificate], known: Sequence[IssuerRecord]
    ) -> tuple[IssuerRecord, ...]:
        """Return the next intermediate as a record, below those above it that are new; the root is there already."""
        new = _without_known(path, known)
        records = [
            IssuerRecord(
                id=f"upper-{number}-g{pending.generation}" if number else pending.id,
                role="intermediate",
                generation=pending.generation,
                name=names.common_name(certificate.subject) or pending.name,
                created_at=self._clock(),
                certificate_der=encodings.der(certificate),
            )
            for number, certificate in enumerate(new)
        ]
        records[0] = replace(records[0], key_id=pending.key_id, is_issuing=True)
        ids = {record.certificate_der: record.id for record in (*known, *records)}
        above = [ids[encodings.der(path[path.index(certificate) + 1])] for certificate in new]
        return tuple(replace(record, parent_id=each) for record, each in zip(records, above, strict=True))[::-1]


def _without_known(path: Sequence[x509.Certificate], known: Sequence[IssuerRecord]) -> Sequence[x509.Certificate]:
    """Return what is new of the path of the next intermediate. Raises Refused for another root, or a name twice."""
    root = next(record for record in known if record.role == "root")
    if encodings.der(path[-1]) != root.certificate_der:
        raise Refused.because(AUTHORITY_OTHER_ROOT, found=_shown(path[-1]), expected=_shown(certificate_of(root)))
    certified = {record.certificate_der for record in known}
    new = [certificate for certificate in path if encodings.der(certificate) not in certified]
    for certificate in new:
        require_free_name(certificate.subject, known)
    return new


def _shown(root: x509.Certificate) -> str:
    """Return the name of a root and the beginning of its fingerprint: another one may have the same name."""
    return f"{names.label(root.subject)} ({encodings.fingerprint(root)[:16]}\u2026)"


def _key_of(certificate: x509.Certificate) -> object:
    """Return the public key, or None if it cannot be read."""
    try:
        return certificate.public_key()
    except PARSE_ERRORS:
        return None


def _require_secret_key(certificate: x509.Certificate) -> None:
    """Raise Refused if the private key of this authority is public."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and keys.has_known_private_key(key):
        raise Refused.because(AUTHORITY_KEY_KNOWN, subject=names.label(certificate.subject))


def _wrong_key(role: str) -> Refused:
    return Refused.because(AUTHORITY_KEY_MISMATCH, role=role)
