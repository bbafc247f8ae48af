"""Many open files in this process, as a busy server has them."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def more_than_select_takes() -> Iterator[None]:
    """Open so many files that the next one has a number that `select` does not take: 1,024 or higher."""
    with ExitStack() as stack:
        low = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(2048, low[1]), low[1]))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, low)
        while stack.enter_context(Path(os.devnull).open()).fileno() < 1024:
            pass
        yield
