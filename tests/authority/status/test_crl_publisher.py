"""Lists: when they are made, by whom, and what they say."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.revocation.records import CRLBytes, CRLEntries, CRLRecord, Selection
from ca_service.authority.status.crl_publisher import CRLPolicy, CRLPublisher, PublishedCRL
from ca_service.deadline import busy
from ca_service.errors import Busy, KeystoreError, NotAllowed, NotFound, NotReady, Refused
from ca_service.pki import crl, encodings, keys
from ca_service.pki.reasons import Reason
from tests.authority.status.revoking import give_another_key, issue, revoke
from tests.support.factories import OPERATOR, Lab, actor
from tests.support.fakes import InMemoryLedger
from tests.support.requests import SOCIALMINER
from tests.support.revocation import (
    InMemoryCRLStore,
    InMemoryResponderStore,
    InMemoryRevocationStore,
    limited_crl,
)

ISSUER = "intermediate-g1"
ROOT = "root-g1"


@pytest.fixture
def signing(lab: Lab) -> Lab:
    """A lab that can sign."""
    return lab.initialised()


def release(lab: Lab, leaf: CertificateRecord) -> None:
    """End its hold."""
    lab.revocation.release(OPERATOR, Selection((leaf.serial_number,)))


def full(published: PublishedCRL) -> x509.CertificateRevocationList:
    """The full list."""
    return x509.load_der_x509_crl(published.data.full)


def delta(published: PublishedCRL) -> x509.CertificateRevocationList:
    """The delta."""
    assert published.data.delta is not None
    return x509.load_der_x509_crl(published.data.delta)


def told(found: x509.CertificateRevocationList) -> dict[str, str]:
    """Serial number -> reason."""
    reasons = {
        f"{entry.serial_number:040x}": [
            each.value.reason.value for each in entry.extensions if isinstance(each.value, x509.CRLReason)
        ]
        for entry in found
    }
    return {serial: (said or ["unspecified"])[0] for serial, said in reasons.items()}


def base_number(found: x509.CertificateRevocationList) -> int:
    """The number of the list that a delta builds upon."""
    return found.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number


def test_the_first_who_asks_gets_a_list_and_the_next_gets_the_same(signing: Lab) -> None:
    first = signing.crl_publisher.current(ISSUER)
    signing.clock.advance(minutes=1)
    assert signing.crl_publisher.current(ISSUER) == first
    assert told(full(first)) == {}


def test_a_revocation_is_on_the_next_list_that_is_fetched(signing: Lab) -> None:
    before, leaf = signing.crl_publisher.current(ISSUER), issue(signing)
    revoke(signing, leaf, Reason.KEY_COMPROMISE)
    after = signing.crl_publisher.current(ISSUER)
    assert told(full(after)) == told(delta(after)) == {leaf.serial_number: "keyCompromise"}
    assert after.record.number > before.record.number
    assert base_number(delta(after)) == before.record.number


def test_a_released_hold_leaves_the_full_list_and_the_delta_removes_it(signing: Lab) -> None:
    leaf = issue(signing)
    revoke(signing, leaf, Reason.CERTIFICATE_HOLD)
    assert told(full(signing.crl_publisher.current(ISSUER))) == {leaf.serial_number: "certificateHold"}
    release(signing, leaf)
    after = signing.crl_publisher.current(ISSUER)
    assert told(full(after)) == {}
    assert told(delta(after)) == {leaf.serial_number: "removeFromCRL"}


def test_full_list_and_delta_share_number_and_time(signing: Lab) -> None:
    published = signing.crl_publisher.current(ISSUER)
    numbers = [
        found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for found in (full(published), delta(published))
    ]
    assert numbers == [published.record.number] * 2
    assert full(published).last_update_utc == delta(published).last_update_utc == signing.clock()
    assert full(published).next_update_utc == signing.clock() + timedelta(hours=72)
    assert delta(published).next_update_utc == signing.clock() + timedelta(hours=12)


def test_a_list_is_made_anew_when_half_of_the_time_of_the_shortest_is_over(signing: Lab) -> None:
    first = signing.crl_publisher.current(ISSUER)
    signing.clock.advance(hours=6, seconds=-1)
    assert signing.crl_publisher.current(ISSUER) == first
    signing.clock.advance(seconds=1)
    assert signing.crl_publisher.current(ISSUER).record.number > first.record.number


def test_a_list_of_version_0_2_that_says_its_scope_is_replaced_at_the_next_download(signing: Lab) -> None:
    now, version = signing.clock(), signing.revocations.version(ISSUER)
    issuer = signing.hierarchy.active().chain[0].subject
    key = signing.hierarchy.signing_key(signing.hierarchy.active())
    record = CRLRecord(ISSUER, 5, now, now + timedelta(hours=72), now + timedelta(hours=36), version, 0)
    old = CRLBytes(limited_crl(issuer, key, 5, record.this_update, record.next_update))
    event = AuditEvent.by(OPERATOR, now, Event.CRL_PUBLISHED, ISSUER, number="5", entries=0)
    signing.edges.crls.add_crl(record, old, event)

    assert signing.crl_publisher.publish_due() == 2  # that of the root, too, which had none
    published = signing.crl_publisher.current(ISSUER)
    assert published.record.number > 5
    assert not crl.is_limited(published.data.full)
    assert signing.crl_publisher.publish_due() == 0


def test_the_delta_builds_upon_the_oldest_list_that_somebody_may_still_hold(signing: Lab) -> None:
    first = signing.crl_publisher.current(ISSUER)
    signing.clock.advance(hours=71)
    second = signing.crl_publisher.current(ISSUER)
    assert base_number(delta(second)) == first.record.number
    signing.clock.advance(hours=2)
    revoke(signing, issue(signing))
    assert base_number(delta(signing.crl_publisher.current(ISSUER))) == second.record.number


def test_without_deltas_the_full_list_counts_alone(signing: Lab) -> None:
    policy = CRLPolicy(timedelta(hours=10), None, "http://ca.example.com")
    publishing = CRLPublisher(
        crls=signing.edges.crls,
        revocations=signing.revocations,
        hierarchy=signing.hierarchy,
        keystore=signing.keystore,
        clock=signing.clock,
        policy=policy,
    )
    published = publishing.current(ISSUER)
    assert published.data.delta is None
    assert published.record.renew_at == signing.clock() + timedelta(hours=5)
    with pytest.raises(x509.ExtensionNotFound):
        full(published).extensions.get_extension_for_class(x509.FreshestCRL)


@pytest.mark.parametrize("base_url", ["", "http://ca.example.com"])
def test_the_full_list_says_where_its_delta_is_if_that_is_known(base_url: str) -> None:
    found = full(Lab(base_url=base_url).initialised().crl_publisher.current(ISSUER))
    urls = [
        name.value
        for extension in found.extensions
        if isinstance(extension.value, x509.FreshestCRL)
        for place in extension.value
        for name in place.full_name or ()
    ]
    assert urls == ([f"{base_url}/ca/intermediate-g1-delta.crl"] if base_url else [])


def test_an_expired_certificate_is_on_one_list_after_its_end_and_then_on_none(signing: Lab) -> None:
    leaf = issue(signing)
    revoke(signing, leaf)
    signing.clock.advance(days=398)
    assert leaf.serial_number in told(full(signing.crl_publisher.current(ISSUER)))
    signing.clock.advance(hours=7)
    assert told(full(signing.crl_publisher.current(ISSUER))) == {}


def test_an_expired_certificate_stays_while_lists_from_before_its_end_may_be_held(signing: Lab) -> None:
    leaf = issue(signing)
    revoke(signing, leaf)
    signing.clock.now = leaf.not_after - timedelta(hours=1)
    signing.crl_publisher.publish(OPERATOR, ISSUER)
    for _ in range(2):
        signing.clock.advance(hours=35)
        assert leaf.serial_number in told(full(signing.crl_publisher.publish(OPERATOR, ISSUER)))
    signing.clock.advance(hours=2)
    assert told(full(signing.crl_publisher.publish(OPERATOR, ISSUER))) == {}


def test_numbers_go_on_from_the_time_so_that_an_old_copy_of_the_database_repeats_none(signing: Lab) -> None:
    first = signing.crl_publisher.publish(OPERATOR, ISSUER)
    second = signing.crl_publisher.publish(OPERATOR, ISSUER)
    signing.clock.advance(days=1)
    third = signing.crl_publisher.publish(OPERATOR, ISSUER)
    at_first = int((signing.clock() - timedelta(days=1)).timestamp())
    assert [each.record.number - at_first for each in (first, second, third)] == [0, 1, 86_400]


def test_each_list_is_recorded_with_its_number(signing: Lab) -> None:
    published = signing.crl_publisher.publish(OPERATOR, ISSUER)
    [event] = signing.edges.crls.events  # type: ignore[attr-defined]
    assert (event.event, event.subject, event.actor) == (Event.CRL_PUBLISHED, ISSUER, "operator")
    assert event.details == {"number": f"{published.record.number:x}", "entries": 0}


def test_publishing_what_is_due_can_be_repeated(signing: Lab) -> None:
    assert [signing.crl_publisher.publish_due() for _ in range(2)] == [2, 0]
    revoke(signing, issue(signing))
    assert [signing.crl_publisher.publish_due() for _ in range(2)] == [1, 0]


def test_the_lists_are_shown_as_they_are(signing: Lab) -> None:
    assert [record for _, record in signing.crl_publisher.list_newest(actor())] == [None, None]
    published = signing.crl_publisher.current(ISSUER)
    assert [record for _, record in signing.crl_publisher.list_newest(actor())] == [None, published.record]


def test_who_may_not_manage_the_authority_cannot_make_lists(signing: Lab) -> None:
    with pytest.raises(NotAllowed):
        signing.crl_publisher.publish(actor(Role.APPROVER), ISSUER)
    with pytest.raises(NotAllowed):
        signing.crl_publisher.publish_with(actor(Role.APPROVER), keys.generate_key("P-256"))


# The root


def test_the_list_of_the_root_has_no_delta_and_lives_long(signing: Lab) -> None:
    published = signing.crl_publisher.current(ROOT)
    assert published.data.delta is None
    assert published.record.next_update - signing.clock() == timedelta(days=180)
    assert published.record.renew_at - signing.clock() == timedelta(days=120)


def test_without_its_key_the_root_has_no_list_until_somebody_brings_one(signing: Lab) -> None:
    key = offline(signing)
    with pytest.raises(NotFound, match="sign-root"):
        signing.crl_publisher.current(ROOT)
    with pytest.raises(Refused, match="sign-root"):
        signing.crl_publisher.publish(OPERATOR, ROOT)
    published = signing.crl_publisher.publish_with(OPERATOR, key)
    assert signing.crl_publisher.current(ROOT) == published


def test_a_list_of_an_offline_root_stays_when_it_has_lapsed(signing: Lab) -> None:
    published = signing.crl_publisher.publish_with(OPERATOR, offline(signing))
    signing.clock.advance(days=200)
    assert signing.crl_publisher.current(ROOT) == published
    assert signing.crl_publisher.publish_due() == 1  # the one of the intermediate


def test_the_key_of_nobody_signs_no_list(signing: Lab) -> None:
    with pytest.raises(Refused) as caught:
        signing.crl_publisher.publish_with(OPERATOR, keys.generate_key("P-256"))
    assert caught.value.rule == "crl.key"


def offline(lab: Lab) -> ec.EllipticCurvePrivateKey:
    """The key of the root, which is no longer here."""
    passphrase = b"a passphrase of 20 characters"
    copy = lab.root_key.export(OPERATOR, passphrase)
    lab.root_key.remove(OPERATOR, copy, passphrase)
    assert not lab.keystore.has(ROOT)
    return encodings.load_private_key(copy, passphrase)


# When something is missing


def test_an_unknown_issuer_has_no_list(signing: Lab) -> None:
    with pytest.raises(NotFound) as caught:
        signing.crl_publisher.current("intermediate-g9")
    assert caught.value.rule == "crl.issuer"


@pytest.mark.fault("keys and files", "The key is lost when a CRL is due", "serves the newest CRL")
def test_a_good_list_is_handed_out_though_the_key_cannot_be_had_to_renew_it(signing: Lab) -> None:
    published = signing.crl_publisher.current(ISSUER)
    signing.keystore.remove(ISSUER)
    signing.clock.advance(hours=7)
    assert signing.crl_publisher.current(ISSUER) == published


@pytest.mark.fault("keys and files", "The key is lost after a revocation", "serves no CRL that hides it")
def test_a_list_that_would_hide_a_revocation_is_not_handed_out(signing: Lab) -> None:
    leaf = issue(signing)
    signing.crl_publisher.current(ISSUER)
    revoke(signing, leaf)
    signing.keystore.remove(ISSUER)
    with pytest.raises(KeystoreError):
        signing.crl_publisher.current(ISSUER)


@pytest.mark.fault(
    "keys and files",
    "The key belongs to another certificate",
    "serves the newest CRL, unless it would hide a revocation",
)
def test_a_key_of_another_certificate_signs_no_list_and_the_old_one_is_handed_out(signing: Lab) -> None:
    leaf, published = issue(signing), signing.crl_publisher.current(ISSUER)
    give_another_key(signing, ISSUER)
    signing.clock.advance(hours=7)
    assert signing.crl_publisher.current(ISSUER) == published
    with pytest.raises(NotReady) as caught:
        signing.crl_publisher.publish(OPERATOR, ISSUER)
    assert caught.value.rule == "authority.key-foreign"
    revoke(signing, leaf)
    with pytest.raises(NotReady):
        signing.crl_publisher.current(ISSUER)


def test_two_replicas_hand_out_the_same_list(signing: Lab) -> None:
    other = CRLPublisher(
        crls=signing.edges.crls,
        revocations=signing.revocations,
        hierarchy=signing.hierarchy,
        keystore=signing.keystore,
        clock=signing.clock,
        policy=CRLPolicy(),
    )
    leaf = issue(signing, SOCIALMINER)
    assert other.current(ISSUER) == signing.crl_publisher.current(ISSUER)
    revoke(signing, leaf)
    published = signing.crl_publisher.current(ISSUER)
    assert other.current(ISSUER) == published


# What a list is made of


class Counting(InMemoryCRLStore):
    """Counts how often all entries are read."""

    reads = 0

    def read_entries(self, issuer_id: str, base: CRLRecord | None) -> CRLEntries:
        self.reads += 1
        return super().read_entries(issuer_id, base)


@pytest.fixture
def counting() -> tuple[Lab, Counting]:
    """A lab on a store that counts, with a list of one entry."""
    ledger = InMemoryLedger()
    revocations = InMemoryRevocationStore(ledger)
    crls = Counting(revocations)
    responders = InMemoryResponderStore(ledger)
    lab = Lab(ledger=ledger, revocations=revocations, crls=crls, responder_store=responders).initialised()
    revoke(lab, issue(lab))
    lab.crl_publisher.current(ISSUER)
    crls.reads = 0
    return lab, crls


def test_what_is_added_to_a_list_is_added_to_its_bytes(counting: tuple[Lab, Counting]) -> None:
    lab, crls = counting
    for number in range(2, 5):
        revoke(lab, issue(lab))
        published = lab.crl_publisher.current(ISSUER)
        assert (len(full(published)), published.record.count) == (number, number)
    assert crls.reads == 0


def test_a_hold_that_ends_before_anybody_asks_is_not_added(counting: tuple[Lab, Counting]) -> None:
    lab, crls = counting
    leaf = issue(lab)
    revoke(lab, leaf, Reason.CERTIFICATE_HOLD)
    release(lab, leaf)
    published = lab.crl_publisher.current(ISSUER)
    assert (len(full(published)), published.record.count, crls.reads) == (1, 1, 0)


@pytest.mark.parametrize("end", ["final", "released"])
def test_a_list_is_made_anew_when_an_entry_of_it_has_changed(counting: tuple[Lab, Counting], end: str) -> None:
    lab, crls = counting
    leaf = issue(lab)
    revoke(lab, leaf, Reason.CERTIFICATE_HOLD)
    lab.crl_publisher.current(ISSUER)
    if end == "final":
        revoke(lab, leaf, Reason.KEY_COMPROMISE)
    else:
        release(lab, leaf)
    found = told(full(lab.crl_publisher.current(ISSUER)))
    assert found.get(leaf.serial_number) == ("keyCompromise" if end == "final" else None)
    assert crls.reads == 1


def test_a_list_is_made_anew_when_its_time_is_over_or_many_were_revoked(counting: tuple[Lab, Counting]) -> None:
    lab, crls = counting
    lab.crl_publisher.publish(OPERATOR, ISSUER)
    assert crls.reads == 1
    leaves = [issue(lab) for _ in range(51)]
    lab.revocation.revoke(OPERATOR, Selection(tuple(leaf.serial_number for leaf in leaves)), Reason.SUPERSEDED)
    assert len(full(lab.crl_publisher.current(ISSUER))) == 52
    assert crls.reads == 2


def test_a_list_is_made_anew_when_the_oldest_one_has_lapsed(counting: tuple[Lab, Counting]) -> None:
    lab, crls = counting
    lab.clock.advance(hours=73)
    revoke(lab, issue(lab))
    lab.crl_publisher.current(ISSUER)
    assert crls.reads == 1


def test_what_changes_while_a_list_is_made_is_wholly_in_it(counting: tuple[Lab, Counting]) -> None:
    lab, crls = counting
    first, second = issue(lab), issue(lab)

    class Disturbed(Counting):
        """Another one is revoked while the changes are read, once."""

        def list_changes(self, issuer_id: str, since: int) -> Sequence[bytes]:
            found = super().list_changes(issuer_id, since)
            if lab.revocation.find(OPERATOR, second.serial_number) is None:
                revoke(lab, second)
            return found

    assert isinstance(lab.revocations, InMemoryRevocationStore)
    disturbed = Disturbed(lab.revocations)
    publishing = CRLPublisher(
        crls=disturbed,
        revocations=lab.revocations,
        hierarchy=lab.hierarchy,
        keystore=lab.keystore,
        clock=lab.clock,
        policy=CRLPolicy(),
    )
    revoke(lab, first)
    published = publishing.current(ISSUER)
    assert {first.serial_number, second.serial_number} <= told(full(published)).keys()
    assert published.record.version == lab.revocations.version(ISSUER)
    assert crls.reads == 0


def test_a_list_is_made_though_something_is_revoked_all_the_time(counting: tuple[Lab, Counting]) -> None:
    lab, _ = counting
    leaves = [issue(lab) for _ in range(30)]
    pending = iter(leaves)

    class Restless(Counting):
        """One more is revoked whenever the base is looked for."""

        def find_base(self, issuer_id: str, at: datetime) -> CRLRecord | None:
            for leaf in itertools.islice(pending, 1):
                revoke(lab, leaf)
            return super().find_base(issuer_id, at)

    assert isinstance(lab.revocations, InMemoryRevocationStore)
    restless = Restless(lab.revocations)
    publishing = CRLPublisher(
        crls=restless,
        revocations=lab.revocations,
        hierarchy=lab.hierarchy,
        keystore=lab.keystore,
        clock=lab.clock,
        policy=CRLPolicy(),
    )
    seen = set[str]()
    for _ in range(6):
        found = full(publishing.current(ISSUER))
        assert len(found) == len(told(found)), "an entry stands there twice"
        assert seen <= told(found).keys()
        seen = set(told(found))
    assert {leaf.serial_number for leaf in leaves} <= seen


class Held(InMemoryCRLStore):
    """Somebody else holds the lock of the issuer from now on, if `is_held`."""

    is_held = False

    def exclusively(self, issuer_id: str) -> AbstractContextManager[None]:
        """See the class."""
        if self.is_held:
            raise busy()
        return super().exclusively(issuer_id)


def test_while_somebody_else_is_writing_the_newest_list_is_given_until_it_ends() -> None:
    ledger = InMemoryLedger()
    revocations = InMemoryRevocationStore(ledger)
    crls = Held(revocations)
    lab = Lab(ledger=ledger, revocations=revocations, crls=crls).initialised()
    first = lab.crl_publisher.current(ISSUER)
    revoke(lab, issue(lab))
    crls.is_held = True
    assert lab.crl_publisher.current(ISSUER) == replace(first, is_overdue=True)
    lab.clock.advance(hours=72)
    with pytest.raises(Busy):
        lab.crl_publisher.current(ISSUER)
    crls.is_held = False
    next_one = lab.crl_publisher.current(ISSUER)
    assert (len(full(next_one)), next_one.is_overdue) == (1, False)
