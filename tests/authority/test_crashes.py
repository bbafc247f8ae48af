"""A power cut between any two steps leaves what can be finished, and finishing overwrites nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.authority.hierarchy.store import IssuerRecord, IssuerStore
from ca_service.authority.issuance.examination import Options
from ca_service.authority.key_custody import KeyStore
from ca_service.errors import NotFound
from ca_service.keystore.encrypted import EncryptedFileKeyStore
from ca_service.storage.issuers import SQLIssuerStore
from ca_service.storage.sqlite import SQLiteDatabase
from tests.support import certificates
from tests.support.external_roots import certify, ec_root
from tests.support.factories import OPERATOR, PLAN, Lab
from tests.support.fakes import Fuse, FusedIssuerStore, FusedKeyStore, InMemoryIssuerStore, InMemoryKeyStore, PowerCut
from tests.support.instances import write_database
from tests.support.requests import UCCX_PUBLISHER

PASSPHRASE = b"a long enough passphrase"


@dataclass(frozen=True, slots=True)
class Edges:
    """What outlives a power cut."""

    keystore: KeyStore
    issuers: IssuerStore

    def lab(self, fuse: Fuse) -> Lab:
        """A new start of the program on them."""
        return Lab(keystore=FusedKeyStore(self.keystore, fuse), issuers=FusedIssuerStore(self.issuers, fuse))

    def snapshot(self) -> tuple[tuple[IssuerRecord, ...], dict[str, ec.EllipticCurvePublicKey]]:
        """The authorities, and the public halves of the keys that `initialise` and `request` keep."""
        names = ("root-g1", "intermediate-g1", "intermediate-g2")
        kept = {name: self.keystore.signer(name).public_key() for name in names if self.keystore.has(name)}
        return self.issuers.list_issuers(), kept


@pytest.fixture(params=["fakes", "real"])
def edges(request: pytest.FixtureRequest, tmp_path: Path) -> Edges:
    """Fakes, or encrypted files and SQLite."""
    if request.param == "fakes":
        return Edges(InMemoryKeyStore(), InMemoryIssuerStore())
    write_database(tmp_path / "ca.sqlite3")
    database = SQLiteDatabase(tmp_path / "ca.sqlite3")
    folder = tmp_path / "keys"
    keystore = EncryptedFileKeyStore(folder, folder / "passphrase", may_create_passphrase=True)
    return Edges(keystore, SQLIssuerStore(database))


def initialise(lab: Lab) -> None:
    """The whole of `init`."""
    lab.creation.initialise(OPERATOR, PLAN)


def import_pair(lab: Lab) -> None:
    """Take over root and intermediate with both keys."""
    pair, root = certificates.intermediate("P-256", "P-256"), certificates.root("P-256")
    if not lab.hierarchy.list_issuers():
        lab.external.import_authority(OPERATOR, pair.chain, pair.key, root.key)


def come_under_an_external_root(lab: Lab) -> None:
    """Request, have it certified, install."""
    if lab.hierarchy.find_active() is None:
        csr = x509.load_pem_x509_csr(lab.external.request_intermediate(OPERATOR, "Example Lab", "P-256"))
        key = csr.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        lab.external.install_intermediate(OPERATOR, [certify(ec_root(), csr.subject, key), ec_root().certificate])


def roll_over(lab: Lab) -> None:
    """An authority, and the intermediate that follows."""
    initialise(lab)
    if lab.hierarchy.active().record.generation == 1:
        lab.rollover.perform(OPERATOR, PLAN)


def follow_under_an_external_root(lab: Lab) -> None:
    """An intermediate under an external root, and the one that follows."""
    come_under_an_external_root(lab)
    if lab.hierarchy.active().record.generation == 1:
        request = lab.external.request_intermediate(OPERATOR, "Example Lab", "P-256", is_next=True)
        csr = x509.load_pem_x509_csr(request)
        key = csr.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        lab.external.install_intermediate(OPERATOR, [certify(ec_root(), csr.subject, key), ec_root().certificate])


Procedure = Callable[[Lab], None]
STEPS: dict[Procedure, tuple[str, ...]] = {
    initialise: ("generate root-g1", "save root-g1", "generate intermediate-g1", "save intermediate-g1"),
    import_pair: ("store intermediate-*", "store root-*", "save root-g1, intermediate-g1"),
    come_under_an_external_root: ("generate intermediate-g1", "save intermediate-g1", "save root-g1, intermediate-g1"),
}
STEPS |= {
    roll_over: (*STEPS[initialise], "generate intermediate-g2", "save intermediate-g1, intermediate-g2"),
    follow_under_an_external_root: (
        *STEPS[come_under_an_external_root],
        *("generate intermediate-g2", "save intermediate-g2", "save intermediate-g1, intermediate-g2"),
    ),
}
every_cut = pytest.mark.parametrize(
    ("procedure", "at"),
    [(procedure, at) for procedure, steps in STEPS.items() for at in range(1, 2 * len(steps) + 1)],
    ids=lambda value: getattr(value, "__name__", value),
)


@pytest.mark.parametrize("procedure", STEPS, ids=lambda value: value.__name__)
def test_the_steps_are_those_at_which_the_power_is_cut(procedure: Procedure) -> None:
    fuse = Fuse()
    procedure(Edges(InMemoryKeyStore(), InMemoryIssuerStore()).lab(fuse))
    expected = [f"{side} {step}" for step in STEPS[procedure] for side in ("before", "after")]
    assert [_without_fingerprint(step) for step in fuse.steps] == expected


def _without_fingerprint(step: str) -> str:
    words, _, last = step.rpartition("-")
    return f"{words}-*" if len(last) == 16 else step


@pytest.mark.fault("processes", "A power cut between any two steps of setting up", "the next run finishes it")
@every_cut
def test_what_a_power_cut_has_interrupted_can_be_finished(edges: Edges, procedure: Procedure, at: int) -> None:
    with pytest.raises(PowerCut):
        procedure(edges.lab(Fuse(at)))
    lab = edges.lab(Fuse())
    procedure(lab)
    assert lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).created


@pytest.mark.fault(
    "processes", "A power cut between any two steps of setting up", "overwrites no key and no certificate"
)
@every_cut
def test_finishing_overwrites_nothing(edges: Edges, procedure: Procedure, at: int) -> None:
    with pytest.raises(PowerCut):
        procedure(edges.lab(Fuse(at)))
    records, kept = edges.snapshot()
    procedure(edges.lab(Fuse()))
    records_after, kept_after = edges.snapshot()
    certified = {(record.id, record.certificate_der) for record in records if record.certificate_der}
    assert certified <= {(record.id, record.certificate_der) for record in records_after}
    assert kept.items() <= kept_after.items()


@pytest.mark.fault("processes", "A power cut during an import", "a new authority does not use the imported key")
def test_an_interrupted_import_leaves_no_key_that_a_new_authority_would_use(edges: Edges) -> None:
    with pytest.raises(PowerCut):
        import_pair(edges.lab(Fuse(4)))
    lab = edges.lab(Fuse())
    initialise(lab)
    pair = certificates.intermediate("P-256", "P-256")
    assert lab.hierarchy.active().issuer.public_key != pair.key.public_key()


@pytest.mark.fault("processes", "A power cut while the key of the root is removed", "the next run finishes it")
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_an_interrupted_removal_of_the_root_key_can_be_finished(edges: Edges, at: int) -> None:
    initialise(edges.lab(Fuse()))
    copy = edges.lab(Fuse()).root_key.export(OPERATOR, PASSPHRASE)
    with pytest.raises(PowerCut):
        edges.lab(Fuse(at)).root_key.remove(OPERATOR, copy, PASSPHRASE)
    custody = edges.lab(Fuse()).root_key
    if at < 4:  # at the last moment everything is done, and only the caller does not know it
        custody.remove(OPERATOR, copy, PASSPHRASE)
    with pytest.raises(NotFound, match="use the offline copy"):
        custody.remove(OPERATOR, copy, PASSPHRASE)
    assert not edges.keystore.has("root-g1")
    assert custody.verify(copy, PASSPHRASE).key_id is None
