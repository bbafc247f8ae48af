"""Whether an installation is well: each fault is found where it is, and a sound one has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ca_service.authority.audit.events import Event
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.errors import Busy, NotReady, Severity
from ca_service.keystore.instance_files import SESSION_KEY_DAMAGED as DAMAGED
from ca_service.pki import encodings, keys
from ca_service.pki.reasons import Reason
from ca_service.storage.database import DATABASE_UNUSABLE as UNUSABLE
from tests.support import certificates, paths
from tests.support.factories import OPERATOR, PLAN, Lab, event
from tests.support.requests import UCCX_PUBLISHER

MIB = 1024 * 1024
BASE = "http://ca.example.com"
AIA, CRL, OCSP = f"{BASE}/ca/intermediate-g1.der", f"{BASE}/ca/intermediate-g1.crl", f"{BASE}/ocsp"


@pytest.fixture
def lab() -> Lab:
    """An authority that is reached at BASE and publishes what it should, with one certificate."""
    lab = Lab(base_url=BASE).initialised()
    lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options())
    lab.fetcher.gets = {AIA: encodings.der(issuing(lab)), CRL: crl(lab)}
    lab.fetcher.posts = {OCSP: lambda body: answer(lab, body)}
    return lab


def issuing(lab: Lab) -> x509.Certificate:
    return lab.hierarchy.active().chain[0]


def signer(lab: Lab) -> ec.EllipticCurvePrivateKey:
    return lab.hierarchy.signing_key(lab.hierarchy.active())


def crl(lab: Lab, *, key: ec.EllipticCurvePrivateKey | None = None, days: int = 7) -> bytes:
    """A list made by the library, not by us."""
    now = lab.clock()
    built = x509.CertificateRevocationListBuilder().issuer_name(issuing(lab).subject)
    built = built.last_update(now - timedelta(days=30)).next_update(now + timedelta(days=days))
    return built.sign(key or signer(lab), hashes.SHA256()).public_bytes(Encoding.DER)


def responder(lab: Lab, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """A delegated responder of the authority."""
    now = lab.clock()
    built = x509.CertificateBuilder().issuer_name(issuing(lab).subject).subject_name(certificates.common_name("ocsp"))
    built = built.public_key(key.public_key()).serial_number(7)
    built = built.not_valid_before(now).not_valid_after(now + timedelta(days=30))
    return built.sign(signer(lab), hashes.SHA256())


def answer(
    lab: Lab,
    body: bytes,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    signed_by: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """An OCSP answer made by the library; `signed_by` is another key than that of the responder."""
    asked = ocsp.load_der_ocsp_request(body)
    leaf = lab.issuance.get_certificate(OPERATOR, f"{asked.serial_number:x}")
    key = keys.generate_key("P-256")
    its = responder(lab, key)
    revoked: datetime | None = lab.clock() if status is ocsp.OCSPCertStatus.REVOKED else None
    built = ocsp.OCSPResponseBuilder().add_response(
        cert=x509.load_der_x509_certificate(leaf.der),
        issuer=issuing(lab),
        algorithm=hashes.SHA256(),
        cert_status=status,
        this_update=lab.clock(),
        next_update=lab.clock() + timedelta(days=1),
        revocation_time=revoked,
        revocation_reason=None,
    )
    built = built.responder_id(ocsp.OCSPResponderEncoding.HASH, its).certificates([its])
    return built.sign(signed_by or key, hashes.SHA256()).public_bytes(Encoding.DER)


def told(lab: Lab) -> dict[str, Severity]:
    """The rules of what was found, each with its weight."""
    return {found.rule: found.severity for check in lab.doctor.examine(OPERATOR) for found in check.findings}


def test_a_sound_installation_has_nothing_to_mend(lab: Lab) -> None:
    assert told(lab) == {"doctor.root-key": Severity.NOTE}
    assert all(check.is_well for check in lab.doctor.examine(OPERATOR))


def test_a_root_that_is_offline_needs_no_note_but_a_crl(lab: Lab) -> None:
    key = lab.keystore.signer("root-g1")
    root = next(record for record in lab.issuers.list_issuers() if record.role == "root")
    lab.issuers.save_issuers([replace(root, key_id=None)], event("x", Event.SIGNED_IN))
    assert told(lab) == {"crl.not-signed": Severity.WARNING}
    lab.crl_publisher.publish_with(OPERATOR, key)
    assert told(lab) == {}


def test_an_installation_without_an_authority_is_not_well() -> None:
    assert told(Lab())["authority.missing"] is Severity.ERROR


def test_a_key_that_is_gone_is_found(lab: Lab) -> None:
    lab.keystore.remove("intermediate-g1")
    assert told(lab)["key.missing"] is Severity.ERROR


def test_the_key_of_another_certificate_is_found(lab: Lab) -> None:
    lab.keystore.remove("intermediate-g1")
    lab.keystore.generate("intermediate-g1", PLAN.intermediate_curve)
    assert told(lab)["authority.key-foreign"] is Severity.ERROR


def test_an_authority_that_ends_soon_or_has_ended_is_told(lab: Lab) -> None:
    end = lab.hierarchy.active().validity.not_after
    lab.clock.now = end - timedelta(days=89)
    assert told(lab)["doctor.ends-soon"] is Severity.WARNING
    lab.clock.now = end + timedelta(seconds=1)
    assert told(lab)["authority.expired"] is Severity.ERROR


@pytest.mark.parametrize("url", [AIA, CRL])
def test_what_cannot_be_fetched_is_found(lab: Lab, url: str) -> None:
    del lab.fetcher.gets[url]
    assert told(lab)["probe.unreachable"] is Severity.ERROR


def test_an_ocsp_responder_that_does_not_answer_is_found(lab: Lab) -> None:
    lab.fetcher.posts = {}
    assert told(lab)["probe.unreachable"] is Severity.ERROR


Spoil = Callable[[Lab], None]


def _put(url: str, make: Callable[[Lab], bytes]) -> Spoil:
    return lambda lab: lab.fetcher.gets.__setitem__(url, make(lab))


def _say(make: Callable[[Lab, bytes], bytes]) -> Spoil:
    return lambda lab: lab.fetcher.posts.__setitem__(OCSP, lambda body: make(lab, body))


@pytest.mark.parametrize(
    "spoil",
    [
        _put(AIA, lambda lab: encodings.der(lab.hierarchy.active().root)),
        _put(AIA, lambda _: b"<html>"),
        _put(CRL, lambda _: b"<html>"),
        _put(CRL, lambda lab: crl(lab, days=-1)),
        _put(CRL, lambda lab: crl(lab, key=keys.generate_key("P-256"))),
        _say(lambda *_: b"<html>"),
        _say(lambda lab, body: answer(lab, body, ocsp.OCSPCertStatus.REVOKED)),
        _say(lambda lab, body: answer(lab, body, ocsp.OCSPCertStatus.UNKNOWN)),
        _say(lambda lab, body: answer(lab, body, signed_by=keys.generate_key("P-256"))),
        _say(
            lambda *_: ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(
                Encoding.DER
            )
        ),
    ],
    ids=[
        "root for intermediate", "page for certificate", "page for list", "old list", "forged list",
        "page for answer", "revoked for good", "unknown for good", "forged answer", "try later",
    ],
)  # fmt: skip
def test_what_is_published_wrongly_is_found(lab: Lab, spoil: Spoil) -> None:
    spoil(lab)
    assert told(lab)["doctor.published"] is Severity.ERROR


def test_a_good_answer_for_a_revoked_certificate_is_found(lab: Lab) -> None:
    lab.revocation.revoke(OPERATOR, Selection(host="uccx1.example.com"), Reason.SUPERSEDED)
    assert told(lab)["doctor.published"] is Severity.ERROR


def test_without_addresses_nothing_is_fetched_and_it_is_told() -> None:
    assert told(Lab().initialised())["doctor.no-address"] is Severity.NOTE


def test_without_a_certificate_there_is_nothing_to_ask_about(lab: Lab) -> None:
    fresh = Lab(base_url=BASE).initialised()
    fresh.fetcher.gets = {AIA: encodings.der(issuing(fresh)), CRL: crl(fresh)}
    assert told(fresh) == {"doctor.root-key": Severity.NOTE, "doctor.nothing-issued": Severity.NOTE}
    assert lab


def clock_faults(lab: Lab) -> list[str]:
    """The rules that the check of the clock breaks."""
    [check] = [each for each in lab.doctor.examine(OPERATOR) if each.check.id == "clock"]
    return [found.rule for found in check.findings]


def test_an_event_from_the_future_says_that_a_clock_is_or_was_wrong(lab: Lab) -> None:
    lab.edges.events.add_event(replace(event("x", Event.SIGNED_IN), at=lab.clock() + timedelta(minutes=4)))
    assert clock_faults(lab) == []
    lab.edges.events.add_event(replace(event("x", Event.SIGNED_IN), at=lab.clock() + timedelta(days=45)))
    assert clock_faults(lab) == ["clock.behind"]


def test_the_key_of_an_ocsp_signer_that_belongs_to_another_certificate_is_found(lab: Lab) -> None:
    lab.responders.renew_due()
    lab.keystore.remove("ocsp-intermediate-g1")
    lab.keystore.generate("ocsp-intermediate-g1", "P-256")
    assert failed(lab) == {"ocsp-signer": ["authority.key-foreign"]}


def test_a_key_that_seals_the_audit_log_is_missed_once_there_is_a_seal(lab: Lab) -> None:
    assert failed(lab) == {}
    assert not lab.keystore.has("audit-seal-1")  # a check makes none
    lab.sealing.seal_pending()
    assert failed(lab) == {}
    lab.keystore.remove("audit-seal-1")
    assert failed(lab) == {"sealing-key": ["key.missing"]}
    lab.keystore.generate("audit-seal-1", "P-256")
    assert failed(lab) == {"sealing-key": ["audit.key-changed"]}


def failed(lab: Lab) -> dict[str, list[str]]:
    """The checks that fail, each with the rules of its errors."""
    results = lab.doctor.examine(OPERATOR)
    return {each.check.id: [found.rule for found in each.findings] for each in results if not each.is_well}


@pytest.mark.fault("disk", "The disk is nearly full", "the check warns at 512 MiB and fails at 64 MiB")
@pytest.mark.parametrize(
    ("free", "rule", "is_well"),
    [(64 * MIB - 1, "doctor.disk", False), (64 * MIB, "doctor.disk-soon", True), (512 * MIB, "", True)],
)
def test_a_disk_without_room_is_found_in_time(lab: Lab, free: int, rule: str, *, is_well: bool) -> None:
    lab.folder.space = free
    [result] = [each for each in lab.doctor.examine(OPERATOR) if each.check.id == "disk-space"]
    assert [found.rule for found in result.findings] == ([rule] if rule else [])
    assert result.is_well is is_well


def test_a_private_file_that_is_damaged_is_found(lab: Lab) -> None:
    lab.folder.faults = (DAMAGED.at(path="/instance/session.key"),)
    assert failed(lab) == {"private-files": ["session-key.damaged"]}


def test_a_database_that_cannot_be_written_is_found(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise NotReady.because(UNUSABLE, database="x", reason="database or disk is full")

    monkeypatch.setattr(lab.schema, "try_write", fail)
    assert failed(lab) == {"database-write": ["database.unusable"]}


@pytest.mark.fault("processes", "No process renews CRLs and OCSP signers", "the checks fail until one does")
def test_lists_and_signers_that_are_not_current_are_found(lab: Lab) -> None:
    lab.crl_publisher.publish_due()
    lab.responders.renew_due()
    lab.jobs.run_due()
    assert failed(lab) == {}
    lab.clock.advance(days=31)
    found = failed(lab)
    assert found["revocation-lists"] == ["doctor.not-current"]  # that of the root is valid for half a year
    assert found["ocsp-signer"] == ["doctor.not-current"]
    lab.jobs.run_due()
    lab.fetcher.gets[CRL] = crl(lab)
    assert failed(lab) == {}


def test_a_list_from_the_future_is_not_current(lab: Lab) -> None:
    lab.clock.advance(days=300)
    lab.crl_publisher.publish_due()
    lab.clock.advance(days=-300)
    assert failed(lab)["revocation-lists"] == ["doctor.not-current"] * 2


@pytest.mark.fault("processes", "No process runs the jobs", "the check fails after an hour")
def test_jobs_that_are_late_are_found_also_those_that_never_ran(lab: Lab) -> None:
    lab.clock.advance(hours=1, minutes=1)
    assert failed(lab) == {}  # the first is due after a minute, and may be an hour late
    lab.clock.advance(seconds=1)
    late = failed(lab)["jobs"]
    assert late
    assert set(late) == {"doctor.job-late"}
    lab.jobs.run_due()
    lab.fetcher.gets[CRL] = crl(lab)
    assert failed(lab) == {}
    lab.clock.advance(days=3)
    assert len(failed(lab)["jobs"]) == len(lab.jobs.states())


def test_at_the_start_only_what_a_running_server_cannot_set_right_is_reported(lab: Lab) -> None:
    lab.clock.advance(days=31)
    assert lab.doctor.faults_at_start() == ()
    lab.folder.space = 100 * MIB
    lab.keystore.remove("intermediate-g1")
    assert [found.rule for found in lab.doctor.faults_at_start()] == ["doctor.disk-soon", "key.missing"]


def test_a_chain_with_limits_is_said_and_one_that_is_not_valid_is_an_error() -> None:
    for changes, rule, is_well in (
        ({"permitted": [x509.DNSName("lab.example")]}, "chain.names-limited", True),
        ({"authority_identifier": "none"}, "strict.authority-key-identifier", True),
        ({"extra": ((paths.UNKNOWN, True),)}, "chain.critical", False),
    ):
        chain = paths.limited(**changes)
        lab = Lab(base_url=BASE).initialised()
        records = dict(zip(("intermediate-g1", "root-g1"), chain, strict=True))
        lab.issuers.save_issuers(
            [replace(each, certificate_der=encodings.der(records[each.id])) for each in lab.hierarchy.list_issuers()],
            event("intermediate-g1"),
        )
        [check] = [each for each in lab.doctor.examine(OPERATOR) if each.check.id == "chain-validity"]

        assert rule in [found.rule for found in check.findings]
        assert check.is_well == is_well


def test_the_checks_run_once_at_a_time(lab: Lab) -> None:
    """Each holds a thread for seconds, and downloads from this service, which needs another one."""
    refused = []

    def meanwhile(body: bytes) -> bytes:
        with pytest.raises(Busy) as caught:
            lab.doctor.examine(OPERATOR)
        refused.append(caught.value.rule)
        return answer(lab, body)

    lab.fetcher.posts = {OCSP: meanwhile}
    for _ in range(2):
        assert all(result.is_well for result in lab.doctor.examine(OPERATOR))
    assert refused == ["doctor.running", "doctor.running"]
