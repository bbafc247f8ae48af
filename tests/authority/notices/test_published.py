"""When revocation lists and OCSP signers lapse, as the notices are told."""

from __future__ import annotations

from datetime import timedelta

from ca_service.authority.notices.records import Kind
from ca_service.authority.notices.sources import Published
from tests.support.factories import OPERATOR, Lab


def told(lab: Lab, days: int = 400) -> list[tuple[Kind, str]]:
    found = Published(lab.crl_publisher, lab.responders).between(lab.clock(), lab.clock() + timedelta(days=days))
    return [(each.kind, each.id) for each in found]


def test_nothing_lapses_before_something_is_published(lab: Lab) -> None:
    assert told(lab.initialised()) == []


def test_lists_and_signer_are_told_the_first_to_lapse_first(lab: Lab) -> None:
    lab.initialised()
    for issuer_id in ("root-g1", "intermediate-g1"):
        lab.crl_publisher.publish(OPERATOR, issuer_id)
    assert lab.responders.renew_due() == 1
    kinds = [(kind, name if kind is Kind.REVOCATION_LIST else "") for kind, name in told(lab)]
    assert kinds == [
        (Kind.REVOCATION_LIST, "intermediate-g1"),
        (Kind.OCSP_SIGNER, ""),
        (Kind.REVOCATION_LIST, "root-g1"),
    ]
    assert told(lab, days=1) == []


def test_what_has_lapsed_is_not_told_of_again(lab: Lab) -> None:
    lab.initialised()
    lab.crl_publisher.publish(OPERATOR, "intermediate-g1")
    lab.clock.advance(days=30)
    assert told(lab) == []
