"""A scene for other people's programs: an authority, a good and a revoked leaf, and its lists, as files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.plan import HierarchyPlan
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.pki import encodings
from ca_service.pki.reasons import Reason
from tests.support.factories import OPERATOR, Lab, actor
from tests.support.fakes import FixedClock
from tests.support.requests import SOCIALMINER, UCCX_PUBLISHER

ISSUER, ROOT = "intermediate-g1", "root-g1"


@dataclass(frozen=True, slots=True)
class Scene:
    """An authority, a good and a revoked leaf, and everything as files in a folder, PEM and DER."""

    lab: Lab
    good: CertificateRecord
    bad: CertificateRecord
    folder: Path

    def __truediv__(self, name: str) -> Path:
        """A file of the folder."""
        return self.folder / name

    def publish(self) -> None:
        """Write the lists as they are now."""
        for issuer in (ISSUER, ROOT):
            data = self.lab.crl_publisher.current(issuer).data
            self._write_list(issuer, data.full)
            if data.delta is not None:
                self._write_list(f"{issuer}-delta", data.delta)

    def _write_list(self, name: str, der: bytes) -> None:
        (self / f"{name}.crl").write_bytes(der)
        (self / f"{name}.pem").write_bytes(encodings.crl_pem(der))


def build(folder: Path, curve: str) -> Scene:
    """A revoked leaf and a good one; the lists from before the revocation are written as `old.pem`."""
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)  # the tools judge the present
    plan = HierarchyPlan("Example Lab", root_curve=curve, intermediate_curve=curve)
    lab = Lab(clock=FixedClock(now), base_url="http://ca.example.com").initialised(plan)
    bad, good = (
        lab.issuance.issue(actor(), [each.data], Options()).certificates[0] for each in (UCCX_PUBLISHER, SOCIALMINER)
    )
    scene = Scene(lab, good, bad, folder)
    scene.publish()
    (scene / "old.pem").write_bytes((scene / f"{ISSUER}.pem").read_bytes())
    lab.revocation.revoke(OPERATOR, Selection((bad.serial_number,)), Reason.KEY_COMPROMISE)
    scene.publish()
    chain = lab.hierarchy.active().chain
    leaves = [encodings.load_certificates(each.der)[0] for each in (good, bad)]
    for name, certificate in zip(("good", "bad", "intermediate", "root"), (*leaves, *chain), strict=True):
        (scene / f"{name}.pem").write_bytes(encodings.pem(certificate))
        (scene / f"{name}.der").write_bytes(encodings.der(certificate))
    (scene / "chain.pem").write_bytes(encodings.pem_chain(chain))
    return scene
