"""Jobs: each is done when it is due, by one process at a time, and what becomes of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

import pytest

from ca_service.authority.access.permissions import Actor
from ca_service.authority.installation import Installation
from ca_service.authority.jobs import LEASE, Job, Jobs, Outcome
from ca_service.errors import NotFound, NotReady, Rule
from ca_service.settings import Settings
from ca_service.storage.notices import SQLJobStore
from ca_service.storage.sqlite import SQLiteDatabase
from tests.authority import racing
from tests.support.factories import OPERATOR
from tests.support.fakes import NOON, FixedClock
from tests.support.notices import InMemoryJobStore

EVERY = timedelta(hours=1)


@dataclass(slots=True)
class Work:
    """Something that is counted, and fails when it is told to."""

    done: int = 0
    error: BaseException | None = None
    meanwhile: Callable[[], object] = lambda: None

    def __call__(self) -> int:
        """Do it."""
        self.meanwhile()
        if self.error:
            raise self.error
        self.done += 1
        return 7


@dataclass(slots=True)
class Shop:
    """Several processes on one store."""

    work: Work = field(default_factory=Work)
    clock: FixedClock = field(default_factory=FixedClock)
    store: InMemoryJobStore = field(default_factory=InMemoryJobStore)

    def process(self) -> Jobs:
        """One more of them."""
        return Jobs([Job("work", EVERY, "count", self.work)], self.store, self.clock, iter(range(99)).__next__)

    def outcomes(self) -> list[Outcome]:
        """How what is due now turns out."""
        return [run.outcome for run in self.process().run_due()]


@pytest.fixture
def shop() -> Shop:
    """Nothing was done yet."""
    return Shop()


def test_a_job_is_done_at_once_and_again_when_its_time_has_come(shop: Shop) -> None:
    assert shop.outcomes() == [Outcome.DONE]
    assert shop.outcomes() == []
    shop.clock.advance(minutes=59, seconds=59)
    assert shop.outcomes() == []
    shop.clock.advance(seconds=1)
    assert shop.outcomes() == [Outcome.DONE]
    assert shop.work.done == 2


def test_how_it_went_is_kept(shop: Shop) -> None:
    shop.process().run_due()

    [state] = shop.process().list_jobs(OPERATOR)
    assert (state.run.outcome, state.run.count, state.run.took) == (Outcome.DONE, 7, 1000)
    assert state.run.started_at == state.run.ended_at == state.run.succeeded_at == NOON
    assert (state.is_held, state.due_at) == (False, NOON + EVERY)


@pytest.mark.fault("processes", "A job fails", "records why; runs it again at its time")
@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (NotReady.because(Rule("authority.missing", "None.", "Make one.")), "authority.missing"),
        (ValueError("x"), "ValueError"),
    ],
)
def test_a_job_that_fails_tells_why_and_is_tried_again_in_its_time(shop: Shop, error: Exception, detail: str) -> None:
    shop.work.error = error

    assert shop.outcomes() == [Outcome.FAILED]
    [state] = shop.process().states()
    assert (state.run.detail, state.run.succeeded_at) == (detail, None)
    shop.work.error = None
    shop.clock.advance(hours=1)
    assert shop.outcomes() == [Outcome.DONE]


def test_while_one_process_does_it_another_one_does_not(shop: Shop) -> None:
    seen = []
    shop.work.meanwhile = lambda: seen.extend(
        [shop.process().run_due(), shop.process().run(OPERATOR, "work").outcome, shop.process().states()[0].is_held]
    )

    shop.process().run_due()

    assert seen == [(), Outcome.BUSY, True]
    assert shop.work.done == 1


@pytest.mark.fault("processes", "A crash during a job", "another process runs it after the lease")
def test_a_process_that_was_cut_off_keeps_nobody_out_for_longer_than_its_lease(shop: Shop) -> None:
    shop.store.take("work", "gone", NOON, NOON + LEASE, None)

    shop.clock.advance(minutes=14)
    assert shop.outcomes() == []
    shop.clock.advance(hours=1)
    assert shop.outcomes() == [Outcome.DONE]


def test_a_process_that_is_stopped_gives_the_lease_back(shop: Shop) -> None:
    shop.work.error = KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        shop.process().run_due()

    [state] = shop.process().states()
    assert (state.run.outcome, state.is_held) == (Outcome.STOPPED, False)
    shop.work.error = None
    assert shop.process().run(OPERATOR, "work").outcome is Outcome.DONE


@pytest.mark.fault("processes", "A job outlasts its lease", "drops its late result")
def test_what_a_slow_holder_reports_is_dropped(shop: Shop) -> None:
    def be_slow() -> None:
        shop.work.meanwhile = lambda: None
        shop.clock.advance(hours=2)
        shop.process().run_due()

    shop.work.meanwhile = be_slow
    shop.process().run_due()

    [state] = shop.process().states()
    assert state.run.started_at == NOON + timedelta(hours=2)


def test_a_job_is_done_when_somebody_asks_for_it_whether_it_is_due_or_not(shop: Shop) -> None:
    shop.process().run_due()

    assert shop.process().run(OPERATOR, "work").outcome is Outcome.DONE
    assert shop.work.done == 2


def test_a_job_that_there_is_not_is_refused_with_those_that_there_are(shop: Shop) -> None:
    with pytest.raises(NotFound, match="work") as refused:
        shop.process().run(OPERATOR, "play")
    assert refused.value.rule == "job.unknown"


def test_the_loop_does_what_is_due_and_waits_until_it_is_told_to_stop(shop: Shop) -> None:
    waits = list[float]()

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        shop.clock.advance(minutes=20)
        return len(waits) > 4

    shop.process().loop(wait)

    assert waits == [0.0, 30.0, 30.0, 30.0, 30.0]
    assert shop.work.done == 2


def test_the_loop_waits_no_longer_than_to_the_next_job(shop: Shop) -> None:
    waits = list[float]()

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        shop.clock.advance(minutes=59.8 if len(waits) == 2 else 0)
        return len(waits) > 2

    shop.process().loop(wait)

    assert waits[2] == pytest.approx(12)


@pytest.mark.fault("database", "The database is away while jobs run", "tries again later")
def test_the_loop_outlives_a_database_that_is_away(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    class Away(InMemoryJobStore):
        """A store that cannot be reached."""

        def list_runs(self) -> tuple[()]:
            """Fail."""
            raise NotReady.because(Rule("database.unusable", "It is away.", "Bring it back."))

    waits = list[float]()

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) > 2

    Jobs([Job("work", EVERY, "count", shop.work)], Away(), shop.clock, lambda: 0.0).loop(wait)

    assert waits == [0.0, 30.0, 30.0]
    assert "It is away" in caplog.text


def do_jobs(installation: Installation, _: object) -> str:
    """What is due; how each of them went."""
    return " ".join(f"{run.name}={run.outcome}" for run in installation.jobs.run_due())


@pytest.mark.parametrize("race", racing.ways())
def test_of_two_processes_that_do_the_jobs_each_job_is_done_by_one(
    installation: Installation,
    settings: Settings,
    operator: Actor,
    race: racing.Race,
) -> None:
    done = " ".join(race(settings.instance_path, do_jobs, [None, None])).split()

    names = [state.job.name for state in installation.jobs.list_jobs(operator)]
    assert sorted(done) == sorted(f"{name}=done" for name in names)


def take_lease(_: Installation, folder: Path) -> str:
    """Take the lease of a job; whether this one got it."""
    store = SQLJobStore(SQLiteDatabase(folder / "ca.sqlite3"))
    return str(store.take("work", token_hex(), NOON, NOON + EVERY, None))


@pytest.mark.fault("same moment", "Two processes start a job", "one runs it")
@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("race", [*racing.ways(), racing.won_without_locks()])
def test_of_two_who_take_the_lease_of_a_job_one_gets_it(settings: Settings, race: racing.Race) -> None:
    """The UPDATE decides: it compares the lease and sets it."""
    assert sorted(race(settings.instance_path, take_lease, [settings.instance_path] * 2)) == ["False", "True"]
