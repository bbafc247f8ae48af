"""When revocation lists and OCSP signers lapse, as the notices are told."""

from __future__ import annotations

from datetime import timedelta

from ca_service.authority.notices.records import Kind
from ca_service.authority.notices.sources import Published
from tests.support.factories import OPERATOR, Lab

PASSPHRASE = b"a long passphrase of the operator"


def told(lab: Lab, days: int = 400) -> list[tuple[Kind, str]]:
    found = Published(lab.crl_publisher, lab.responders, lab.clock).between(
        lab.clock(), lab.clock() + timedelta(days=days)
    )
    return [(each.kind, each.id) for each in found]


def test_nothing_lapses_before_something_is_published(lab: Lab) -> None:
    assert told(lab.initialised()) == []


def publish(lab: Lab) -> None:
    lab.initialised()
    for issuer_id in ("root-g1", "intermediate-g1"):
        lab.crl_publisher.publish(OPERATOR, issuer_id)
    assert lab.responders.renew_due() == 1


def test_what_renews_itself_is_not_told(lab: Lab) -> None:
    publish(lab)
    assert told(lab) == []


def test_a_list_and_a_signer_that_were_not_renewed_in_time_are_told(lab: Lab) -> None:
    publish(lab)
    newest = {issuer.id: record for issuer, record in lab.crl_publisher.list_newest(OPERATOR) if record}
    [signer] = lab.responders.list_current()
    ends = {newest["intermediate-g1"].next_update: Kind.REVOCATION_LIST, signer.not_after: Kind.OCSP_SIGNER}
    for end, kind in sorted(ends.items()):
        lab.clock.advance(seconds=(end - lab.clock()).total_seconds() - 60)
        assert kind in [found for found, _ in told(lab)]


def test_a_list_whose_key_is_offline_is_told_long_before(lab: Lab) -> None:
    publish(lab)
    exported = lab.root_key.export(OPERATOR, PASSPHRASE)
    lab.root_key.remove(OPERATOR, exported, PASSPHRASE)
    assert told(lab) == [(Kind.REVOCATION_LIST, "root-g1")]
    assert told(lab, days=1) == []


def test_what_has_lapsed_is_not_told_of_again(lab: Lab) -> None:
    lab.initialised()
    lab.crl_publisher.publish(OPERATOR, "intermediate-g1")
    lab.clock.advance(days=30)
    assert told(lab) == []
