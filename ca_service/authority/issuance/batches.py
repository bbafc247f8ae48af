"""Batches: up to 1,000 CSRs, judged one by one and committed in groups of 100.

What a crash leaves behind: the groups that were committed, with their events; of the group that was under way, the
requests that wait for a decision, or nothing. The same batch, sent again, returns what was issued, and issues the rest.
That is why a batch cannot ask for new certificates: a repetition would issue them again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.conflicts import CSR_REPEATED, check_count
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.issuance import Issuance, Issued
from ca_service.authority.issuance.records import RequestRecord
from ca_service.errors import Finding, InvalidInput, Rule
from ca_service.pki import csr
from ca_service.vos.destinations import NO_HINT, Hint

BATCH_NEW: Final = Rule(
    "batch.new",
    "A batch cannot use `new`: sending it again would issue every certificate twice.",
    "Omit new (--new), or issue all or none: POST /api/v1/certificates, or `ca-service sign` without --partial.",
)
GROUP: Final = 100  # CSRs in a transaction


class Outcome(StrEnum):
    """The outcome for one CSR."""

    ISSUED = "issued"
    ISSUED_BEFORE = "issued-before"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for the CSR with this number, from 0: the certificate, or the request that waits, or neither."""

    number: int
    outcome: Outcome
    findings: tuple[Finding, ...]
    certificate: CertificateRecord | None = None
    request: RequestRecord | None = None


Group = tuple[Verdict, ...]


def issue_batch(
    issuance: Issuance, actor: Actor, csrs: Sequence[bytes], options: Options, hints: Sequence[Hint] = ()
) -> Iterator[Group]:
    """Issue a certificate for each CSR that can be signed; yield the verdicts of each group once it is committed.

    Raises InvalidInput immediately for no CSR, too many, or options that only fit all or none. NotReady and
    SigningError end it between two groups.
    """
    require(actor, Action.ISSUE)
    check_count(csrs)
    if options.new:
        raise InvalidInput(BATCH_NEW.at("/new"))
    repeated = _repeated(csrs)
    groups = (range(at, min(at + GROUP, len(csrs))) for at in range(0, len(csrs), GROUP))
    known = hints or [NO_HINT] * len(csrs)
    return (_issue_group(issuance, actor, csrs, options, known, group, repeated) for group in groups)


def _issue_group(
    issuance: Issuance,
    actor: Actor,
    csrs: Sequence[bytes],
    options: Options,
    hints: Sequence[Hint],
    group: Sequence[int],
    repeated: Collection[int],
) -> Group:
    """Issue those of a group whose keys are their own; the others are refused, wherever in the batch their key is."""
    alone = [number for number in group if number not in repeated]
    found = {number: _refused(number) for number in group if number in repeated}
    if alone:
        issued = issuance.issue_possible(
            actor, [csrs[number] for number in alone], options, [hints[number] for number in alone]
        )
        found |= {verdict.number: verdict for verdict in _verdicts(issued, alone)}
    return tuple(found[number] for number in group)


def _refused(number: int) -> Verdict:
    return Verdict(number, Outcome.REFUSED, (CSR_REPEATED.at("/public_key"),))


def _repeated(csrs: Sequence[bytes]) -> frozenset[int]:
    """Return the numbers of the CSRs that share a key with another one of the batch: one of them is a mistake."""
    numbers: dict[bytes, list[int]] = {}
    for number, data in enumerate(csrs):
        if key := csr.public_key_in(data):
            numbers.setdefault(key, []).append(number)
    return frozenset(number for same in numbers.values() if len(same) > 1 for number in same)


def _verdicts(issued: Issued, numbers: Sequence[int]) -> Iterator[Verdict]:
    certificates, waiting = iter(issued.certificates), iter(issued.waiting)
    for number, each in zip(numbers, issued.examinations, strict=True):
        if each.is_refused:
            yield Verdict(number, Outcome.REFUSED, each.findings)
        elif each.needs_decision:
            yield Verdict(number, Outcome.WAITING, each.findings, request=next(waiting))
        else:
            outcome = Outcome.ISSUED_BEFORE if each.existing else Outcome.ISSUED
            yield Verdict(number, outcome, each.findings, certificate=next(certificates))
