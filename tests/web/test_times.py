"""Every time on a page names its zone: one macro shows it in UTC, and a script in the zone of the browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.installation import Installation
from tests.support.factories import OPERATOR
from tests.web.test_translation import TEMPLATES
from tests.web.visitor import Visitor

#: A time that a template formats itself, or prints as Python does.
_UNZONED: Final = re.compile(r"strftime|isoformat|<time\b|\{\{ [\w.]+\.(?:at|\w+_at|not_after|not_before) \}\}")
_OTHER_TEMPLATES: Final = [path for path in TEMPLATES if path.name != "parts.html"]  # it has the macros


@pytest.mark.parametrize("path", _OTHER_TEMPLATES, ids=lambda path: path.name)
def test_no_template_shows_a_time_but_by_the_macro(path: Path) -> None:
    assert _UNZONED.findall(path.read_text(encoding="utf-8")) == []


def test_the_macro_shows_utc_as_text_and_on_hover(
    signed_in: Callable[[Role], Visitor], installation: Installation
) -> None:
    event = installation.audit_log.list_events(OPERATOR, EventQuery()).items[0]

    page = signed_in(Role.AUDITOR).get("/audit").text

    utc = f"{event.at:%Y-%m-%d %H:%M:%S} UTC"
    assert f'title="{utc}" data-time="second">{utc}</time>' in page
