"""The names of authorities."""

from __future__ import annotations

import pytest

from ca_service.authority.hierarchy.plan import MAX_NAME, checked_name, fresh_name, subject_of
from ca_service.errors import InvalidInput


@pytest.mark.parametrize("name", ["A", "Example Lab", "lab-7.example", "x" * MAX_NAME])
def test_a_plain_name_can_be_used(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", " ", "-x", "x-", "x\n", "Müller", "a/b", "a,b", "O'Brien", "x" * (MAX_NAME + 1)])
def test_a_name_that_would_trouble_a_node_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_name(name)
    assert (caught.value.rule, caught.value.findings[0].pointer) == ("authority.name", "/name")


def test_a_fresh_name_can_be_used() -> None:
    assert checked_name(fresh_name())


def test_root_intermediate_and_generations_differ_in_name() -> None:
    subjects = {subject_of("Lab", role, generation) for role in ("root", "intermediate") for generation in (1, 2)}
    assert len(subjects) == 4
