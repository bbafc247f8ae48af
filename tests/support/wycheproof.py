"""The vectors of project Wycheproof for ECDSA on P-256 with SHA-256: written compactly, and read again.

    python -m tests.support.wycheproof ecdsa_secp256r1_sha256_test.json

The source is testvectors_v1/ecdsa_secp256r1_sha256_test.json of the repository C2SP/wycheproof (Apache License 2.0),
commit dac1dd4729fd1f8dd9e1e9f3dce51d783da6c166. Kept are the key, the message, the signature and the verdict of each.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PATH: Final = Path(__file__).parents[1] / "vectors" / "wycheproof-p256.txt"


@dataclass(frozen=True, slots=True)
class Vector:
    """A signature (DER) over a message with a key (SubjectPublicKeyInfo, DER), and whether it is valid."""

    number: int
    key: bytes
    message: bytes
    signature: bytes
    is_valid: bool


def vectors() -> tuple[Vector, ...]:
    """All vectors, in their order."""
    return tuple(_read(PATH.read_text("ascii").splitlines()))


def _read(lines: list[str]) -> Iterator[Vector]:
    key = b""
    for line in lines:
        first, *rest = line.split(" ")
        if first == "key":
            key = bytes.fromhex(rest[0])
        elif first != "#":
            verdict, message, signature = rest
            yield Vector(int(first), key, bytes.fromhex(message), bytes.fromhex(signature), verdict == "valid")


def lines_of(source: Any) -> Iterator[str]:
    """The lines of a file of Wycheproof: a key, then number, verdict, message and signature of its vectors."""
    yield "# C2SP/wycheproof, testvectors_v1/ecdsa_secp256r1_sha256_test.json (Apache License 2.0)"
    for group in source["testGroups"]:
        yield f"key {group['publicKeyDer']}"
        for each in group["tests"]:
            yield f"{each['tcId']} {each['result']} {each['msg']} {each['sig']}"


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    PATH.write_text("".join(f"{line}\n" for line in lines_of(given)), "ascii")
