"""CSRs and options as the API takes them: a form with files, and the query."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ca_service.authority.issuance.examination import Options
from ca_service.cli.api import File
from ca_service.cli.console import Console


def csr_files(console: Console, requests: Sequence[bytes]) -> list[File]:
    """Return the CSRs that `read_requests` has read, under the names of their files, which say their purpose."""
    return [("csr", (Path(name).name, data)) for name, data in zip(console.sources, requests, strict=True)]


def option_query(options: Options) -> dict[str, object]:
    """Return the options as query parameters."""
    destination = options.destination
    return {
        "profile": options.profile,
        "validity_days": options.validity_days,
        "new": options.new,
        "add_host_name": options.add_host_name,
        "purpose": destination.purpose,
        "product": destination.product,
        "version": destination.version,
    }
