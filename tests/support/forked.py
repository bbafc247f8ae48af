"""Processes that are forked from one that has imported the program: they start in milliseconds, not in a second."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext
from typing import Final

FORKED: Final[ForkServerContext] = multiprocessing.get_context("forkserver")
# A process of tests has one server that forks, so it imports what all of them need.
FORKED.set_forkserver_preload(["tests.authority.racing", "tests.web.serving"])
