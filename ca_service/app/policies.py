"""Policies and addresses that the use cases take from the settings."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from ca_service.authority.issuance.approval import ApprovalRule
from ca_service.authority.issuance.examination import Policy
from ca_service.authority.status.crl_publisher import CRLPolicy
from ca_service.settings import Settings


def policy_of(settings: Settings) -> Policy:
    """Return the policy: what may be issued, and what is approved automatically."""
    return Policy(
        default_days=settings.policy.default_days,
        max_days=settings.policy.max_days,
        backdate=timedelta(minutes=settings.policy.backdate_minutes),
        allow_p521=settings.policy.allow_p521,
        rules=tuple(ApprovalRule(**rule.model_dump()) for rule in settings.policy.rules),
    )


def crl_policy_of(settings: Settings) -> CRLPolicy:
    """Return the validity of CRLs, and the base of the address that leaves carry."""
    hours = settings.revocation.delta_hours
    return CRLPolicy(
        lifetime=timedelta(hours=settings.revocation.crl_hours),
        delta_lifetime=timedelta(hours=hours) if hours else None,
        base_url=plain_http(settings),
    )


def plain_http(settings: Settings) -> str:
    """Return the base of the URL in AIA, which is fetched over plain HTTP so that it needs no certificate.

    Empty, so that there is no AIA, behind https on a port of its own: nothing answers http there.
    """
    parts = urlsplit(settings.web.base_url)
    if parts.scheme == "https" and parts.port is not None:
        return ""
    return settings.web.base_url.replace("https://", "http://", 1)


def own_url(settings: Settings) -> str:
    """Return the address of the pages."""
    address = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
    return settings.web.base_url or f"http://{address}:{settings.server.port}"
