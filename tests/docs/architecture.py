"""Draws docs/images/architecture.svg from the imports: layers, and the rooms of the authority.

    python -m tests.docs.architecture

An arrow at the right of the rooms leads from an importing room to the imported one, always downwards.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import grimp

ROOT: Final = Path(__file__).parents[2]
PICTURE: Final = ROOT / "docs" / "images" / "architecture.svg"
PACKAGE: Final = "ca_service"
ROOMS: Final = f"{PACKAGE}.authority"

_WIDTH: Final = 960
_LEFT: Final = 24
_BOX: Final = 620
_ROW: Final = 40
_GAP: Final = 10
_EXPLAINED: Final = {
    "app": "the only place where the parts meet",
    "documents": "what each thing looks like as JSON",
    "vos": "what Cisco nodes ask, accept and need",
    "pki": "certificates: parse, prepare, lint, sign",
    "deadline": "how long a request waits for the database",
    "errors": "one tree of errors, and the findings",
    "health": "doctor, what is published, log against tables",
    "jobs": "what runs regularly, and its leases",
    "notices": "expiry notices, outbox, calendars",
    "fleet": "clusters, nodes, slots, renewal",
    "issuance": "from CSR to certificate",
    "status": "CRL and OCSP",
    "inventory": "search, filters, expiry",
    "revocation": "revoke, hold, release",
    "people": "accounts, sign-in, tokens",
    "hierarchy": "root and intermediate",
    "audit": "events, seals, receipts",
    "access": "roles, grants, allowed names",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the picture: boxes side by side at `top`; `indent` in pixels."""

    names: tuple[str, ...]
    top: int
    indent: int = 0

    @property
    def middle(self) -> int:
        """Where its arrows begin and end, in pixels from the top."""
        return self.top + _ROW // 2


def draw() -> str:
    """Return the picture as SVG."""
    graph = grimp.build_graph(PACKAGE)
    layers, rooms = _layers(0), _layers(1)
    rows, frames, top = list[Row](), list[tuple[int, int]](), 16
    for layer in layers:
        if layer == ("authority",):
            begin, top = top, top + 30
            for room in rooms:
                rows.append(Row(room, top, indent=16))
                top += _ROW + _GAP
            frames.append((begin, top + 4))
            top += _GAP + 8
        else:
            rows.append(Row(layer, top))
            top += _ROW + _GAP
    parts = [*_frames(frames), *(box for row in rows for box in _boxes(row)), *_arrows(graph, rows)]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top + 6}" '
        'font-family="system-ui, sans-serif" font-size="14">\n'
        "<title>Layers of ca_service and rooms of the authority; imports lead downwards only</title>\n"
        f'<rect width="{_WIDTH}" height="{top + 6}" fill="#fff"/>\n'
        '<defs><marker id="head" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#3d6fb4"/></marker></defs>\n'
        f"{body}\n</svg>\n"
    )


def _layers(contract: int) -> list[tuple[str, ...]]:
    """Read the layers that import-linter executes, so that the picture shows no order of its own."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = [each["layers"] for each in contracts if each["type"] == "layers"][contract]
    return [tuple(name.strip().rpartition(".")[2] for name in layer.split("|")) for layer in layers]


def _frames(frames: Sequence[tuple[int, int]]) -> Iterator[str]:
    for begin, end in frames:
        yield (
            f'<rect x="{_LEFT}" y="{begin}" width="{_BOX}" height="{end - begin}" rx="8" fill="#eef3fa" '
            'stroke="#9db7d9"/>'
            f'<text x="{_LEFT + 14}" y="{begin + 20}" fill="#1b3a63" font-weight="600">'
            "authority: use cases in rooms; imports lead downwards only</text>"
        )


def _boxes(row: Row) -> Iterator[str]:
    left, width = _LEFT + row.indent, _BOX - 2 * row.indent
    each = (width - 6 * (len(row.names) - 1)) // len(row.names)
    is_wide = len(row.names) == 1
    size, anchor = (11 if len(row.names) > 4 else 14), ("start" if is_wide else "middle")
    for number, name in enumerate(row.names):
        x = left + number * (each + 6)
        text = _label(name) if is_wide else escape(name)
        yield (
            f'<rect x="{x}" y="{row.top}" width="{each}" height="{_ROW}" rx="6" fill="#fff" stroke="#9db7d9"/>'
            f'<text x="{x + 14 if is_wide else x + each // 2}" y="{row.middle + 5}" text-anchor="{anchor}" '
            f'font-size="{size}" fill="#16202e">{text}</text>'
        )


def _label(name: str) -> str:
    explained = _EXPLAINED.get(name)
    return f'<tspan font-weight="600">{escape(name)}</tspan>  {escape(explained)}' if explained else escape(name)


def _arrows(graph: Any, rows: Sequence[Row]) -> Iterator[str]:
    """Draw an arc for each pair of rooms of which one imports the other."""
    # `installation` lists every use case, so its arrows would say nothing.
    rooms = {row.names[0]: row for row in rows if row.indent and len(row.names) == 1 and row.names[0] in _EXPLAINED}
    x, arcs = _LEFT + _BOX - 16, []
    for upper, lower in ((a, b) for a in rooms for b in rooms if rooms[a].top < rooms[b].top):
        if _imports(graph, f"{ROOMS}.{upper}", f"{ROOMS}.{lower}"):
            arcs.append((rooms[upper].middle, rooms[lower].middle))
    for begin, end in sorted(arcs, key=lambda arc: arc[1] - arc[0]):
        reach = x + 30 + (end - begin) * 0.52
        yield (
            f'<path d="M{x} {begin + 4}C{reach:.0f} {begin + 4} {reach:.0f} {end - 4} {x + 3} {end - 4}" fill="none" '
            'stroke="#3d6fb4" stroke-opacity=".55" stroke-width="1.3" marker-end="url(#head)"/>'
        )


def _imports(graph: Any, importer: str, imported: str) -> bool:
    importers = {importer, *graph.find_descendants(importer)}
    targets = {imported, *graph.find_descendants(imported)}
    return any(graph.find_modules_directly_imported_by(module) & targets for module in importers)


def main() -> None:
    """Write the picture."""
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(draw(), encoding="utf-8")
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
