"""The trust kit: the root in every form, and the steps for every system, to download or to write into a folder.

The steps, with which a system trusts the root and forgets it again, are data: `data/trust.toml`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any, Final

from cryptography import x509

from ca_service.pki import encodings
from ca_service.pki.chain import Chain
from ca_service.vos.bundle import BundleFile, checksums, stored_zip
from ca_service.vos.knowledge import table
from ca_service.vos.phrases import phrase
from ca_service.vos.steps import Step
from ca_service.vos.trust_files import TrustFile, certificate_files, display_name, stem

PEOPLE: Final = "people"  # the computers and phones of users; the other systems are servers and applications
DEFAULT: Final = "windows"  # the system of a browser that names none
#: How a terminal downloads a file and shows its fingerprint; without an address the file is there already.
_DOWNLOAD: Final = {
    "sh": "curl -fsSO {url}",
    "java": "curl -fsSO {url}",
    "powershell": 'Invoke-WebRequest -UseBasicParsing {url} -OutFile "$env:TEMP\\{file}"',
}
_COPY: Final = {"powershell": 'Copy-Item {file} "$env:TEMP\\{file}"'}
_SHOW: Final = {
    "sh": "openssl x509 -in {file} -noout -fingerprint -sha256",
    "java": "keytool -printcert -file {file}",
    "powershell": "(Get-FileHash \"$env:TEMP\\{file}\").Hash -replace '(..)(?!$)', '$1:'",
}

_WIDTH: Final = 100  # of the text file
_INDENT: Final = "   "


@dataclass(frozen=True, slots=True)
class TrustKit:
    """The files with which machines come to trust a root. `chain` ends with the root; none of it is revoked."""

    chain: Chain

    @property
    def root(self) -> x509.Certificate:
        """The certificate that is to be trusted."""
        return self.chain[-1]

    @property
    def name(self) -> str:
        """The name of the ZIP, after the authority."""
        return f"{stem(self.root)}-trust-kit.zip"

    @property
    def certificates(self) -> tuple[TrustFile, ...]:
        """The root in every form, then the intermediates."""
        return certificate_files(self.root, self.chain[-2::-1])

    @property
    def files(self) -> tuple[TrustFile, ...]:
        """The certificates, the steps as text, and the checksums of both: what the ZIP contains."""
        text = as_text(self.root, self.places())
        files = (*self.certificates, TrustFile("readme", f"{stem(self.root)}-INSTALL.txt", text.encode()))
        sums = checksums(f"{stem(self.root)}-SHA256SUMS", _entries(files))
        return (*files, TrustFile("sums", sums.path, sums.data))

    def places(self, base_url: str = "") -> Places:
        """Return what the steps refer to; see Places."""
        files = self.certificates
        return Places(
            {kind: [file.name for file in files if file.kind == kind] for kind in {file.kind for file in files}},
            {
                "name": display_name(self.root),
                "stem": stem(self.root),
                "thumbprint": encodings.fingerprint_text(self.root, "sha1").replace(":", ""),
            },
            base_url,
        )

    def to_zip(self) -> bytes:
        """Return all files as a ZIP; the same bytes each time."""
        return stored_zip(_entries(self.files))

    def find_file(self, name: str) -> TrustFile | None:
        """Return the file with this name, the ZIP included, or None."""
        if name == self.name:
            return TrustFile("zip", name, self.to_zip())
        return next((file for file in (*self.certificates, *self.files) if file.name == name), None)


def _entries(files: Sequence[TrustFile]) -> list[BundleFile]:
    return [BundleFile(file.name, file.data) for file in files]


def as_text(root: x509.Certificate, places: Places) -> str:
    """Return the steps for every system as a text file: fingerprints first, 100 characters wide, LF."""
    title = f"Install {display_name(root)}"
    lines = [title, "=" * min(len(title), _WIDTH), ""]
    lines += ["Compare the fingerprint with one from another channel, for example by phone.", ""]
    lines += [f"SHA-256  {encodings.fingerprint_text(root)}", f"SHA-1    {encodings.fingerprint_text(root, 'sha1')}"]
    for system in list_systems():
        lines += ["", "", system.name, "-" * len(system.name)]
        for way in install_steps(system, places):
            lines += _way(way.title, way)
        for way in undo_steps(system, places):
            lines += _way(f"Undo: {way.title[0].lower()}{way.title[1:]}", way)
    return "\n".join([*lines, ""])


def _way(title: str, way: Way) -> Iterator[str]:
    yield from ("", title)
    numbers = count(1)
    for step in way.steps:
        yield from _step(next(numbers), step)


def _step(number: int, step: Step) -> Iterator[str]:
    yield from textwrap.wrap(step.title, _WIDTH, initial_indent=f"{number}. ", subsequent_indent=_INDENT)
    yield from (f"{_INDENT}{_INDENT}{line}" for line in step.terminal)


@dataclass(frozen=True, slots=True)
class System:
    """A system with a trust store. `agent` is found in the User-Agent header of its browsers; empty finds none.

    `group` is PEOPLE for the computers and phones of users. `has_sha1` says that its tools show SHA-1 fingerprints.
    """

    id: str
    name: str
    group: str
    agent: str
    has_sha1: bool
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """Steps that lead to one end, in their order. A way that is folded is for administrators."""

    title: str
    steps: tuple[Step, ...]
    is_folded: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """The values that steps refer to: files of a kit by their kind, name and thumbprint of the root by their field.

    `base_url` is the folder of the files on the service; empty where the reader has the files.
    """

    files: Mapping[str, Sequence[str]]
    values: Mapping[str, str]
    base_url: str = ""

    def named(self) -> Mapping[str, str]:
        """Return the values, with the names of the files by their kind."""
        return {**{kind: ", ".join(found) for kind, found in self.files.items()}, **self.values}


@cache
def list_systems() -> tuple[System, ...]:
    """Return all systems, in the order in which they are shown."""
    return tuple(
        System(
            row["id"],
            row["name"],
            row["group"],
            row.get("agent", ""),
            row.get("has_sha1", False),
            tuple(row["sources"]),
        )
        for row in table("trust")["system"]
    )


def find_system(id: str) -> System | None:
    """Return the system with this id, or None."""
    return next((system for system in list_systems() if system.id == id), None)


def system_of(user_agent: str) -> System:
    """Return the system on which a browser runs, or the most frequent one."""
    found = (each for each in list_systems() if each.agent and re.search(each.agent, user_agent))
    return next(found, None) or next(each for each in list_systems() if each.id == DEFAULT)


def install_steps(system: System, places: Places) -> tuple[Way, ...]:
    """Return the ways to install the root, the simplest first."""
    return _ways(system, "install", places)


def undo_steps(system: System, places: Places) -> tuple[Way, ...]:
    """Return the ways to remove the root."""
    return _ways(system, "undo", places)


def _ways(system: System, kind: str, places: Places) -> tuple[Way, ...]:
    row = next(row for row in table("trust")["system"] if row["id"] == system.id)
    return tuple(
        Way(
            way["title"],
            tuple(step for each in way["steps"] for step in _steps(each, places)),
            way.get("is_folded", False),
        )
        for way in row[kind]
    )


def _steps(row: Mapping[str, Any], places: Places) -> Iterator[Step]:
    """Yield the steps of a row: one, or one for each file, or none where a file that it needs is missing."""
    if "file" in row:
        yield from (_file_step(file, places) for file in places.files.get(row["file"], ()))
    elif "fetch" in row:
        yield _fetch_step(places.files[row["fetch"]][0], row.get("shell", "sh"), places)
    elif "needs" not in row or places.files.get(row["needs"]):
        values = places.named()
        yield Step(
            phrase(row["do"], **values), "", terminal=tuple(line.format_map(values) for line in row.get("run", ()))
        )


def _file_step(file: str, places: Places) -> Step:
    title = "Download {file}" if places.base_url else "Take {file} from this folder"
    return Step(phrase(title, file=file), "", files=(file,))


def _fetch_step(file: str, shell: str, places: Places) -> Step:
    """Return the step of a terminal that gets a file and shows its fingerprint."""
    get = _DOWNLOAD.get(shell, "") if places.base_url else _COPY.get(shell, "")
    lines = [line.format(file=file, url=f"{places.base_url}{file}") for line in (get, _SHOW[shell]) if line]
    title = "Download {file}, and compare its fingerprint." if places.base_url else "Compare the fingerprint of {file}."
    return Step(phrase(title, file=file), "", terminal=tuple(lines))
