"""The trust kit: the root in every form, and the steps for every system, to download or to write into a folder."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from cryptography import x509

from ca_service.pki import encodings
from ca_service.pki.chain import Chain
from ca_service.vos.bundle import BundleFile, checksums, stored_zip
from ca_service.vos.steps import Step
from ca_service.vos.trust_files import TrustFile, certificate_files, display_name, stem
from ca_service.vos.trust_steps import Places, Way, install_steps, list_systems, undo_steps

_WIDTH: Final = 100
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
