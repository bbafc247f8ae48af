"""Knows how the use cases of signing in hang together; the one place that builds them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ca_service.authority.access.permissions import Role
from ca_service.authority.people.accounts import Accounts
from ca_service.authority.people.factors import SecondFactors
from ca_service.authority.people.links import Links
from ca_service.authority.people.passkeys import Passkeys
from ca_service.authority.people.passwords import Passwords
from ca_service.authority.people.rescue import Rescue
from ca_service.authority.people.sessions import SessionLimits, Sessions
from ca_service.authority.people.signing_in import SigningIn
from ca_service.authority.people.store import AccountStore, AttemptStore, FactorStore, Sealer, SessionStore
from ca_service.authority.people.throttle import Throttle
from ca_service.authority.ports import Clock


@dataclass(frozen=True, slots=True)
class Edges:
    """What signing in is kept in."""

    accounts: AccountStore
    attempts: AttemptStore
    sessions: SessionStore
    factors: FactorStore
    sealer: Sealer


@dataclass(frozen=True, slots=True)
class People:
    """The use cases of signing in."""

    signing_in: SigningIn
    sessions: Sessions
    factors: SecondFactors
    passkeys: Passkeys
    links: Links
    rescue: Rescue


def people_on(
    edges: Edges,
    accounts: Accounts,
    passwords: Passwords,
    clock: Clock,
    *,
    limits: SessionLimits,
    required_of: Collection[Role] = (),
) -> People:
    """The use cases on these edges; `required_of` are the roles that need a second factor."""
    sessions = Sessions(edges.sessions, accounts, clock, limits)
    factors = SecondFactors(edges.factors, accounts, edges.sealer, clock, required_of=required_of)
    passkeys = Passkeys(edges.factors, accounts, factors, clock)
    links = Links(edges.accounts, accounts, passwords, clock)
    return People(
        signing_in=SigningIn(
            store=edges.accounts,
            accounts=accounts,
            passwords=passwords,
            throttle=Throttle(edges.attempts, clock),
            sessions=sessions,
            factors=factors,
            passkeys=passkeys,
            clock=clock,
        ),
        sessions=sessions,
        factors=factors,
        passkeys=passkeys,
        links=links,
        rescue=Rescue(
            attempts=edges.attempts, accounts=accounts, sessions=sessions, factors=factors, links=links, clock=clock
        ),
    )
