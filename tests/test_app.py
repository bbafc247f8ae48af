"""Where the parts meet: folders, session keys, addresses."""

from __future__ import annotations

import resource
import stat
import sys
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

import ca_service
from ca_service import settings as settings_module
from ca_service.app import create_app, open_installation
from ca_service.app.serving import prepare_server, server_options
from ca_service.authority.access.permissions import Actor
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.errors import ConfigurationError, KeystoreError, NotReady
from ca_service.settings import Settings
from ca_service.web.limits import Limits
from tests.support import requests
from tests.support.factories import PLAN

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def settings_in(folder: Path, **environ: str) -> Settings:
    """The settings with these variables of the environment."""
    return settings_module.load({f"CA_SERVICE_{name}": value for name, value in environ.items()}, folder).settings


def test_opening_an_installation_creates_nothing(tmp_path: Path) -> None:
    open_installation(settings_in(tmp_path / "instance"), CHEAP)
    assert not (tmp_path / "instance").exists()


def test_a_folder_as_a_checkout_brings_it_is_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / ".gitkeep").touch()
    open_installation(settings_in(tmp_path), CHEAP)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_folder_in_use_that_others_can_read_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ca.sqlite3").touch()
    tmp_path.chmod(0o755)
    with pytest.raises(KeystoreError) as caught:
        open_installation(settings_in(tmp_path), CHEAP)
    assert caught.value.rule == "keystore.mode"
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_the_options_of_serve_override_the_environment_and_are_named_in_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CA_SERVICE_SERVER__HOST", "192.0.2.1")
    monkeypatch.setenv("CA_SERVICE_SERVER__PORT", "8081")
    assert prepare_server(tmp_path, "127.0.0.1", None).url == "http://127.0.0.1:8081"
    assert prepare_server(tmp_path, "127.0.0.1", 8082).url == "http://127.0.0.1:8082"
    with pytest.raises(ConfigurationError) as caught:
        prepare_server(tmp_path, "192.0.2.2", None)
    assert "server.host (192.0.2.2, from command line)" in str(caught.value)


def test_an_application_needs_an_installation(tmp_path: Path) -> None:
    with pytest.raises(NotReady) as caught:
        create_app(settings_in(tmp_path / "instance"))
    assert caught.value.rule == "installation.missing"


def test_the_package_offers_the_factory_and_nothing_else_on_demand() -> None:
    assert ca_service.create_app is create_app
    with pytest.raises(AttributeError):
        ca_service.something_else  # noqa: B018 - looking is the test


def test_the_session_key_is_made_once_and_closed_to_others(installation: Installation, settings: Settings) -> None:
    first = create_app(settings, installation).config["SECRET_KEY"]
    assert create_app(settings, installation).config["SECRET_KEY"] == first
    assert stat.S_IMODE((settings.instance_path / "session.key").stat().st_mode) == 0o600


def test_a_session_key_of_the_settings_is_used_and_none_made(installation: Installation, settings: Settings) -> None:
    given = settings_in(settings.instance_path, WEB__SECRET_KEY="k" * 40)
    assert create_app(given, installation).config["SECRET_KEY"] == "k" * 40
    assert not (settings.instance_path / "session.key").exists()


def test_a_database_whose_driver_is_missing_is_told_with_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "ca_service.storage.postgresql", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg.types.string", None)  # as if it were not there
    with pytest.raises(ConfigurationError, match="pip install --require-hashes"):
        open_installation(settings_in(tmp_path, DATABASE__URL="postgresql://ca:s3cr3t@db/ca"), CHEAP)


def test_an_installation_on_postgresql_keeps_its_keys_and_nothing_else_in_its_folder(
    tmp_path: Path, postgresql_url: str, operator: Actor
) -> None:
    settings = settings_in(tmp_path / "instance", DATABASE__URL=postgresql_url)
    installation = open_installation(settings, CHEAP)
    with pytest.raises(NotReady):
        create_app(settings_in(tmp_path / "instance"), None)
    installation.creation.initialise(operator, PLAN)
    issued = installation.issuance.issue(operator, [requests.GOOD[0].data], Options())
    assert create_app(settings, installation).test_client().get("/readyz").status_code == 200
    assert installation.issuance.get_certificate(operator, issued.certificates[0].serial_number)
    assert {path.name for path in settings.instance_path.iterdir()} == {"keys", "session.key"}
    installation.close()


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://ca.example.com", "http://ca.example.com/ca/intermediate-g1.der"),
        ("http://ca.example.com:8080", "http://ca.example.com:8080/ca/intermediate-g1.der"),
        ("https://ca.example.com:8443", None),
        ("", None),
    ],
)
def test_certificates_say_over_plain_http_where_their_issuer_is(
    installation: Installation, settings: Settings, operator: Actor, base_url: str, expected: str | None
) -> None:
    installation.close()
    opened = open_installation(settings_in(settings.instance_path, WEB__BASE_URL=base_url), CHEAP)
    record = opened.issuance.issue(operator, [requests.GOOD[0].data], Options()).certificates[0]
    assert issuer_url(x509.load_der_x509_certificate(record.der)) == expected
    assert list_url(x509.load_der_x509_certificate(record.der)) == (expected and expected.replace(".der", ".crl"))


def issuer_url(certificate: x509.Certificate) -> str | None:
    """The address in the AIA extension, if there is one."""
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.AuthorityInformationAccess):
            urls = {each.access_method: str(each.access_location.value) for each in extension.value}
            assert urls[AuthorityInformationAccessOID.OCSP].endswith("/ocsp")
            return urls[AuthorityInformationAccessOID.CA_ISSUERS]
    return None


def list_url(certificate: x509.Certificate) -> str | None:
    """The address in the CDP extension, if there is one."""
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.CRLDistributionPoints):
            [point] = extension.value
            [name] = point.full_name or []
            return str(name.value)
    return None


MAIL = {"MAIL__HOST": "mail.example.com", "MAIL__SENDER": "ca@example.com", "MAIL__RECIPIENTS": "a@b.c, d@e.f"}
HOOK = {"WEBHOOK__URL": "https://hooks.example.com/x", "WEBHOOK__SECRET": "whsec_" + "A" * 44}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {}),
        (MAIL, {"mail": ("a@b.c", "d@e.f")}),
        (MAIL | HOOK, {"mail": ("a@b.c", "d@e.f"), "webhook": ("https://hooks.example.com",)}),
    ],
    ids=["none", "mail", "both"],
)
def test_the_channels_are_those_of_the_settings(
    tmp_path: Path, environ: dict[str, str], expected: dict[str, tuple[str, ...]]
) -> None:
    opened = open_installation(settings_in(tmp_path / "instance", **environ), CHEAP)

    assert {channel.name: channel.recipients for channel in opened.deliveries.channels} == expected


def test_the_thresholds_and_the_jobs_are_wired(installation: Installation, operator: Actor) -> None:
    assert installation.notices.days == (90, 60, 30, 14, 7, 1)
    names = [state.job.name for state in installation.jobs.list_jobs(operator)]
    assert names == [
        "notices",
        "outbox",
        "request-notices",
        "not-served",
        "expiry-counts",
        "approved-requests",
        "revocation-lists",
        "ocsp-signer",
        "agreement",
        "seal",
        "idempotency-keys",
        "search-index",
        "statistics",
        "probe",
        "tidy",
    ]


@pytest.mark.parametrize("proxies", [0, 1])
def test_the_limits_of_connections_follow_settings_and_open_files(tmp_path: Path, proxies: int) -> None:
    settings = settings_in(tmp_path, WEB__MAX_UPLOAD_KIB="64", WEB__TRUSTED_PROXIES=str(proxies), SERVER__THREADS="3")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    expected = Limits.of(3, 64 * 1024, files=files, is_behind_proxy=proxies > 0)
    assert server_options(settings).limits == expected
