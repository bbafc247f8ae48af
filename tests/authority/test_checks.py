"""Checks as such: none keeps another from running, and readiness asks once in five seconds, however many ask."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from ca_service.authority.checks import KEPT_FOR, SLOW_AFTER, Check, Occasion, Readiness, run
from ca_service.errors import Finding, NotReady, Rule, Visibility
from tests.support.factories import Lab

WRONG = Rule("x.wrong", "It is wrong.")


class Watch:
    """A stopwatch that is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """The seconds."""
        return self.seconds


class Look:
    """A look that counts, and finds what it is told to."""

    def __init__(self) -> None:
        self.count = 0
        self.is_wrong = False

    def __call__(self) -> Iterator[Finding]:
        """Look."""
        self.count += 1
        if self.is_wrong:
            yield WRONG.at()


def refuse() -> Iterator[Finding]:
    """Find by an error of ours."""
    raise NotReady(WRONG.at())


def fail() -> Iterator[Finding]:
    """Fail by an error that is not foreseen."""
    raise ZeroDivisionError("a secret")


@pytest.mark.fault("processes", "A check fails unexpectedly", "its result says so; the others run")
def test_a_check_that_fails_is_a_result_and_the_others_run(caplog: pytest.LogCaptureFixture) -> None:
    checks = [Check("refuses", "r", refuse), Check("fails", "f", fail), Check("passes", "p", Look())]
    with caplog.at_level(logging.ERROR, "ca_service.checks"):
        results = run(checks, Occasion.DOCTOR)
    found = {each.check.id: [finding.rule for finding in each.findings] for each in results}
    assert found == {"refuses": ["x.wrong"], "fails": ["check.failed"], "passes": []}
    assert [each.is_well for each in results] == [False, False, True]
    assert "a secret" not in " ".join(finding.detail for each in results for finding in each.findings)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("occasion", "expected"),
    [(Occasion.START, ["a"]), (Occasion.READINESS, ["a", "b"]), (Occasion.DOCTOR, ["a", "b", "c"])],
)
def test_a_check_runs_on_its_occasion_and_all_later_ones(occasion: Occasion, expected: list[str]) -> None:
    checks = [
        Check("a", "a", Look(), Occasion.START),
        Check("b", "b", Look(), Occasion.READINESS),
        Check("c", "c", Look(), Occasion.DOCTOR),
    ]
    assert [each.check.id for each in run(checks, occasion)] == expected


def test_a_check_is_for_the_operator_and_for_the_doctor_unless_it_says_otherwise() -> None:
    check = Check("a", "a", Look())
    assert (check.audience, check.occasion) == (Visibility.OPERATOR, Occasion.DOCTOR)


def readiness(look: Look) -> tuple[Readiness, Watch]:
    """Readiness with one cheap check and one that is not."""
    watch = Watch()
    checks = [Check("cheap", "cheap", look, Occasion.READINESS), Check("long", "long", fail)]
    return Readiness(checks, watch), watch


def test_results_are_kept_for_five_seconds() -> None:
    look = Look()
    ready, watch = readiness(look)
    assert [each.is_well for each in ready.results()] == [True]
    look.is_wrong = True
    watch.seconds = KEPT_FOR - 0.1
    assert [each.is_well for each in ready.results()] == [True]
    assert look.count == 1
    watch.seconds = KEPT_FOR
    assert [each.is_well for each in ready.results()] == [False]
    assert look.count == 2


def test_a_failure_and_its_end_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    look = Look()
    ready, watch = readiness(look)
    with caplog.at_level(logging.INFO, "ca_service.checks"):
        for look.is_wrong in (False, True, True, False):
            ready.results()
            watch.seconds += KEPT_FOR
    assert caplog.messages == ["check cheap failed: It is wrong.", "check cheap passes again"]


def test_many_who_ask_first_at_the_same_moment_wait_for_one_run() -> None:
    entered, released, look = threading.Event(), threading.Event(), Look()

    def slow() -> Iterator[Finding]:
        entered.set()
        released.wait(10)
        return look()

    ready = Readiness([Check("slow", "slow", slow, Occasion.READINESS)], Watch())
    answers: list[bool] = []
    threads = [
        threading.Thread(target=lambda: answers.extend(each.is_well for each in ready.results())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    released.set()
    for thread in threads:
        thread.join(10)
    assert (answers, look.count) == ([True] * 8, 1)


@pytest.mark.fault("disk", "A check does not end", "others get the results before, after 30 seconds a failure")
def test_while_the_checks_run_others_get_the_results_before_and_not_for_ever() -> None:
    look, seen = Look(), list[list[str]]()
    ready, watch = readiness(look)
    ready.results()

    def asked_meanwhile() -> None:
        seen.append([finding.rule for each in ready.results() for finding in each.findings])

    def slow() -> Iterator[Finding]:
        for seconds in (SLOW_AFTER - 1, SLOW_AFTER):
            watch.seconds = seconds
            other = threading.Thread(target=asked_meanwhile)
            other.start()
            other.join(10)
        yield from ()

    look.__class__ = type("Slow", (Look,), {"__call__": lambda _self: slow()})
    watch.seconds = KEPT_FOR
    assert [each.is_well for each in ready.results()] == [True]
    assert seen == [[], ["check.slow"]]


def test_the_ids_are_there_once_and_stable(lab: Lab) -> None:
    ids = [check.id for check in lab.doctor.checks]
    assert ids == [
        *("database-tables", "disk-space", "database-write", "private-files", "authority-key", "root-key"),
        *("chain-validity", "authority-revocation", "clock", "revocation-lists", "ocsp-signer", "jobs"),
        *("sealing-key", "audit-log", "published-certificate", "published-list", "published-ocsp"),
    ]
