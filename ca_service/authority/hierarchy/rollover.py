"""The next intermediate: a new key and the next generation in its name, below the same authority as the one before.

So clients, which trust the root, notice nothing, and nodes get the new intermediate with their next certificate. The
states:

    g1 issues -> key of g2 stored -> g2 recorded and issues, g1 issues no more

Only `perform` moves them, one process at a time; the last two are one transaction. After a crash before it g1 goes on
to issue, and the next `perform` uses the stored key. The key of g1 stays here: it signs the CRL, and the OCSP signers,
for what it has issued. `external.py` does the same for an intermediate that others certify.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.clock_check import ClockCheck
from ca_service.authority.audit.events import Event
from ca_service.authority.hierarchy.certifying import Certifier, created_event
from ca_service.authority.hierarchy.hierarchy import (
    AUTHORITY_MISSING,
    certificate_of,
    links_of_path,
    path_to_root,
    require_valid,
)
from ca_service.authority.hierarchy.plan import HierarchyPlan, check_plan, checked_name, inherited_name, subject_of
from ca_service.authority.hierarchy.store import IssuerRecord, IssuerStore, find_waiting
from ca_service.authority.key_custody import KeyStore, signer_of
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict, Finding, NotReady, Refused, Rule, Severity
from ca_service.pki import names
from ca_service.pki.chain import check_authorities
from ca_service.pki.contents import Issuer

AUTHORITY_WILL_ROLL_OVER: Final = Rule(
    "authority.will-roll-over",
    "{after} signs the next certificates, and {before} none any more. This cannot be undone.",
    "A node has to trust {after} before it gets a certificate from it: its board and its bundle have this upload then. "
    "What {before} has issued stays valid, and this service goes on to answer with CRL and OCSP for it.",
    Severity.WARNING,
)
AUTHORITY_KEY_ABOVE_OFFLINE: Final = Rule(
    "authority.key-above-offline",
    "The key of {above}, which certifies the next intermediate, is not here.",
    "Give it from a file, from which it is used and not stored: `ca-service ca rollover --key FILE`. If others have "
    "to sign, give them a CSR: `ca-service ca request --next`.",
)
AUTHORITY_KEY_ABOVE_WRONG: Final = Rule(
    "authority.key-above-wrong",
    "The key is not that of {above}, which certifies the next intermediate.",
    "Give the key of {above}: `ca-service ca show` shows its certificate.",
)

AUTHORITY_SAME_NAME: Final = Rule(
    "authority.same-name",
    "{subject} is the name of {issuer} already, but a node keeps one certificate for each name.",
    "Give the authority a name of its own; the CSR has one with the next generation.",
)
AUTHORITY_ABOVE_REVOKED: Final = Rule(
    "authority.above-revoked",
    "{above} is revoked or on hold: clients would reject every certificate of the next intermediate.",
    "Have the next intermediate certified by another authority below the same root: `ca-service ca request --next`, "
    "then `ca-service ca install`.",
)
AUTHORITY_ENDS_EARLY: Final = Rule(
    "authority.ends-early",
    "{after} expires with {above} on {end}, not after {days} days.",
    "Nothing outlives the root, and it has no successor: plan another installation, whose root clients trust before "
    "that day. If {above} is not the root, have it renewed first.",
    Severity.WARNING,
)
AUTHORITY_ROLLED_OVER: Final = Rule(
    "authority.rolled-over",
    "Another process has created an intermediate at the same time, and {before} issues now. Nothing else was created.",
    "Look at it with `ca-service ca show`. Run `ca-service ca rollover` again only if you need one more.",
)

#: Whether the certificate with this issuer and serial number is revoked or on hold.
IsRevoked = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Successor:
    """The intermediate `after` that follows `before` below `above`; in a preview it has no certificate yet.

    `limits` warn that it cannot last as long as planned.
    """

    before: IssuerRecord
    after: IssuerRecord
    above: IssuerRecord
    limits: tuple[Finding, ...] = ()

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The change and the limits, for a person who is to confirm them."""
        return (AUTHORITY_WILL_ROLL_OVER.at(before=self.before.id, after=self.after.id), *self.limits)


class Rollover:
    """Replaces the intermediate that issues."""

    def __init__(
        self,
        issuers: IssuerStore,
        keystore: KeyStore,
        clock: Clock,
        clock_check: ClockCheck,
        certifier: Certifier,
        *,
        is_revoked: IsRevoked,
    ) -> None:
        self._issuers = issuers
        self._keystore = keystore
        self._clock = clock
        self._clock_check = clock_check
        self._certifier = certifier
        self._is_revoked = is_revoked

    def preview(
        self, actor: Actor, plan: HierarchyPlan, key_above: ec.EllipticCurvePrivateKey | None = None
    ) -> Successor:
        """Return the result of `perform` without a certificate.

        Raises the same, except for a clock that is behind the audit log, and for what only the certificate shows.
        """
        require(actor, Action.AUTHORITY)
        planned = self._planned(plan)
        self._signer(planned.above, key_above)
        return planned

    def perform(
        self,
        actor: Actor,
        plan: HierarchyPlan,
        key_above: ec.EllipticCurvePrivateKey | None = None,
        *,
        confirmed: str = "",
    ) -> Successor:
        """Create the next intermediate; from then on it issues, and the one before no more.

        Of the plan, name, curve and lifetime of the intermediate count; without a name it has that of the one before.
        `key_above` is the key of the authority above, which is used and not stored; without it, its key here is used.
        `confirmed` is the id that the preview had, if a person has confirmed it.

        Raises NotReady without an authority, with an expired one above, or if the clock is behind the audit log;
        InvalidInput for an invalid plan, Conflict if another process has created the confirmed one, Refused without the
        key above, if an authority above is revoked, or if nodes would not take the chain. One that was requested from
        an external root, and still waits for its certificate, gets it here.
        """
        require(actor, Action.AUTHORITY)
        with self._issuers.exclusively():
            planned = self._planned(plan)
            if confirmed not in ("", planned.after.id):
                raise Conflict.because(AUTHORITY_ROLLED_OVER, before=planned.before.id)
            self._clock_check.require_right(self._clock())
            signer = self._signer(planned.above, key_above)
            curve, days = plan.intermediate_curve, plan.intermediate_days
            after = self._certifier.intermediate(planned.after, curve, days, planned.above, signer)
            above = path_to_root(planned.above, self._issuers.list_issuers())
            check_authorities(tuple(map(certificate_of, (after, *above))), self._clock())
            before = replace(planned.before, is_issuing=False)
            event = created_event(Event.AUTHORITY_CREATED, actor, after, follows=before.id)
            self._issuers.save_issuers([before, after], event)
            return replace(planned, before=before, after=after)

    def _planned(self, plan: HierarchyPlan) -> Successor:
        check_plan(plan)
        records = self._issuers.list_issuers()
        before = _issuing(records)
        above = next(record for record in records if record.id == before.parent_id)
        require_valid(Issuer.of(certificate_of(above)).validity, self._clock())
        require_good(path_to_root(above, records), self._is_revoked)
        after = find_waiting(records) or next_intermediate(records, plan.name, self._clock())
        name, now = plan.name or after.name, self._clock()
        after = replace(after, name=name, created_at=now, parent_id=above.id, is_issuing=True)
        require_free_name(subject_of(after.name, after.role, after.generation), records)
        return Successor(before, after, above, tuple(self._limits(after, above, plan.intermediate_days)))

    def _limits(self, after: IssuerRecord, above: IssuerRecord, days: int) -> Iterator[Finding]:
        end = certificate_of(above).not_valid_after_utc
        if self._clock() + timedelta(days=days) > end:
            yield AUTHORITY_ENDS_EARLY.at(after=after.id, above=above.id, end=end.date().isoformat(), days=days)

    def _signer(self, above: IssuerRecord, given: ec.EllipticCurvePrivateKey | None) -> ec.EllipticCurvePrivateKey:
        public_key = certificate_of(above).public_key()
        if given is None:
            if above.key_id is None:
                raise Refused.because(AUTHORITY_KEY_ABOVE_OFFLINE, above=above.id)
            return signer_of(self._keystore, above.key_id, public_key)
        if given.public_key() != public_key:
            raise Refused.because(AUTHORITY_KEY_ABOVE_WRONG, above=above.id)
        return given


def require_free_name(subject: x509.Name, records: Sequence[IssuerRecord]) -> None:
    """Raise Refused if one of these authorities has this name, as clients and nodes compare names."""
    if issuer := _by_name(records).get(names.folded(subject)):
        raise Refused.because(AUTHORITY_SAME_NAME, subject=names.label(subject), issuer=issuer)


def require_good(path: Sequence[IssuerRecord], is_revoked: IsRevoked) -> None:
    """Raise Refused if one of these authorities, each above the one before it, is revoked or on hold."""
    for issuer_id, link in links_of_path(path).items():
        if is_revoked(*link):
            raise Refused.because(AUTHORITY_ABOVE_REVOKED, above=issuer_id)


def next_intermediate(records: Sequence[IssuerRecord], name: str, at: datetime) -> IssuerRecord:
    """Return the intermediate of the next generation, without a certificate; it has the name of its key.

    An empty name means that of the one before. Raises NotReady if none issues, InvalidInput for a name that is not
    allowed.
    """
    name = checked_name(name or inherited_name(_issuing(records).name))
    taken = _by_name(records)
    newest = max(record.generation for record in records)
    free = (each for each in count(newest + 1) if names.folded(subject_of(name, "intermediate", each)) not in taken)
    generation = next(free)
    issuer_id = f"intermediate-g{generation}"
    return IssuerRecord(
        id=issuer_id, role="intermediate", generation=generation, name=name, created_at=at, key_id=issuer_id
    )


def _issuing(records: Sequence[IssuerRecord]) -> IssuerRecord:
    """Return the authority that issues. Raises NotReady if there is none."""
    found = next((record for record in records if record.is_issuing), None)
    if found is None:
        raise NotReady.because(AUTHORITY_MISSING)
    return found


def _by_name(records: Sequence[IssuerRecord]) -> dict[tuple[tuple[str, str], ...], str]:
    """Return the ids of the authorities by their names, as clients and nodes compare names."""
    return {names.folded(certificate_of(each).subject): each.id for each in records if each.certificate_der}
