"""The contract of issuer stores, for the fake, SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from ca_service.authority.hierarchy.store import IssuerStore
from tests.support.factories import event, issuer_record
from tests.support.fakes import NOON

ROOT = issuer_record("root-g1", role="root", certificate_der=b"root", key_id="root-g1")
INTERMEDIATE = issuer_record(
    "intermediate-g1", certificate_der=b"intermediate", key_id="k", parent_id="root-g1", is_issuing=True
)


def test_what_was_saved_is_listed_unchanged(issuers: IssuerStore) -> None:
    issuers.save_issuers([ROOT, INTERMEDIATE], event())
    assert issuers.list_issuers() == (ROOT, INTERMEDIATE)


def test_nothing_is_listed_before_anything_was_saved(issuers: IssuerStore) -> None:
    assert issuers.list_issuers() == ()


def test_saving_again_replaces(issuers: IssuerStore) -> None:
    issuers.save_issuers([ROOT], event())
    without_key = replace(ROOT, key_id=None)
    issuers.save_issuers([without_key], event())
    assert issuers.list_issuers() == (without_key,)


def test_a_pending_intermediate_gets_its_certificate_and_its_parents(issuers: IssuerStore) -> None:
    issuers.save_issuers([issuer_record("intermediate-g1", key_id="k")], event())
    issuers.save_issuers([ROOT, INTERMEDIATE], event())
    assert issuers.list_issuers() == (ROOT, INTERMEDIATE)


def test_older_ones_come_first(issuers: IssuerStore) -> None:
    later = replace(ROOT, id="a-later-one", created_at=NOON + timedelta(seconds=1))
    issuers.save_issuers([later, ROOT], event())
    assert issuers.list_issuers() == (ROOT, later)


def test_of_one_age_the_root_is_first_and_the_issuing_one_last(issuers: IssuerStore) -> None:
    upper_2 = issuer_record("upper-2-g1", parent_id="root-g1")
    upper_1 = issuer_record("upper-1-g1", parent_id="upper-2-g1")
    issuing = replace(INTERMEDIATE, parent_id="upper-1-g1")
    issuers.save_issuers([ROOT, upper_2, upper_1, issuing], event())
    assert issuers.list_issuers() == (ROOT, upper_2, upper_1, issuing)


@pytest.mark.timeout(20)
def test_only_one_at_a_time_changes_the_authority(issuers: IssuerStore) -> None:
    inside, order = threading.Event(), []

    def other() -> None:
        inside.wait(10)
        with issuers.exclusively():
            order.append("other")

    thread = threading.Thread(target=other)
    thread.start()
    with issuers.exclusively():
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "other"]


def test_the_section_is_left_after_an_error(issuers: IssuerStore) -> None:
    with pytest.raises(RuntimeError), issuers.exclusively():
        raise RuntimeError
    with issuers.exclusively():
        pass


def test_saving_is_possible_inside_the_section(issuers: IssuerStore) -> None:
    with issuers.exclusively():
        issuers.save_issuers([ROOT], event())
        assert issuers.list_issuers() == (ROOT,)
