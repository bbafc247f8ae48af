"""Sources of settings: each overrides the one before, and unknown keys are refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ca_service.errors import ConfigurationError
from ca_service.settings import Settings, load
from ca_service.settings.model import KEYS

SECRET = "0123456789abcdef0123456789abcdef"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A settings file with one setting."""
    path = tmp_path / "settings.toml"
    path.write_text("[server]\nport = 1001\n")
    return path


def secret_file(tmp_path: Path, content: str) -> str:
    """The path of a secret file."""
    (tmp_path / "secret").write_text(content)
    return str(tmp_path / "secret")


def refusal(environ: dict[str, str]) -> ConfigurationError:
    """Return the error for these settings."""
    with pytest.raises(ConfigurationError) as caught:
        load(environ)
    return caught.value


# Layers


def test_without_anything_the_defaults_count() -> None:
    assert load({}).settings == Settings(instance_path=Path("instance").absolute())


def _said(rule: dict[str, Any]) -> dict[str, Any]:
    """Return the conditions of a rule, as in a file."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in rule.items() if value}


def test_the_defaults_file_says_what_the_model_says() -> None:
    file = tomllib.loads((ROOT / "config" / "default.toml").read_text())
    model = Settings(instance_path=Path()).model_dump(exclude={"instance_path"})
    model["policy"]["rules"] = [_said(rule) for rule in model["policy"]["rules"]]
    for section, name in (
        ("web", "secret_key"),
        ("mail", "password"),
        ("webhook", "secret"),
        ("oidc", "client_secret"),
        ("database", "url"),
    ):
        model[section][name] = model[section][name].get_secret_value()
    model["web"]["require_second_factor"] = list(model["web"]["require_second_factor"])
    assert file == model


def test_every_setting_is_listed_in_the_order_of_the_defaults_file() -> None:
    file = tomllib.loads((ROOT / "config" / "default.toml").read_text())
    keys = [f"{section}.{name}" for section, values in file.items() for name in values]
    assert [setting.key for setting in load({}).listing()] == ["instance_path", *keys]
    assert set(keys) == KEYS


def test_each_layer_wins_over_the_one_before(tmp_path: Path, config: Path) -> None:
    environ: dict[str, str] = {}
    seen = [load(environ).settings.server.port]
    for name, value in (
        ("CA_SERVICE_CONFIG", str(config)),
        ("CA_SERVICE_SERVER__PORT_FILE", secret_file(tmp_path, "1002\n")),
        ("CA_SERVICE_SERVER__PORT", "1003"),
    ):
        environ[name] = value
        seen.append(load(environ).settings.server.port)
    assert seen == [8080, 1001, 1002, 1003]


def test_a_layer_that_says_nothing_of_a_setting_leaves_it_alone(config: Path) -> None:
    settings = load({"CA_SERVICE_CONFIG": str(config), "CA_SERVICE_SERVER__THREADS": "2"}).settings
    assert (settings.server.port, settings.server.threads, settings.server.host) == (1001, 2, "127.0.0.1")


def test_the_listing_tells_who_had_the_last_word(tmp_path: Path, config: Path) -> None:
    secret = secret_file(tmp_path, SECRET)
    environ = {
        "CA_SERVICE_CONFIG": str(config),
        "CA_SERVICE_WEB__SECRET_KEY_FILE": secret,
        "CA_SERVICE_POLICY__ALLOW_P521": "true",
    }
    told = {setting.key: (setting.value, setting.origin) for setting in load(environ, tmp_path).listing()}
    assert told["server.port"] == ("1001", str(config))
    assert told["web.secret_key"] == ("********", secret)
    assert told["policy.allow_p521"] == ("true", "CA_SERVICE_POLICY__ALLOW_P521")
    assert told["server.host"] == ("127.0.0.1", "default")
    assert told["instance_path"] == (str(tmp_path), "command line")


@pytest.mark.parametrize(
    ("environ", "given", "expected", "origin"),
    [
        ({}, None, Path("instance").absolute(), "default"),
        ({"CA_SERVICE_INSTANCE_PATH": ""}, None, Path("instance").absolute(), "default"),
        ({"CA_SERVICE_INSTANCE_PATH": "/srv/ca"}, None, Path("/srv/ca"), "CA_SERVICE_INSTANCE_PATH"),
        ({"CA_SERVICE_INSTANCE_PATH": "/srv/ca"}, Path("here"), Path("here").absolute(), "command line"),
    ],
)
def test_the_instance_folder_is_given_by_command_line_environment_or_default(
    environ: dict[str, str], given: Path | None, expected: Path, origin: str
) -> None:
    loaded = load(environ, given)
    assert (loaded.settings.instance_path, loaded.origins["instance_path"]) == (expected, origin)


def test_the_environment_of_the_process_counts_where_no_other_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CA_SERVICE_SERVER__PORT", "1004")
    assert load().settings.server.port == 1004


def test_variables_of_others_do_not_count() -> None:
    assert load({"PATH": "/bin", "CA_SERVICES": "x", "SERVER__PORT": "1"}).settings.server.port == 8080


# Secret files


def test_a_secret_file_loses_its_last_newline_only(tmp_path: Path) -> None:
    environ = {"CA_SERVICE_WEB__SECRET_KEY_FILE": secret_file(tmp_path, SECRET + " x\n")}
    assert load(environ).settings.web.secret_key.get_secret_value() == SECRET + " x"


def test_the_passphrase_file_is_a_setting_and_not_a_secret_file() -> None:
    environ = {"CA_SERVICE_KEYSTORE__PASSPHRASE_FILE": "/run/secrets/passphrase"}
    assert load(environ).settings.keystore.passphrase_file == "/run/secrets/passphrase"


def test_the_passphrase_file_can_be_named_by_a_file(tmp_path: Path) -> None:
    environ = {"CA_SERVICE_KEYSTORE__PASSPHRASE_FILE_FILE": secret_file(tmp_path, "/run/secrets/passphrase")}
    assert load(environ).settings.keystore.passphrase_file == "/run/secrets/passphrase"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x80"])
def test_a_secret_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    error = refusal({"CA_SERVICE_WEB__SECRET_KEY_FILE": str(path)})
    assert error.rule == "settings.secret-file"
    assert str(path) in str(error)
    assert "CA_SERVICE_WEB__SECRET_KEY_FILE" in str(error)


# Refusals


@pytest.mark.parametrize("content", ["[server", "port = ", "\x00"])
def test_a_settings_file_that_is_no_toml_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.toml").write_text(content)
    error = refusal({"CA_SERVICE_CONFIG": str(tmp_path / "x.toml")})
    assert error.rule == "settings.file"
    assert str(tmp_path / "x.toml") in str(error)


def test_a_settings_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    error = refusal({"CA_SERVICE_CONFIG": str(tmp_path / "missing.toml")})
    assert error.rule == "settings.file"


@pytest.mark.parametrize(
    ("toml", "key", "value"),
    [
        ("[server]\nprot = 1", "server.prot", "1"),
        ("[servers]\nport = 1", "servers.port", "1"),
        ("port = 1", "port", "1"),
        ("server = 5", "server", "5"),
        ("[server.port]\nx = 7", "server.port.x", "7"),
        ("[polcy]", "polcy", "an empty section"),
        ("[server.tls]", "server.tls", "an empty section"),
        ("instance_path = '/elsewhere'", "instance_path", "/elsewhere"),
    ],
)
def test_an_unknown_key_in_a_file_is_refused_with_key_and_origin_and_without_its_value(
    tmp_path: Path, toml: str, key: str, value: str
) -> None:
    (tmp_path / "x.toml").write_text(toml)
    error = refusal({"CA_SERVICE_CONFIG": str(tmp_path / "x.toml")})
    assert error.rule == "settings.unknown-key"
    assert error.findings[0].pointer == "/" + key.replace(".", "/")
    for part in (f"no setting {key},", str(tmp_path / "x.toml")):
        assert part in str(error)
    assert value not in str(error).replace(str(tmp_path), "")


def test_an_empty_section_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[server]\n[web]\n")
    assert load({"CA_SERVICE_CONFIG": str(tmp_path / "x.toml")}).settings.server.port == 8080


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("CA_SERVICE_PORT", "port"),
        ("CA_SERVICE_SERVER", "server"),
        ("CA_SERVICE_SERVER_PORT", "server_port"),
        ("CA_SERVICE_SERVER__PROT", "server.prot"),
        ("CA_SERVICE_SERVER__PORT__X", "server.port.x"),
        ("CA_SERVICE_FOO_FILE", "foo_file"),
        ("CA_SERVICE_", ""),
    ],
)
def test_an_unknown_variable_is_refused_with_key_and_origin_and_without_its_value(variable: str, key: str) -> None:
    error = refusal({variable: "some value", "CA_SERVICE_SERVER__PORT": "1"})
    assert error.rule == "settings.unknown-key"
    for part in (f"no setting {key},", variable):
        assert part in str(error)
    assert "some value" not in str(error)


@pytest.mark.parametrize(
    ("toml", "similar"),
    [
        ("[server]\nprot = 1", "server.port"),
        ("[sever]\nport = 1", "server.port"),
        ("[[policy.rules]]\nname = 'a'\nrolls = ['approver']", "policy.rules.0.roles"),
        ("[zzz]\nqqq = 1", "none"),
    ],
)
def test_an_unknown_key_in_a_file_is_answered_with_similar_ones(tmp_path: Path, toml: str, similar: str) -> None:
    (tmp_path / "x.toml").write_text(toml)
    error = refusal({"CA_SERVICE_CONFIG": str(tmp_path / "x.toml")})
    assert error.rule == "settings.unknown-key"
    assert f"Similar names: {similar}" in error.findings[0].remedy


def test_an_unknown_variable_is_answered_with_similar_variables() -> None:
    assert "Similar names: CA_SERVICE_SERVER__PORT" in refusal({"CA_SERVICE_SERVER_PORT": "1"}).findings[0].remedy


def test_an_unknown_key_of_a_rule_in_the_environment_is_answered_with_similar_keys() -> None:
    error = refusal({"CA_SERVICE_POLICY__RULES": "[{name = 'a', rolls = ['approver']}]"})
    assert error.rule == "settings.unknown-key"
    assert "Similar names: policy.rules.0.roles" in error.findings[0].remedy


def test_a_wrong_role_in_a_table_is_told_with_the_table(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[oidc]\nroles = { voice = 'boss' }")
    error = refusal({"CA_SERVICE_CONFIG": str(tmp_path / "x.toml")})
    assert error.rule == "settings.value"
    assert "{'voice': 'boss'}" in str(error)


def test_every_unknown_key_is_told_at_once() -> None:
    error = refusal({"CA_SERVICE_A": "1", "CA_SERVICE_B": "2"})
    assert [finding.pointer for finding in error.findings] == ["/a", "/b"]


def test_a_long_value_is_told_in_part() -> None:
    assert "x" * 81 not in str(refusal({"CA_SERVICE_A": "x" * 1000}))
