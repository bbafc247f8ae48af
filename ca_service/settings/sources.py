"""The sources of settings: defaults, a TOML file, secret files, the environment. The last one wins."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from ca_service.errors import ConfigurationError, Finding, Rule
from ca_service.settings.model import CONTRADICTION, KEYS, SECRETS, TABLES, Settings
from ca_service.settings.section import ApprovalRule, as_toml, write_roles

SETTINGS_UNKNOWN_KEY: Final = Rule(
    "settings.unknown-key",
    "There is no setting {key}, which {origin} sets.",
    "Remove it, or correct its name. Similar names: {similar}. `ca-service config show` lists all, once it is removed.",
)
SETTINGS_VALUE: Final = Rule(
    "settings.value",
    "The setting {key} cannot be {value} (from {origin}): {reason}.",
    "Change the value in that source.",
)
SETTINGS_CONTRADICTION: Final = Rule(
    "settings.contradiction",
    "{key} ({value}, from {origin}) {relation} {other} ({limit}, from {limit_origin}).",
    "{advice}",
)
SETTINGS_FILE: Final = Rule(
    "settings.file",
    "The settings file {path} cannot be read: {reason}.",
    "Fix the file, or change CA_SERVICE_CONFIG.",
)
SETTINGS_SECRET_FILE: Final = Rule(
    "settings.secret-file",
    "The secret file {path}, named by {variable}, cannot be read: {reason}.",
    "Check that the file exists, and that the user who runs this program can read it.",
)

PREFIX: Final = "CA_SERVICE_"
_OWN_VARIABLES: Final = {
    *("CA_SERVICE_CONFIG", "CA_SERVICE_INSTANCE_PATH", "CA_SERVICE_TEST_ALL"),
    *("CA_SERVICE_URL", "CA_SERVICE_TOKEN", "CA_SERVICE_TOKEN_FILE", "CA_SERVICE_CA_FILE"),  # of the command line
}
_COMMAND_LINE: Final = "command line"
_FILE_SUFFIX: Final = "_FILE"
_PACKAGE: Final = Path(__file__).parent.parent
_DEFAULTS: Final = (_PACKAGE / "default.toml", _PACKAGE.parent / "config" / "default.toml")


@dataclass(frozen=True, slots=True)
class Setting:
    """One value with the source that set it. Secrets are masked."""

    key: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and the source of each."""

    settings: Settings
    origins: Mapping[str, str]

    def listing(self) -> tuple[Setting, ...]:
        """Return all settings in the order of config/default.toml."""
        return tuple(
            Setting(key, _shown(value), self.origins.get(key, "default"))
            for key, value in _flatten(self.settings.model_dump())
        )


def load(
    environ: Mapping[str, str] | None = None,
    instance_path: Path | None = None,
    options: Mapping[str, object] = MappingProxyType({}),
) -> LoadedSettings:
    """Read all sources. `instance_path` overrides CA_SERVICE_INSTANCE_PATH; the default is ./instance.

    `options` are keys with values that were given at the command line, which override all others.

    Raises ConfigurationError with one finding for each unknown key or wrong value.
    """
    environ = os.environ if environ is None else environ
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    unknown: list[Finding] = []
    for origin, values in (*_sources(environ), (_COMMAND_LINE, options)):
        for key, value in _flatten(values):
            if key not in KEYS:
                unknown.append(_unknown_key(key, origin))
                continue
            _put(merged, key, value)
            origins[key] = origin
    if unknown:
        raise ConfigurationError(*unknown)
    folder, origins["instance_path"] = _instance_path(environ, instance_path)
    merged["instance_path"] = folder
    try:
        return LoadedSettings(Settings.model_validate(merged), origins)
    except ValidationError as error:
        raise ConfigurationError(*_findings(error, origins)) from error


def _instance_path(environ: Mapping[str, str], given: Path | None) -> tuple[Path, str]:
    if given is not None:
        return given.absolute(), _COMMAND_LINE
    if environ.get("CA_SERVICE_INSTANCE_PATH"):
        return Path(environ["CA_SERVICE_INSTANCE_PATH"]).absolute(), "CA_SERVICE_INSTANCE_PATH"
    return Path("instance").absolute(), "default"


def _sources(environ: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, values) of each source. Later ones override earlier ones."""
    yield "default", _toml(next(path for path in _DEFAULTS if path.exists()))
    if environ.get("CA_SERVICE_CONFIG"):
        path = Path(environ["CA_SERVICE_CONFIG"])
        yield str(path), _toml(path)
    names = sorted(name for name in environ if name.startswith(PREFIX) and name not in _OWN_VARIABLES)
    secret_files = {name: name.removesuffix(_FILE_SUFFIX) for name in names if _names_a_secret_file(name)}
    for name, variable in secret_files.items():
        path = Path(environ[name])
        yield str(path), {_key_of(variable): _secret(name, path)}
    for name in names:
        if name not in secret_files:
            yield name, {_key_of(name): environ[name]}


def _names_a_secret_file(variable: str) -> bool:
    """Return whether the variable is a setting plus _FILE, and not a setting whose own name ends with _FILE."""
    is_setting = _key_of(variable) in KEYS
    return not is_setting and variable.endswith(_FILE_SUFFIX) and _key_of(variable.removesuffix(_FILE_SUFFIX)) in KEYS


def _key_of(variable: str) -> str:
    return variable.removeprefix(PREFIX).lower().replace("__", ".")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError.because(SETTINGS_FILE, path=path, reason=error) from error


def _secret(variable: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError.because(
            SETTINGS_SECRET_FILE,
            path=path,
            variable=variable,
            reason=getattr(error, "strerror", "") or "it is not text",
        ) from error


def _put(target: dict[str, Any], key: str, value: object) -> None:
    section, name = key.split(".")
    target.setdefault(section, {})[name] = value


def _flatten(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (key, value) of all settings. An empty unknown section counts as a value, so that it is reported."""
    for name, value in values.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping) and key not in TABLES and (value or key in Settings.model_fields):
            yield from _flatten(value, f"{key}.")
        else:
            yield key, value


def _unknown_key(key: str, origin: str, known: Collection[str] = KEYS) -> Finding:
    similar = get_close_matches(key, known)
    if origin.startswith(PREFIX) and known is KEYS:
        similar = [PREFIX + each.upper().replace(".", "__") for each in similar]
    place = "/" + key.replace(".", "/")
    return SETTINGS_UNKNOWN_KEY.at(place, key=key, origin=origin, similar=", ".join(similar) or "none")


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, Mapping):
        return write_roles(value)
    if isinstance(value, tuple):
        return as_toml(value) if all(isinstance(each, dict) for each in value) and value else ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _findings(error: ValidationError, origins: Mapping[str, str]) -> Iterator[Finding]:
    for fault in error.errors(include_url=False):
        yield (_contradiction if fault["type"] == CONTRADICTION else _wrong_value)(fault, origins)


def _wrong_value(fault: ErrorDetails, origins: Mapping[str, str]) -> Finding:
    key = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":  # in an approval rule: the keys of sections are checked before
        rule = key.rpartition(".")[0]
        return _unknown_key(key, _origin(key, origins), [f"{rule}.{name}" for name in ApprovalRule.model_fields])
    return SETTINGS_VALUE.at(
        "/" + key.replace(".", "/"),
        key=key,
        value=_fault_value(key, fault["input"]),
        origin=_origin(key, origins),
        reason=fault["msg"].removeprefix("Value error, ").rstrip("."),
    )


def _origin(key: str, origins: Mapping[str, str]) -> str:
    """Return the source of a setting, or of the setting that contains it: policy.rules for policy.rules.0.names."""
    return next((origins[known] for known in origins if f"{key}.".startswith(f"{known}.")), "default")


def _contradiction(fault: ErrorDetails, origins: Mapping[str, str]) -> Finding:
    """Return the finding for two settings that contradict each other. It points to the first."""
    told = fault["ctx"]
    return SETTINGS_CONTRADICTION.at(
        "/" + told["key"].replace(".", "/"),
        **{**told, "value": str(told["value"])[:80] or "empty", "limit": str(told["limit"])[:80] or "empty"},
        origin=origins.get(told["key"], "default"),
        limit_origin=origins.get(told["other"], "default"),
    )


def _fault_value(key: str, value: object) -> str:
    """Return the value for a message, but never a secret, or a URL that may contain a password."""
    if key in SECRETS or "secret" in key or "password" in key or "@" in str(value):
        return "this value"
    return "an empty section" if value == {} else f"\u201c{str(value)[:80]}\u201d"
