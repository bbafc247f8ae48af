"""Check receipts: that the authority has written the issue of a certificate into its sealed audit log.

    python3 verify_receipt.py --key 4c1d...                        every receipt in this folder and below it
    python3 verify_receipt.py --key 4c1d... uccx1/receipt.json     this one; its certificate is beside it
    python3 verify_receipt.py                                      without a proof of who made the seal

The key is the fingerprint of the authority's sealing key: its page /ca/ shows it, and so does `ca-service audit head`.
UPLOAD.txt has it too, but a forger of the receipt can forge that as well.

Exit code: 0 proven, 1 not proven, 2 nothing to check, 3 valid, but the key is not confirmed (no --key).
It needs Python 3.8 or newer and nothing else, so it contains the check of a signature on P-256 (FIPS 186-5, 6.4.2).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

P = 2**256 - 2**224 + 2**192 + 2**96 - 1  # the curve P-256 (SP 800-186, 3.2.1.3): y^2 = x^3 - 3x + B
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
GX = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
GY = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")  # the bytes before x and y
DAMAGE = (ValueError, KeyError, TypeError, IndexError, AttributeError, OSError, RecursionError)
PROVEN, NOT_PROVEN, NOT_CONFIRMED = 0, 1, 3
WORDS = {PROVEN: "PROVEN", NOT_PROVEN: "NOT PROVEN", NOT_CONFIRMED: "VALID, KEY NOT CONFIRMED"}


def require(is_so: bool, otherwise: str) -> None:
    """Go on only if it is so."""
    if not is_so:
        raise ValueError(otherwise)


def add(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return the sum of two points; None is the point at infinity."""
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    top, bottom = (3 * x1 * x1 - 3, 2 * y1) if one == other else (y2 - y1, x2 - x1)
    slope = top * pow(bottom, -1, P) % P
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def times(factor: int, point: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return the point, so many times."""
    total: tuple[int, int] | None = None
    for bit in bin(factor)[2:]:
        total = add(add(total, total), point if bit == "1" else None)
    return total


def integer(number: int) -> bytes:
    """Return a positive INTEGER of less than 128 bytes, DER (X.690, 8.3)."""
    content = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes([2, len(content)]) + content


def is_signed(data: bytes, signature: bytes, spki: bytes) -> bool:
    """Return whether this is the ECDSA signature (DER) of a key (SubjectPublicKeyInfo, DER) over data, with SHA-256."""
    x, y = int.from_bytes(spki[27:59], "big"), int.from_bytes(spki[59:], "big")
    is_on_curve = x < P and y < P and (y * y - x * x * x + 3 * x - B) % P == 0
    require(len(spki) == 91 and spki[:27] == SPKI and is_on_curve, "the sealing key is not a key on P-256")
    size = int.from_bytes(signature[3:4], "big")
    r, s = int.from_bytes(signature[4 : 4 + size], "big"), int.from_bytes(signature[6 + size :], "big")
    if not (len(signature) <= 72 and 0 < r < N and 0 < s < N):
        return False
    both = integer(r) + integer(s)
    if signature != bytes([48, len(both)]) + both:  # DER has one form for each value
        return False
    inverse, digest = pow(s, -1, N), int.from_bytes(hashlib.sha256(data).digest(), "big")
    point = add(times(digest * inverse % N, (GX, GY)), times(r * inverse % N, (x, y)))
    return point is not None and point[0] % N == r


def canonical(document: Any) -> bytes:
    """Return the bytes that were hashed and signed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")


def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of a JSON object, each of which is there once."""
    require(len(dict(pairs)) == len(pairs), "a member is there twice")
    return dict(pairs)


def hexadecimal(text: str, digits: str = "+") -> bytes:
    """Return the bytes of lower-case hexadecimal digits; `digits` is how many there are, as in a pattern."""
    require(re.fullmatch("[0-9a-f]" + digits, text) is not None, "a hash, key or signature is not in hexadecimal")
    return bytes.fromhex(text)


def root_of(leaf: bytes, position: int, count: int, path: list[str]) -> bytes:
    """Return the root of a hash tree (RFC 6962, 2.1) to which the path leads."""
    require(type(position) is int and 0 <= position < count, "the position is outside of the seal")
    while count > 1:
        if position ^ 1 < count:
            other = hexadecimal(path.pop(0), "{64}")
            leaf = hashlib.sha256(b"\x01" + (other + leaf if position & 1 else leaf + other)).digest()
        position, count = position >> 1, (count + 1) >> 1
    require(not path, "the path is too long")
    return leaf


def serial_of(der: bytes) -> str:
    """Return the serial number of a certificate (RFC 5280, 4.1), as 40 hexadecimal digits."""
    at = 0
    for _ in range(2):  # into the certificate, into what is signed
        at += 2 + (der[at + 1] & 0x7F if der[at + 1] & 0x80 else 0)
    at += 5 if der[at] == 0xA0 else 0  # past the version
    number = int.from_bytes(der[at + 2 : at + 2 + der[at + 1]], "big")
    require(der[at : at + 2 + der[at + 1]] == integer(number) and number < 2**160, "the serial number is damaged")
    return f"{number:040x}"


def certificate_for(receipt: Any, folder: pathlib.Path) -> bytes:
    """Return the certificate beside the receipt, DER."""
    for file in sorted(folder.glob("*.pem")):
        pem = re.search(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", file.read_bytes(), re.DOTALL)
        found = base64.b64decode(pem[1]) if pem else b""
        if hashlib.sha256(found).hexdigest() == receipt["certificate"]["fingerprint"]:
            return found
    raise ValueError("its certificate is not beside it, as an unchanged .pem file")


def check_form(receipt: Any, certificate: bytes) -> None:
    """Check everything that no signature covers; raises ValueError if it is not what an authority writes."""
    own = {name: value for name, value in receipt.items() if name not in ("event", "position", "path", "seal")}
    spki = hexadecimal(receipt["key"]["public_key"])
    key = {"id": "audit-seal-1", "algorithm": "ECDSA P-256 SHA-256", "fingerprint": hashlib.sha256(spki).hexdigest()}
    about = {"serial_number": serial_of(certificate), "fingerprint": hashlib.sha256(certificate).hexdigest()}
    wanted = {"format": "ca_service receipt", "v": 1, "certificate": about, "key": {**key, "public_key": spki.hex()}}
    for name in {*own, *wanted}:
        is_so = name in own and name in wanted and canonical(own[name]) == canonical(wanted[name])
        require(is_so, "its member " + ascii(name) + " is not that of a receipt of this certificate and key")


def check(receipt: Any, certificate: bytes, wanted_key: str) -> Iterator[str]:
    """Return the lines of what was proven; raises ValueError for what is wrong."""
    check_form(receipt, certificate)
    event, seal, spki = receipt["event"], dict(receipt["seal"]), hexadecimal(receipt["key"]["public_key"])
    signature, key = hexadecimal(seal.pop("signature")), receipt["key"]["fingerprint"]
    require(seal["key"] == key, "the key in it is not the one of the seal")
    require(wanted_key in ("", key), "the seal is by another key: " + key)
    require(is_signed(canonical(seal), signature, spki), "the signature of the seal is not valid")
    require(seal["type"] == "seal" and canonical([seal["v"], event["v"]]) == b"[1,1]", "it is of another version")
    require(seal["first"] <= event["id"] <= seal["last"], "the event is outside of the seal")
    leaf = hashlib.sha256(b"\x00" + canonical(event)).digest()
    root = root_of(leaf, receipt["position"], seal["count"], list(receipt["path"]))
    require(root.hex() == seal["root"], "the event is not in the seal")
    found, serial = hashlib.sha256(certificate).hexdigest(), serial_of(certificate)
    require(event["event"] == "certificate.issued" and event["subject"] == serial, "the event is about something else")
    require(event["details"].get("fingerprint", found) == found, "the event is about another certificate")
    yield "Event {id}: {actor} had certificate {subject} issued on {at}.".format(**event)
    yield "Sealed in seal {number} of {at}, by the key {key}.".format(**seal)
    if "fingerprint" not in event["details"]:
        yield "The event names the certificate by its serial number alone."


def judge(path: pathlib.Path, wanted_key: str) -> tuple[int, list[str]]:
    """Return what a receipt is worth, and the lines that say why."""
    try:
        receipt = json.loads(path.read_text("utf-8"), object_pairs_hook=members)
        lines = list(check(receipt, certificate_for(receipt, path.parent), wanted_key))
    except DAMAGE as error:
        return NOT_PROVEN, [str(error) if isinstance(error, (ValueError, OSError)) else "it is damaged"]
    return (PROVEN if wanted_key else NOT_CONFIRMED), lines


def main() -> None:
    """Check what is named, or all there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("receipts", nargs="*", type=pathlib.Path, metavar="RECEIPT", help="receipts to check")
    parser.add_argument("--key", metavar="SHA-256", help="fingerprint that the sealing key must have")
    given = parser.parse_args()
    key = (given.key or "").lower().replace(":", "")
    if given.key is not None and not re.fullmatch("[0-9a-f]{64}", key):
        parser.error("--key needs the 64 hexadecimal digits of a SHA-256 fingerprint")
    results = set()
    for path in given.receipts or sorted(pathlib.Path().rglob("*receipt.json")) or parser.error("no receipt.json here"):
        result, lines = judge(path, key)
        results.add(result)
        sys.stdout.write("{}  {}\n".format(WORDS[result], "\n        ".join([str(path), *lines])))
    if NOT_CONFIRMED in results:
        sys.stdout.write("Compare the key with the page /ca/ of the authority, and check again with --key.\n")
    sys.stdout.write("Not checked: whether the certificate is valid, or was revoked since.\n")
    sys.exit(NOT_PROVEN if NOT_PROVEN in results else max(results))


if __name__ == "__main__":
    main()
