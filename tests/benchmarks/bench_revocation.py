"""Revocation with 100,000 revoked certificates; `python -m tests.benchmarks.bench_revocation`.

Beside it, in the same run, what OpenSSL's own authority takes for the same: `openssl ca -gencrl` for the
list, `openssl ocsp` for answers over HTTP.
"""

from __future__ import annotations

import secrets
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import insert

from ca_service import clock, settings
from ca_service.app import open_installation
from ca_service.authority.hierarchy.hierarchy import certificate_of
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.pki import crl, encodings, issuing, keys, profiles
from ca_service.pki.contents import Issuer, serial_text
from ca_service.pki.reasons import Reason
from ca_service.storage.revocation import SQLCRLStore
from ca_service.storage.schema import revocation, revocation_version
from ca_service.storage.sqlite import SQLiteDatabase
from tests.benchmarks import answers
from tests.support import certificates
from tests.support.factories import OPERATOR, cheap_hasher
from tests.support.requests import SOCIALMINER

COUNT = 100_000
ROUNDS = 15
QUESTIONS = 1_000
CONNECTIONS = 4
GOAL_MS = 50
GOAL_RATIO = 7
ISSUER = "intermediate-g1"


@dataclass(frozen=True, slots=True)
class Scene:
    """An installation with many revoked certificates, and an authority of OpenSSL's with the same."""

    folder: Path
    installation: Installation
    serials: tuple[int, ...]

    @property
    def instance(self) -> Path:
        """The folder of the installation."""
        return self.folder / "instance"


def main() -> None:
    """Print what was measured, and whether the goals were met."""
    with tempfile.TemporaryDirectory() as name:
        scene = _scene(Path(name))
        print(f"Revocation: {COUNT:,} revoked, P-384, SQLite, {ROUNDS} rounds, medians")
        _revoke(scene)
        _list(scene)
        scene.installation.close()
        answers.measure(scene.folder, scene.instance, scene.serials)


def _revoke(scene: Scene) -> None:
    issue = scene.installation.issuance.issue
    leaves = [issue(OPERATOR, [SOCIALMINER.data], Options(new=True)).certificates[0] for _ in range(ROUNDS)]
    pending = iter(leaves)
    taken = _median(
        lambda: scene.installation.revocation.revoke(
            OPERATOR, Selection((next(pending).serial_number,)), Reason.SUPERSEDED
        )
    )
    print(
        f"  {taken * 1000:8.1f} ms to revoke one more, synced (goal: under {GOAL_MS} ms) {_met(taken * 1000 < GOAL_MS)}"
    )


def _revoke_one(scene: Scene) -> None:
    [leaf] = scene.installation.issuance.issue(OPERATOR, [SOCIALMINER.data], Options(new=True)).certificates
    scene.installation.revocation.revoke(OPERATOR, Selection((leaf.serial_number,)), Reason.SUPERSEDED)


def _list(scene: Scene) -> None:
    record = scene.installation.hierarchy.active().record
    issuer = Issuer.of(certificate_of(record))
    key = scene.installation.hierarchy.signing_key(scene.installation.hierarchy.active())
    database = SQLiteDatabase(scene.instance / "ca.sqlite3")
    now = clock.utc_now()

    def make() -> bytes:
        return sign(SQLCRLStore(database).read_entries(ISSUER, None).der)

    def sign(entries: bytes) -> bytes:
        return crl.sign(crl.RevocationList(1, now, now + timedelta(days=3), [entries]), issuer, key)

    entries = SQLCRLStore(database).read_entries(ISSUER, None).der
    joined, taken, size = _median(lambda: sign(entries)), _median(make), len(make())
    print(f"  {joined * 1000:8.1f} ms to sign the list of {size / 1e6:.1f} MB", end=" ")
    print(f"(goal: under {GOAL_MS} ms) {_met(joined * 1000 < GOAL_MS)}")
    print(
        f"  {taken * 1000:8.1f} ms to read the entries as well ({_cpu(make) * 1000:.1f} ms of the processor)", end=" "
    )
    print(f"(goal: under {GOAL_MS} ms) {_met(taken * 1000 < GOAL_MS)}")
    database.close()
    _publishing(scene, taken)


def _publishing(scene: Scene, taken: float) -> None:
    """`taken` is what the list alone took."""
    published = _median(lambda: scene.installation.crl_publisher.publish(OPERATOR, ISSUER))
    print(f"  {published * 1000:8.1f} ms to publish it: the same with its delta, stored and synced")
    added = _median(lambda: scene.installation.crl_publisher.current(ISSUER), before=lambda: _revoke_one(scene))
    print(f"  {added * 1000:8.1f} ms to publish it with one more entry, which goes behind those of the last list")
    if shutil.which("openssl"):
        theirs = _median(lambda: _openssl(scene, "ca", "-config", "ca.cnf", "-gencrl", "-out", "theirs.crl"), 5)
        ratio = theirs / taken
        print(f"  {theirs * 1000:8.1f} ms for `openssl ca -gencrl`: {ratio:.1f} times as long", end=" ")
        print(f"(goal: {GOAL_RATIO}) {_met(ratio >= GOAL_RATIO)}; {theirs / published:.1f} times the publishing")


def _median(do: Callable[[], object], rounds: int = ROUNDS, before: Callable[[], object] = tuple) -> float:
    times = []
    for _ in range(rounds):
        before()
        started = time.perf_counter()
        do()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _cpu(do: Callable[[], object]) -> float:
    """What it takes where nobody else is running: the least of several."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        do()
        times.append(time.process_time() - started)
    return min(times)


def _met(is_met: bool) -> str:
    return "met" if is_met else "missed"


def _scene(folder: Path) -> Scene:
    installation = open_installation(settings.load({}, folder / "instance").settings, cheap_hasher())
    installation.schema.upgrade()
    installation.creation.initialise(OPERATOR, installation.plan)
    serials = tuple(secrets.randbits(158) | 1 << 150 for _ in range(COUNT))
    now = clock.utc_now()
    rows = [_row(number, now) for number in serials]
    database = SQLiteDatabase(folder / "instance" / "ca.sqlite3")
    with database.write() as connection:
        connection.execute(insert(revocation), rows)
        connection.execute(insert(revocation_version), {"issuer_id": ISSUER, "version": 1})
    database.close()
    scene = Scene(folder, installation, serials)
    _write_theirs(scene)
    return scene


def _row(number: int, now: datetime) -> dict[str, object]:
    return {
        "issuer_id": ISSUER,
        "serial_number": serial_text(number),
        "state": "revoked",
        "reason": "superseded",
        "revoked_at": now,
        "changed_at": now,
        "changed_by": "bench",
        "not_after": now + timedelta(days=300),
        "entry_der": crl.entry(number, now, Reason.SUPERSEDED),
        "note": "",
        "version": 1,
    }


def _write_theirs(scene: Scene) -> None:
    """The same authority and the same revoked certificates, as `openssl ca` keeps them; its keys are new."""
    authority = certificates.intermediate()
    wanted = certificates.contents(profiles.OCSP, certificates.common_name("Responder"), _responder_key.public_key())
    responder = issuing.sign(issuing.prepare(wanted, Issuer.of(authority.certificate)), authority.key)
    active = scene.installation.hierarchy.active()
    (scene.folder / "ca.pem").write_bytes(encodings.pem(active.chain[0]))
    (scene.folder / "theirs.pem").write_bytes(encodings.pem(authority.certificate))
    (scene.folder / "theirs.key").write_bytes(_key_pem(authority.key))
    (scene.folder / "responder.pem").write_bytes(encodings.pem(responder))
    (scene.folder / "responder.key").write_bytes(_key_pem(_responder_key))
    lines = (
        f"R\t300101000000Z\t260101000000Z,superseded\t{_even(number)}\tunknown\t/CN=x\n" for number in scene.serials
    )
    (scene.folder / "index.txt").write_text("".join(lines))
    (scene.folder / "index.txt.attr").write_text("unique_subject = no\n")
    (scene.folder / "crlnumber").write_text("01\n")
    (scene.folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha384\ndefault_crl_days=3\n"
        "certificate=theirs.pem\nprivate_key=theirs.key\ncrl_extensions=ext\n[ext]\nauthorityKeyIdentifier=keyid:always\n"
    )


def _even(number: int) -> str:
    text = f"{number:X}"
    return text if len(text) % 2 == 0 else f"0{text}"


_responder_key = keys.generate_key("P-256")


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _openssl(scene: Scene, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=scene.folder, check=True, capture_output=True)


if __name__ == "__main__":
    main()
