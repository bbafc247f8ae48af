"""The rows of the jobs, fake and real: one holder at a time, and nothing kept from one who was too slow."""

from __future__ import annotations

from datetime import timedelta

from ca_service.authority.jobs import JobRun, JobStore, Outcome
from tests.support.fakes import NOON

LATER = NOON + timedelta(minutes=15)


def ended(holder: str, outcome: Outcome = Outcome.DONE) -> JobRun:
    """A run that has come to its end."""
    succeeded = LATER if outcome is Outcome.DONE else None
    return JobRun("outbox", holder, None, NOON, LATER, outcome, 3, 250, "", succeeded)


def test_a_job_has_one_holder_until_its_lease_ends(job_store: JobStore) -> None:
    assert job_store.take("outbox", "one", NOON, LATER, None)
    assert not job_store.take("outbox", "two", NOON, LATER, None)
    assert not job_store.take("outbox", "two", LATER - timedelta(seconds=1), LATER, None)
    assert job_store.take("outbox", "two", LATER, LATER + timedelta(minutes=15), None)


def test_a_job_that_was_started_since_is_not_given_again(job_store: JobStore) -> None:
    job_store.take("outbox", "one", NOON, LATER, None)
    job_store.finish(ended("one"))

    assert not job_store.take("outbox", "two", LATER, LATER, NOON - timedelta(seconds=1))
    assert job_store.take("outbox", "two", LATER, LATER, NOON)


def test_one_job_does_not_hold_another(job_store: JobStore) -> None:
    assert job_store.take("outbox", "one", NOON, LATER, None)
    assert job_store.take("notices", "two", NOON, LATER, None)
    assert [run.name for run in job_store.list_runs()] == ["notices", "outbox"]


def test_how_it_went_is_kept_and_the_lease_is_free_again(job_store: JobStore) -> None:
    job_store.take("outbox", "one", NOON, LATER, None)

    assert job_store.finish(ended("one"))

    [run] = job_store.list_runs()
    assert run == JobRun("outbox", "", None, NOON, LATER, Outcome.DONE, 3, 250, "", LATER)
    assert job_store.take("outbox", "two", NOON, LATER, None)


def test_the_last_success_outlives_a_failure(job_store: JobStore) -> None:
    job_store.take("outbox", "one", NOON, LATER, None)
    job_store.finish(ended("one"))
    job_store.take("outbox", "two", NOON, LATER, None)
    job_store.finish(ended("two", Outcome.FAILED))

    [run] = job_store.list_runs()
    assert (run.outcome, run.succeeded_at) == (Outcome.FAILED, LATER)


def test_whoever_has_lost_the_lease_leaves_no_trace(job_store: JobStore) -> None:
    job_store.take("outbox", "slow", NOON, LATER, None)
    job_store.take("outbox", "quick", LATER, LATER + timedelta(minutes=15), None)
    before = job_store.list_runs()

    assert not job_store.finish(ended("slow"))
    assert job_store.list_runs() == before
    assert not job_store.finish(JobRun("never taken", "slow"))


def test_a_lease_is_extended_by_its_holder_alone(job_store: JobStore) -> None:
    assert not job_store.extend("node x", "one", LATER)
    job_store.take("node x", "one", NOON, NOON + timedelta(minutes=1), None)
    job_store.take("node y", "one", NOON, NOON + timedelta(minutes=1), None)
    assert job_store.extend("node x", "one", LATER)
    assert not job_store.extend("node x", "two", LATER + timedelta(days=1))
    assert [run.until for run in job_store.list_runs()] == [LATER, NOON + timedelta(minutes=1)]


def test_a_lease_is_forgotten_by_its_holder_alone(job_store: JobStore) -> None:
    job_store.take("node x", "slow", NOON, LATER, None)
    job_store.take("node x", "quick", LATER, LATER + timedelta(minutes=15), None)
    assert not job_store.forget("node x", "slow")
    assert job_store.forget("node x", "quick")
    assert job_store.list_runs() == ()
    assert not job_store.forget("node x", "quick")


def test_a_start_in_the_future_and_its_lease_count_as_not_there(job_store: JobStore) -> None:
    ahead = NOON + timedelta(days=365)
    assert job_store.take("outbox", "ahead", ahead, ahead + timedelta(minutes=15), None)
    assert job_store.take("outbox", "two", NOON, LATER, NOON - timedelta(hours=1))
    assert not job_store.finish(ended("ahead"))


def test_a_clock_that_is_set_back_a_little_gives_no_job_to_two(job_store: JobStore) -> None:
    assert job_store.take("outbox", "one", NOON, LATER, None)
    assert not job_store.take("outbox", "two", NOON - timedelta(minutes=4), LATER, None)
