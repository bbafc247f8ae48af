"""Values of settings: wrong values and impossible combinations are refused with key, value and limit."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from pydantic import ValidationError

from ca_service.authority.access.permissions import Role
from ca_service.authority.hierarchy.plan import HierarchyPlan
from ca_service.authority.issuance.approval import ApprovalRule
from ca_service.authority.issuance.examination import Policy
from ca_service.errors import ConfigurationError
from ca_service.pki.profiles import INTERMEDIATE, MAX_LEAF_DAYS, ROOT
from ca_service.settings import Settings, load

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is refused here


def refusal(**values: str) -> ConfigurationError:
    """Return the error for these settings; `server__port` is server.port."""
    with pytest.raises(ConfigurationError) as caught:
        load({f"CA_SERVICE_{name.upper()}": value for name, value in values.items()})
    return caught.value


@pytest.mark.parametrize(
    ("key", "value", "limit"),
    [
        ("server.port", "0", "1"),
        ("server.port", "65536", "65535"),
        ("server.port", "http", "integer"),
        ("server.workers", "-1", "0"),
        ("server.workers", "65", "64"),
        ("server.threads", "0", "1"),
        ("authority.name", "Käse", "ASCII letters"),
        ("authority.name", "x" * 41, "40"),
        ("authority.root_curve", "P-521", "P-384"),
        ("authority.root_days", "10951", "10950"),
        ("authority.intermediate_curve", "secp256r1", "P-256"),
        ("authority.intermediate_days", "0", "1"),
        ("policy.default_days", "826", "825"),
        ("policy.max_days", "826", "825"),
        ("policy.backdate_minutes", "1441", "1440"),
        ("policy.allow_p521", "perhaps", "boolean"),
        ("revocation.crl_hours", "0", "1"),
        ("revocation.crl_hours", "8785", "8784"),
        ("revocation.delta_hours", "-1", "0"),
        ("web.base_url", "ca.example.com", "http://HOST"),
        ("web.trusted_proxies", "6", "5"),
        ("web.proxy_networks", "nginx", "192.0.2.0/24"),
        ("web.proxy_networks", "127.0.0.1/8", "192.0.2.0/24"),
        ("web.proxy_networks", "0.0.0.0/0", "every client"),
        ("web.proxy_networks", "127.0.0.1, ::/0", "every client"),
        ("web.session_hours", "0", "1"),
        ("web.max_upload_kib", "63", "64"),
        ("oidc.issuer", "idp.example.com", "https://"),
        ("oidc.issuer", "http://idp.example.com", "https://"),
        ("oidc.issuer", "https://idp.example.com/?x=1", "https://"),
        ("oidc.issuer", "https://idp.example.com/?realm=lab", "https://"),
        ("oidc.name_claim", "", "1"),
        ("oidc.roles", "voice", "GROUP=ROLE"),
        ("oidc.roles", "=requester", "GROUP=ROLE"),
        ("oidc.roles", "voice=king", "requester, approver, administrator, auditor"),
    ],
)
def test_a_wrong_value_is_refused_with_key_value_limit_and_origin(key: str, value: str, limit: str) -> None:
    variable = key.replace(".", "__")
    error = refusal(**{variable: value})
    assert error.rule == "settings.value"
    assert error.findings[0].pointer == "/" + key.replace(".", "/")
    for part in (f"The setting {key} cannot be \u201c{value}\u201d", limit, f"CA_SERVICE_{variable.upper()}"):
        assert part in str(error)


def test_every_wrong_value_is_told_at_once() -> None:
    error = refusal(server__port="0", policy__max_days="0")
    assert {finding.pointer for finding in error.findings} == {"/server/port", "/policy/max_days"}


@pytest.mark.parametrize(
    "url",
    [
        "http://ca.example.com",
        "https://ca.example.com:8443",
        "http://192.0.2.1:8080",
        "http://[2001:db8::1]",
        "http://ca/",
    ],
)
def test_a_base_url_can_have_a_port_and_a_slash_behind_it(url: str) -> None:
    assert load({"CA_SERVICE_WEB__BASE_URL": url}).settings.web.base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["http://ca.example.com/ca", "ftp://ca.example.com",
     "http://", "//ca.example.com", "http://a b", "http://ca.example.com?x", "http://ca#x",
     "http://user:secret@ca.example.com", "http://ca:99999", "http://ca:0", "http://[::1", "http://k\u00e4se.example",
     "http://ca.example.com/\u00e4", "javascript:alert(1)", "http://a_b.example.com"],
)  # fmt: skip
def test_a_base_url_that_could_not_stand_in_a_certificate_is_refused(url: str) -> None:
    assert refusal(web__base_url=url).findings[0].pointer == "/web/base_url"


_NEEDS_TLS = "is not loopback and requires https:// in"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"authority__root_days": "100", "authority__intermediate_days": "101"},
            "authority.intermediate_days (101, from CA_SERVICE_AUTHORITY__INTERMEDIATE_DAYS) cannot be more than "
            "authority.root_days (100, from CA_SERVICE_AUTHORITY__ROOT_DAYS).",
        ),
        (
            {"policy__max_days": "9"},
            "policy.default_days (397, from default) cannot be more than "
            "policy.max_days (9, from CA_SERVICE_POLICY__MAX_DAYS).",
        ),
        (
            {"revocation__delta_hours": "73"},
            "revocation.delta_hours (73, from CA_SERVICE_REVOCATION__DELTA_HOURS) cannot be more than "
            "revocation.crl_hours (72, from default).",
        ),
        (
            {"server__host": EVERYWHERE},
            f"server.host ({EVERYWHERE}, from CA_SERVICE_SERVER__HOST) {_NEEDS_TLS} "
            "web.base_url (empty, from default).",
        ),
        (
            {"server__host": "192.0.2.1", "web__base_url": "http://ca.example.com"},
            f"server.host (192.0.2.1, from CA_SERVICE_SERVER__HOST) {_NEEDS_TLS} "
            "web.base_url (http://ca.example.com, from CA_SERVICE_WEB__BASE_URL).",
        ),
        (
            {"web__trusted_proxies": "1", "web__proxy_networks": ""},
            "web.trusted_proxies (1, from CA_SERVICE_WEB__TRUSTED_PROXIES) needs their addresses in "
            "web.proxy_networks (empty, from CA_SERVICE_WEB__PROXY_NETWORKS).",
        ),
    ],
)
def test_a_contradiction_is_refused_with_both_keys_values_and_origins(values: dict[str, str], said: str) -> None:
    [finding] = refusal(**values).findings
    assert finding.rule == "settings.contradiction"
    assert finding.detail == said
    assert finding.pointer == "/" + said.split()[0].replace(".", "/")


def test_a_contradiction_says_what_can_be_changed() -> None:
    [days] = refusal(policy__max_days="9").findings
    [host] = refusal(server__host=EVERYWHERE).findings
    assert days.remedy == "Lower policy.default_days or raise policy.max_days."
    assert host.remedy.startswith("Use a reverse proxy with TLS, and set web.base_url")


def test_values_with_braces_in_a_contradiction_are_told_as_they_are() -> None:
    assert "server.host ({origin} {0}, from" in str(refusal(server__host="{origin} {0}"))


def test_every_contradiction_between_days_is_told_at_once() -> None:
    error = refusal(authority__root_days="9", policy__max_days="9")
    assert {found.pointer for found in error.findings} == {"/authority/intermediate_days", "/policy/default_days"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_no_tls(host: str) -> None:
    assert load({"CA_SERVICE_SERVER__HOST": host}).settings.server.host == host


def test_other_addresses_need_tls_in_front() -> None:
    environ = {"CA_SERVICE_SERVER__HOST": EVERYWHERE, "CA_SERVICE_WEB__BASE_URL": "https://ca.example.com"}
    assert load(environ).settings.server.host == EVERYWHERE


# Secrets


def test_a_short_secret_is_refused_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    error = refusal(web__secret_key="hunter2")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").error("settings", exc_info=error)
    assert "at least 32 characters" in str(error)
    assert "hunter2" not in f"{error} {error.findings} {caplog.text}"


def test_a_secret_is_not_told_when_something_else_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    secret = "s3cr3t" * 6
    error = refusal(web__secret_key=secret, web__base_url="x", server__host=EVERYWHERE)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").error("settings", exc_info=error)
    assert "s3cr3t" not in f"{error} {error.findings} {caplog.text}"


def test_a_secret_is_masked_wherever_settings_are_shown() -> None:
    loaded = load({"CA_SERVICE_WEB__SECRET_KEY": "s3cr3t" * 6})
    assert "s3cr3t" not in f"{loaded!r} {loaded.settings} {loaded.settings!r} {loaded.listing()}"
    assert loaded.settings.model_dump_json().count("s3cr3t") == 0


@pytest.mark.parametrize("url", ["mysql://ca:s3cr3t@db/ca", "postgres://ca:s3cr3t@db/ca", "ca:s3cr3t@db"])
def test_the_url_of_another_database_is_refused_and_its_password_not_told(url: str) -> None:
    error = refusal(database__url=url)
    assert "postgresql://USER:PASSWORD@HOST/DATABASE" in str(error)
    assert "s3cr3t" not in f"{error} {error.findings}"


def test_a_url_with_a_password_is_not_told_under_a_wrong_name_either() -> None:
    error = refusal(database__uri="postgresql://ca:s3cr3t@db/ca")
    assert "database.uri" in str(error)
    assert "s3cr3t" not in f"{error} {error.findings}"


def test_the_url_of_the_database_is_masked_and_can_come_from_a_file(tmp_path: Path) -> None:
    url = "postgresql://ca:s3cr3t@db/ca"
    (tmp_path / "url").write_text(f"{url}\n")
    loaded = load({"CA_SERVICE_DATABASE__URL_FILE": str(tmp_path / "url")})
    assert loaded.settings.database.url.get_secret_value() == url
    assert "s3cr3t" not in f"{loaded!r} {loaded.settings!r} {loaded.listing()}"


def test_an_empty_secret_is_shown_as_empty() -> None:
    assert next(setting.value for setting in load({}).listing() if setting.key == "web.secret_key") == ""


# Agreement with those who use them


def test_settings_do_not_change() -> None:
    settings = load({}).settings
    with pytest.raises(ValidationError, match="frozen"):
        settings.server.port = 1  # type: ignore[misc]


def test_the_defaults_are_those_of_plan_and_policy() -> None:
    settings = Settings(instance_path=Path())
    assert HierarchyPlan(**settings.authority.model_dump()) == HierarchyPlan()
    assert Policy().default_days == settings.policy.default_days
    assert Policy().max_days == settings.policy.max_days
    assert Policy().allow_p521 == settings.policy.allow_p521
    assert Policy().rules == tuple(ApprovalRule(**rule.model_dump()) for rule in settings.policy.rules)
    assert Policy().backdate.total_seconds() == settings.policy.backdate_minutes * 60


@pytest.mark.parametrize(
    ("variable", "limit"),
    [
        ("authority__root_days", ROOT.max_days),
        ("authority__intermediate_days", INTERMEDIATE.max_days),
        ("policy__max_days", MAX_LEAF_DAYS),
    ],
)
def test_the_limits_are_those_of_the_profiles(variable: str, limit: int) -> None:
    longest = {"CA_SERVICE_AUTHORITY__ROOT_DAYS": str(ROOT.max_days), f"CA_SERVICE_{variable.upper()}": str(limit)}
    assert load(longest)
    assert str(limit) in str(refusal(**{variable: str(limit + 1)}))


OIDC = {
    "oidc__issuer": "https://idp.example.com/realms/lab",
    "oidc__client_id": "ca-service",
    "oidc__client_secret": "do not show this",
}


@pytest.mark.parametrize("missing", ["oidc__client_id", "oidc__client_secret"])
def test_a_provider_needs_a_client_and_its_secret(missing: str) -> None:
    error = refusal(**{name: value for name, value in OIDC.items() if name != missing})
    assert error.rule == "settings.contradiction"
    assert missing.replace("__", ".") in str(error)
    assert "do not show this" not in str(error)


def test_a_provider_on_this_machine_may_speak_plain_http() -> None:
    values = OIDC | {"oidc__issuer": "http://127.0.0.1:9000"}
    settings = load({f"CA_SERVICE_{name.upper()}": value for name, value in values.items()}).settings
    assert settings.oidc.issuer == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("", {}),
        (" ; ", {}),
        ("voice=requester", {"voice": Role.REQUESTER}),
        ("b=auditor; a = administrator ;", {"b": Role.AUDITOR, "a": Role.ADMINISTRATOR}),
        ("b=auditor\na=approver", {"b": Role.AUDITOR, "a": Role.APPROVER}),
        ("CN=ca,OU=Groups,DC=example=administrator", {"CN=ca,OU=Groups,DC=example": Role.ADMINISTRATOR}),
    ],
)
def test_the_roles_of_groups_are_read_in_their_order(text: str, roles: dict[str, Role]) -> None:
    found = load({"CA_SERVICE_OIDC__ROLES": text}).settings.oidc.roles
    assert list(found.items()) == list(roles.items())


def test_the_roles_of_groups_can_be_a_table_in_toml(tmp_path: Path) -> None:
    path = tmp_path / "ca.toml"
    path.write_text('[oidc.roles]\n"ca.admins" = "administrator"\nvoice = "requester"\n')
    loaded = load({"CA_SERVICE_CONFIG": str(path)})
    assert loaded.settings.oidc.roles == {"ca.admins": Role.ADMINISTRATOR, "voice": Role.REQUESTER}
    told = {setting.key: (setting.value, setting.origin) for setting in loaded.listing()}
    assert told["oidc.roles"] == ("ca.admins=administrator; voice=requester", str(path))


def test_the_secret_of_the_client_comes_from_a_file_and_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("do not show this\n")
    loaded = load({"CA_SERVICE_OIDC__CLIENT_SECRET_FILE": str(tmp_path / "secret")})
    assert loaded.settings.oidc.client_secret.get_secret_value() == "do not show this"
    assert {setting.key: setting.value for setting in loaded.listing()}["oidc.client_secret"] == "********"
    assert "do not show this" not in repr(loaded)


def test_roles_that_need_a_second_factor_are_a_list_or_one_text(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[web]\nrequire_second_factor = ["administrator", "auditor"]\n')
    for environ in (
        {"CA_SERVICE_CONFIG": str(file)},
        {"CA_SERVICE_WEB__REQUIRE_SECOND_FACTOR": "administrator, auditor"},
    ):
        loaded = load(environ)
        assert loaded.settings.web.require_second_factor == (Role.ADMINISTRATOR, Role.AUDITOR)
        assert "administrator, auditor" in [setting.value for setting in loaded.listing()]


def test_a_role_that_does_not_exist_cannot_need_a_second_factor() -> None:
    assert refusal(web__require_second_factor="king").rule == "settings.value"


def test_the_label_is_one_short_line_and_the_colour_a_known_one() -> None:
    loaded = load({"CA_SERVICE_WEB__LABEL": " Lab ", "CA_SERVICE_WEB__COLOUR": "red"}).settings.web
    assert (loaded.label, loaded.colour) == ("Lab", "red")
    for wrong in (
        {"web__label": "x" * 31},
        {"web__label": "a\nb"},
        {"web__label": "a\u202eb"},
        {"web__colour": "#f00"},
    ):
        assert refusal(**wrong).rule == "settings.value"
