"""Settings from one TOML file, the environment and the command line, checked before anything starts.

Later sources win: file, environment, command line. Every mistake is reported with the place it came from, the dotted
key, what was given and what is allowed. Nothing is read from anywhere else, and no key is ignored in silence.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from steersman.model.errors import InvalidInput

T = TypeVar("T")

HOUSE = "house"
_PREFIX = "STEERSMAN_"
#: Short names for what is set most often, and the only environment names without a section.
_SHORTHANDS = {
    "STEERSMAN_DATA": "data",
    "STEERSMAN_LISTEN": "listen",
    "STEERSMAN_BOOTSTRAP_TOKEN": "bootstrap_token",
    "STEERSMAN_DATABASE_URL": "database_url",
}
#: What fits into an Authorization header as it is.
_TOKEN = re.compile(r"[!-~]{8,}")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?")


class SettingsError(InvalidInput):
    """A setting is wrong: correct the place that the message names and start again."""


class HouseSettings(BaseModel):
    """The section [house]: what the platform itself needs before any service starts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Path("data")
    listen: str = "127.0.0.1:7600"
    insecure: bool = False
    database_url: str | None = Field(default=None, repr=False)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    attacks: Literal["block", "observe", "ignore"] = "block"
    four_eyes: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    certificate: Path | None = None
    private_key: Path | None = None
    max_body_bytes: int = Field(default=32 * 1024 * 1024, ge=1024, le=1024**3)
    bootstrap_token: SecretStr | None = None
    nice: int = Field(default=-15, ge=-20, le=19)

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, value: str) -> str:
        split_address(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                ipaddress.ip_network(one)
            except ValueError as error:
                raise ValueError(f"{one} is no address and no network such as 10.0.0.0/8: {error}") from error
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not _ORIGIN.fullmatch(one):
                raise ValueError(f"{one} is no origin such as https://wiki.example.org, without a path or a star")
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("a database URL starts with postgresql:// or sqlite:///")
        return value

    @field_validator("bootstrap_token")
    @classmethod
    def _check_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("a token has at least 8 ASCII characters and no spaces")
        return value

    @model_validator(mode="after")
    def _check_insecure(self) -> HouseSettings:
        if self.insecure and not _is_loopback(self.host):
            raise ValueError(
                f"insecure = true drops the token and is allowed on a loopback address only, "
                f"such as 127.0.0.1; listen is {self.listen}"
            )
        return self

    @model_validator(mode="after")
    def _check_certificate(self) -> HouseSettings:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate: a certificate and its private_key are set together, or neither is")
        return self

    @property
    def host(self) -> str:
        return split_address(self.listen)[0]

    @property
    def port(self) -> int:
        return split_address(self.listen)[1]


def split_address(listen: str) -> tuple[str, int]:
    """Split `host:port`, with an IPv6 address in brackets; port 0 asks for a free one."""
    host, colon, port = listen.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address is written in brackets, such as [::1]:7600")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("an address is HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:7600")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """All sections, checked. `section` finds one by the class that declares it."""

    house: HouseSettings
    by_kind: Mapping[type, BaseModel] = field(default_factory=dict)

    def section(self, kind: type[T]) -> T:
        """Return the section that `kind` declares; a service may only ask for its own."""
        found = self.by_kind[kind]
        assert isinstance(found, kind)  # noqa: S101 - narrows the type; `load` built the mapping that way
        return found


@dataclass(slots=True)
class _Draft:
    """Values as they are merged, and where each dotted key came from."""

    values: dict[str, dict[str, Any]]
    origins: dict[str, str] = field(default_factory=dict)

    def put(self, path: tuple[str, ...], value: object, origin: str) -> None:
        at: dict[str, Any] = self.values
        for depth, name in enumerate(path[:-1], start=1):
            inner = at.setdefault(name, {})
            if not isinstance(inner, dict):
                raise SettingsError(f"{origin}: {'.'.join(path[:depth])} is a single value and has no keys inside")
            at = inner
        at[path[-1]] = value
        key = ".".join(path)
        for deeper in [known for known in self.origins if known.startswith(f"{key}.")]:
            del self.origins[deeper]
        self.origins[key] = origin

    def origin(self, path: tuple[str, ...], fallback: str) -> str:
        """Return the source of the key, or of the closest key around it."""
        for depth in range(len(path), 0, -1):
            if (found := self.origins.get(".".join(path[:depth]))) is not None:
                return found
        return fallback


def load(
    config: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    sections: Mapping[str, type[BaseModel]],
) -> LoadedSettings:
    """Read and check all settings.

    `overrides` are the command line's, by dotted key (`house.listen`; without a dot the house is meant); None
    means "not given". `sections` maps the name of a section to the model that declares it.
    """
    kinds: dict[str, type[BaseModel]] = {HOUSE: HouseSettings, **sections}
    draft = _Draft({})
    if config is not None:
        _add_file(draft, config)
    _add_environment(draft, environ, kinds)
    for key, value in overrides.items():
        if value is not None:
            path = tuple(key.split(".")) if "." in key else (HOUSE, key)
            draft.put(path, value, f"the command line, --{path[-1].replace('_', '-')}")
    for name in draft.values:
        if name not in kinds:
            where = next(origin for key, origin in draft.origins.items() if key.partition(".")[0] == name)
            raise SettingsError(f"{where}: there is no section {name!r}; {_known(name, kinds)}")
    fallback = str(config) if config is not None else "the settings"
    checked = {name: _check(name, kind, draft, fallback) for name, kind in kinds.items()}
    house = checked.pop(HOUSE)
    assert isinstance(house, HouseSettings)  # noqa: S101 - narrows the type
    return LoadedSettings(house, {kinds[name]: model for name, model in checked.items()})


def _add_file(draft: _Draft, config: Path) -> None:
    try:
        text = config.read_bytes().decode()
        tables = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"the settings file {config} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {config} is not valid TOML: {error}") from error
    places = {key: f"{config}, line {line}" for key, line in _lines_of_keys(text)}
    for name, table in tables.items():
        if not isinstance(table, dict):
            place = places.get(f".{name}", str(config))
            raise SettingsError(f"{place}: {name} stands outside a section; write it below a line such as [{HOUSE}]")
        for key, value in table.items():
            draft.put((name, key), value, str(config))
        draft.origins.setdefault(name, str(config))
        draft.values.setdefault(name, {})
    draft.origins.update(places)


#: A table's head and the beginning of a pair, for finding lines; what they mean is tomllib's to say.
_HEAD = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_PAIR = re.compile(r"""\s*([A-Za-z0-9_."' -]+?)\s*=""")


def _lines_of_keys(text: str) -> Iterator[tuple[str, int]]:
    """Yield the dotted key and the line of every table and pair; a list of tables is numbered.

    A line inside a longer string may be taken for a pair. That costs nothing: only lines of keys that are wrong are
    ever told, and a key is at the first line that looks like it.
    """
    table, many, seen = "", Counter[str](), set[str]()
    for number, line in enumerate(text.split("\n"), start=1):
        if head := _HEAD.match(line):
            table = _plain_key(head[2])
            if head[1] == "[[":
                many[table] += 1
                table = f"{table}.{many[table] - 1}"
            key = table
        elif pair := _PAIR.match(line):
            key = f"{table}.{_plain_key(pair[1])}"
        else:
            continue
        if key not in seen:
            seen.add(key)
            yield key, number


def _plain_key(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))


def _add_environment(draft: _Draft, environ: Mapping[str, str], kinds: Mapping[str, type[BaseModel]]) -> None:
    for variable in sorted(environ):
        origin = f"the environment variable {variable}"
        if variable in _SHORTHANDS:
            path: tuple[str, ...] = (HOUSE, _SHORTHANDS[variable])
        elif variable.startswith(_PREFIX) and "__" in variable:
            path = tuple(variable.removeprefix(_PREFIX).lower().split("__"))
        else:
            _refuse_near_miss(variable)
            continue
        draft.put(path, _from_text(kinds, path, environ[variable], origin), origin)


def _refuse_near_miss(variable: str) -> None:
    """Catch a misspelt short name. Others stay allowed: Kubernetes sets STEERSMAN_PORT for a service of our name."""
    if not variable.startswith(_PREFIX):
        return
    names = {known.removeprefix(_PREFIX): known for known in _SHORTHANDS}
    close = difflib.get_close_matches(variable.removeprefix(_PREFIX), names, n=1, cutoff=0.75)
    if close:
        raise SettingsError(f"the environment variable {variable} is not known; did you mean {names[close[0]]}?")


def _from_text(kinds: Mapping[str, type[BaseModel]], path: tuple[str, ...], text: str, origin: str) -> object:
    """Turn a variable's text into what the model expects: JSON for structures, commas for plain lists."""
    if text.startswith(("[", "{")) and path[1:] != ("listen",):
        try:
            parsed: object = json.loads(text)
        except ValueError as error:
            raise SettingsError(f"{origin}: {'.'.join(path)} is not valid JSON: {error}") from error
        return parsed
    kind = kinds.get(path[0])
    declared = kind.model_fields.get(path[1]) if kind is not None and len(path) == 2 else None
    if declared is not None and get_origin(declared.annotation) in (tuple, list, set, frozenset):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _check(name: str, kind: type[BaseModel], draft: _Draft, fallback: str) -> BaseModel:
    # A section whose keys are names that a person chooses says so itself, and checks their values by type.
    extra: Literal["forbid"] | None = None if kind.model_config.get("extra") == "allow" else "forbid"
    try:
        return kind.model_validate(draft.values.get(name, {}), extra=extra)
    except ValidationError as error:
        complaints = [_explain(name, kind, draft, fallback, dict(one)) for one in error.errors()]
        raise SettingsError("\n".join(complaints)) from None


def _explain(name: str, kind: type[BaseModel], draft: _Draft, fallback: str, error: Mapping[str, Any]) -> str:
    path = (name, *(str(part) for part in error["loc"]))
    where, key = draft.origin(path, fallback), ".".join(path)
    if error["type"] == "extra_forbidden":
        names = kind.model_fields if len(path) == 2 else {}
        return f"{where}: there is no setting {key}; {_known(path[-1], names)}"
    message = str(error["msg"]).removeprefix("Value error, ")
    # A check over several keys begins its message with the one to correct.
    named, _, rest = message.partition(": ")
    if (line := draft.origins.get(f"{key}.{named}")) is not None:
        return f"{line}: {key}.{named}: {rest}"
    if error["type"] == "missing" or len(path) == 1 or isinstance(error["input"], dict):
        return f"{where}: {key}: {message}"
    return f"{where}: {key} = {_shown(path[-1], error['input'])}: {message}"


def _shown(key: str, value: object) -> str:
    """Show what was given, except where it may be a secret."""
    if any(word in key for word in ("token", "secret", "password", "url", "key")):
        return "(hidden)"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _known(given: str, names: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(given, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are {', '.join(sorted(names))}" if names else "check its spelling in the reference"
