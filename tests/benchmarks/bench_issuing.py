"""How long it takes from the PEM of a request to the PEM of a leaf; `python -m tests.benchmarks.bench_issuing`.

Beside it, in the same run and turn by turn, what no authority can do without: one ECDSA verification
and one ECDSA signature with the same keys. The request is the one of a UCCX publisher: six parts of a
subject, two names, four key usages, three purposes. The goal is a ratio under 3 for P-256 and under 2 for P-384.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import cryptography
from cryptography import x509
from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.pki import csr, issuing, keys, profiles
from ca_service.pki.contents import Contents, Validity, extended_key_usage_names, key_usage_names
from tests.support import certificates, pkcs10, requests

GOALS = {"P-256": 3.0, "P-384": 2.0}
ROUNDS = 2_000
WARM_UP = 200


@dataclass(frozen=True, slots=True)
class Result:
    """Medians, seconds."""

    curve: str
    issuing: float
    signatures: float

    @property
    def ratio(self) -> float:
        """How many times as long as the signatures alone."""
        return self.issuing / self.signatures


def measure(curve: str, rounds: int = ROUNDS) -> Result:
    """Issue and sign turn by turn, `rounds` times each."""
    issue, sign = _issuing(curve), _signatures(curve)
    for _ in range(min(WARM_UP, rounds)):
        issue()
        sign()
    times = [(_seconds(issue), _seconds(sign)) for _ in range(rounds)]
    return Result(curve, *map(statistics.median, zip(*times, strict=True)))


def _seconds(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def _issuing(curve: str) -> Callable[[], bytes]:
    authority, issuer = certificates.intermediate(curve), certificates.intermediate(curve).issuer
    pem = pkcs10.pem(_request(curve).der())

    def issue() -> bytes:
        prepared = issuing.prepare(_contents(csr.read_request(pem)), issuer)
        return issuing.sign(prepared, authority.key).public_bytes(Encoding.PEM)

    return issue


def _request(curve: str) -> pkcs10.Recipe:
    node_key = requests.key("uccx1-EC.example.com", keys.CURVES[curve])
    recipe = requests.node("uccx1-EC.example.com", "example.com", "uccx1.example.com", curve=keys.CURVES[curve])
    return replace(recipe, hash=keys.signature_hash(node_key.public_key()))


def _contents(asked: csr.CertificationRequest) -> Contents:
    return Contents(
        profile=profiles.VOS,
        subject=asked.subject,
        subject_der=asked.subject_der,
        public_key=asked.public_key,
        subject_public_key_info=asked.subject_public_key_info,
        serial_number=x509.random_serial_number(),
        validity=Validity.of_days(certificates.NOW, profiles.VOS.default_days),
        key_usage=key_usage_names(asked.key_usage),
        extended_key_usage=extended_key_usage_names(asked.extended_key_usage),
        subject_alternative_name=asked.subject_alternative_name,
    )


def _signatures(curve: str) -> Callable[[], bytes]:
    request, signer = _request(curve), certificates.intermediate(curve).key
    node_key, data = request.key.public_key(), certificates.leaf(curve).tbs_certificate_bytes
    assert isinstance(node_key, ec.EllipticCurvePublicKey)
    loaded, algorithm = csr.load(request.der()), keys.signature_algorithm(node_key)
    signed, signature = loaded.tbs_certrequest_bytes, loaded.signature

    def sign() -> bytes:
        node_key.verify(signature, signed, algorithm)
        return signer.sign(data, algorithm)

    return sign


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - a file of the kernel
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main() -> None:
    """Print what was measured and on what, and whether the goals were met."""
    write = sys.stdout.write
    write(f"{_processor()}, Python {platform.python_version()}, cryptography {cryptography.__version__} with ")
    write(f"{backend.openssl_version_text()}, {ROUNDS} rounds, medians\n")
    write(f"{'curve':6} {'request to leaf':>16} {'verify + sign':>14} {'ratio':>6} {'goal':>6}\n")
    results = [measure(curve) for curve in GOALS]
    for result in results:
        write(f"{result.curve:6} {result.issuing * 1e6:13.0f} us {result.signatures * 1e6:11.0f} us")
        verdict = "met" if result.ratio < GOALS[result.curve] else "missed"
        write(f" {result.ratio:6.2f} {GOALS[result.curve]:6.1f} {verdict}\n")


if __name__ == "__main__":
    main()
