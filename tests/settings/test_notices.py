"""The settings of notices: what cannot be is refused, and no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from ca_service.errors import ConfigurationError
from ca_service.settings import Settings, load

SECRET = "whsec_" + "A" * 44


def settings(**values: str) -> Settings:
    """The settings with these; `mail__port` is mail.port."""
    return load({f"CA_SERVICE_{name.upper()}": value for name, value in values.items()}).settings


@pytest.mark.parametrize(
    "values",
    [
        {"notices__days": "0"},
        {"notices__days": "401"},
        {"notices__days": "x"},
        {"notices__days": ""},
        {"notices__days": "\u0663"},
        {"notices__days": ", ".join(map(str, range(1, 22)))},
        {"mail__port": "0"},
        {"mail__security": "ssl"},
        {"mail__recipients": "nobody"},
        {"mail__recipients": "a@example.com, b@example.com\r\nBcc: c@example.com"},
        {"mail__sender": "ca <ca@example.com>"},
        {"mail__host": "mail example"},
        {"webhook__secret": "whsec_short"},
        {"webhook__secret": "whsec_" + "A" * 20},
        {"webhook__secret": "A" * 44},
        {"webhook__url": "http://hooks.example.com/", "webhook__secret": SECRET},
        {"webhook__url": "https://user:pass@hooks.example.com/", "webhook__secret": SECRET},
        {"webhook__url": "https://hooks.example.com:99999/", "webhook__secret": SECRET},
        {"webhook__url": "file:///etc/passwd", "webhook__secret": SECRET},
        {"webhook__url": "https:///path", "webhook__secret": SECRET},
        {"metrics__networks": "192.0.2.1/24"},
        {"metrics__networks": "everybody"},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_at_its_key(values: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings(**values)

    assert refused.value.rule == "settings.value"
    section = next(iter(values)).partition("__")[0]
    assert refused.value.findings[0].pointer.startswith(f"/{section}/")


@pytest.mark.parametrize(
    "values",
    [
        {"mail__host": "mail.example.com"},
        {"mail__host": "mail.example.com", "mail__sender": "ca@example.com"},
        {"mail__host": "m", "mail__sender": "a@b.c, d@e.f", "mail__recipients": "g@h.i"},
        {"webhook__url": "https://hooks.example.com/"},
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_at_its_key(values: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings(**values)

    assert refused.value.rule == "settings.contradiction"
    section = next(iter(values)).partition("__")[0]
    assert refused.value.findings[0].pointer.startswith(f"/{section}/")


def test_a_password_is_not_sent_in_the_clear() -> None:
    mail = {"mail__sender": "ca@example.com", "mail__recipients": "a@b.c", "mail__username": "ca"}
    with pytest.raises(ConfigurationError, match="needs TLS, which is off in"):
        settings(mail__host="mail.example.com", mail__security="none", **mail)
    assert settings(mail__host="127.0.0.1", mail__security="none", **mail).mail.username == "ca"


def test_lists_come_from_the_environment_and_from_toml_alike(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[notices]\ndays = [1, 30, 7]\n[mail]\nrecipients = ["a@example.com", "b@example.com"]\n')

    from_file = load({"CA_SERVICE_CONFIG": str(path)}).settings
    from_environment = settings(notices__days="7,1, 30", mail__recipients="a@example.com,b@example.com")

    assert from_file.notices.thresholds == from_environment.notices.thresholds == (30, 7, 1)
    assert from_file.mail.addresses == from_environment.mail.addresses == ("a@example.com", "b@example.com")


def test_networks_are_those_of_both_versions() -> None:
    assert settings(metrics__networks="192.0.2.0/24, 2001:db8::/64").metrics.open_to == (
        "192.0.2.0/24",
        "2001:db8::/64",
    )


def test_no_secret_is_shown(tmp_path: Path) -> None:
    environ = {
        "CA_SERVICE_MAIL__PASSWORD": "opensesame",
        "CA_SERVICE_WEBHOOK__URL": "http://127.0.0.1/",
        "CA_SERVICE_WEBHOOK__SECRET": SECRET,
    }
    shown = repr(load(environ, tmp_path).listing())

    assert "opensesame" not in shown
    assert SECRET not in shown


def test_a_wrong_secret_and_the_path_of_a_webhook_stay_out_of_the_message() -> None:
    for values in (
        {"webhook__secret": "whsec_s3cret"},
        {"webhook__url": "https://hooks.example.com/s3cret"},
    ):
        with pytest.raises(ConfigurationError) as refused:
            settings(**values)
        assert "s3cret" not in str(refused.value)
