"""Settings: three sources, one order, and mistakes that name their place."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_validator

from steersman.contract.fakes import MemorySettings
from steersman.runtime.settings import HouseSettings, LoadedSettings, SettingsError, load


class Target(BaseModel):
    address: str
    seconds: float = Field(default=15.0, gt=0)


class Telemetry(BaseModel):
    retention_days: int = Field(default=15, ge=1)
    folders: tuple[str, ...] = ()
    scrape: tuple[Target, ...] = ()
    limits: Target = Target(address="here")


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    age: int


class People(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Person]
    limit: int = 100

    @property
    def ages(self) -> dict[str, int]:
        return {name: person.age for name, person in (self.__pydantic_extra__ or {}).items()}

    @model_validator(mode="after")
    def _below_the_limit(self) -> Self:
        for name, age in self.ages.items():
            if age > self.limit:
                raise ValueError(f"{name}.age: {age} is above the limit")
        return self


def _load(
    tmp_path: Path, toml: str = "", environ: Mapping[str, str] | None = None, **overrides: object
) -> LoadedSettings:
    config = tmp_path / "steersman.toml"
    config.write_text(toml)
    return load(config, environ or {}, overrides, {"telemetry": Telemetry})


def test_without_any_source_the_defaults_hold() -> None:
    settings = load(None, {"PATH": "/bin"}, {}, {"telemetry": Telemetry})
    assert settings.house == HouseSettings()
    assert (settings.house.host, settings.house.port) == ("127.0.0.1", 7600)
    assert settings.section(Telemetry) == Telemetry()


def test_the_command_line_wins_over_the_environment_over_the_file(tmp_path: Path) -> None:
    toml = '[house]\nlisten = "127.0.0.1:1"\nlog_level = "debug"\ndata = "/file"\n'
    environ = {"STEERSMAN_LISTEN": "127.0.0.1:2", "STEERSMAN_HOUSE__DATA": "/environment"}
    house = _load(tmp_path, toml, environ, listen="127.0.0.1:3", insecure=None).house
    assert (house.listen, house.data, house.log_level) == ("127.0.0.1:3", Path("/environment"), "debug")


def test_a_section_takes_structures_from_the_file_and_from_variables(tmp_path: Path) -> None:
    toml = '[telemetry]\nretention_days = 3\n[[telemetry.scrape]]\naddress = "a:1"\n'
    environ = {
        "STEERSMAN_TELEMETRY__FOLDERS": "one, two",
        "STEERSMAN_TELEMETRY__LIMITS__ADDRESS": "there",
        "STEERSMAN_TELEMETRY__LIMITS__SECONDS": "2.5",
    }
    found = _load(tmp_path, toml, environ).section(Telemetry)
    assert found == Telemetry(
        retention_days=3,
        folders=("one", "two"),
        scrape=(Target(address="a:1"),),
        limits=Target(address="there", seconds=2.5),
    )


def test_a_variable_may_hold_json(tmp_path: Path) -> None:
    environ = {"STEERSMAN_TELEMETRY__SCRAPE": '[{"address": "b:2"}]', "STEERSMAN_LISTEN": "[::1]:0"}
    settings = _load(tmp_path, "", environ)
    assert settings.section(Telemetry).scrape == (Target(address="b:2"),)
    assert (settings.house.host, settings.house.port) == ("::1", 0)


def test_a_key_of_another_section_may_come_from_the_command_line() -> None:
    settings = load(None, {}, {"telemetry.retention_days": 2}, {"telemetry": Telemetry})
    assert settings.section(Telemetry).retention_days == 2


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[house]\nlisen = 'x'", ["steersman.toml", "house.lisen", "did you mean 'listen'"]),
        ("[house]\nlog_level = 'loud'", ["steersman.toml", "house.log_level", "'loud'", "'debug'"]),
        ("[house]\nlisten = 7600", ["house.listen", "7600", "string"]),
        ("[house]\nlisten = 'nowhere'", ["house.listen", "'nowhere'", "HOST:PORT"]),
        ("[house]\nlisten = 'h:99999'", ["house.listen", "65535"]),
        ("[house]\nlisten = '::1:80'", ["house.listen", "brackets"]),
        ("[house]\nmax_body_bytes = 1", ["house.max_body_bytes", "1024"]),
        ("[telemetry]\nretention_days = 0", ["telemetry.retention_days", "0", "greater than or equal to 1"]),
        ("[telemetry]\nretention = 1", ["telemetry.retention", "did you mean 'retention_days'"]),
        ("[[telemetry.scrape]]\nadress = 'x'", ["telemetry.scrape.0.adress", "telemetry.scrape.0.address"]),
        ("[telemety]\n", ["telemety", "did you mean 'telemetry'"]),
        ("[zzz]\na = 1", ["zzz", "known are house, telemetry"]),
        ("# first\nlisten = 'x'", ["line 2", "listen", "outside a section", "[house]"]),
        ("[house\n", ["steersman.toml", "line 1"]),
        ("[telemetry]\nlimits = 3", ["telemetry.limits", "3"]),
    ],
)
def test_a_mistake_in_the_file_names_file_key_value_and_what_is_allowed(
    tmp_path: Path, toml: str, words: list[str]
) -> None:
    with pytest.raises(SettingsError) as raised:
        _load(tmp_path, toml)
    assert [word for word in words if word not in raised.value.message] == []


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[house]\n\nlog_level = 'loud'", ["steersman.toml, line 3: house.log_level"]),
        ("[telemetry]\nlimits = {address = 'a', seconds = 0}", ["line 2: telemetry.limits.seconds"]),
        ("[telemetry.limits]\naddress = 'a'\n'seconds' = 0", ["line 3: telemetry.limits.seconds"]),
        (
            "[[telemetry.scrape]]\naddress='a'\n\n[[telemetry.scrape]]\nadress='b'",
            ["line 5: there is no setting telemetry.scrape.1.adress"],
        ),
        ("[people.ann]\nage = 3\n[people.bob]\nage = 'x'", ["line 4: people.bob.age = 'x'"]),
        ("[people.ann]\nage = 3\n[people.bob]\nname = 'x'", ["line 4: there is no setting people.bob.name"]),
        ("[people]\nlimit = 1\n[people.ann]\nage = 3", ["line 4: people.ann.age: 3 is above the limit"]),
        ("[people]\nlimmit = 1", ["line 2: people.limmit = 1"]),
    ],
)
def test_a_mistake_in_the_file_names_its_line(tmp_path: Path, toml: str, words: list[str]) -> None:
    config = tmp_path / "steersman.toml"
    config.write_text(toml)
    with pytest.raises(SettingsError) as raised:
        load(config, {}, {}, {"telemetry": Telemetry, "people": People})
    assert [word for word in words if word not in raised.value.message] == []


def test_a_section_of_names_that_a_person_chose_is_checked_by_type(tmp_path: Path) -> None:
    config = tmp_path / "steersman.toml"
    config.write_text("[people.ann]\nage = 3\n[people]\nlimit = 9\n")
    assert load(config, {}, {}, {"people": People}).section(People).ages == {"ann": 3}


def test_a_variable_that_replaces_a_table_takes_the_blame_for_what_is_inside(tmp_path: Path) -> None:
    toml = "[telemetry.limits]\naddress = 'a'\nseconds = 1\n"
    with pytest.raises(SettingsError, match="STEERSMAN_TELEMETRY__LIMITS"):
        _load(tmp_path, toml, {"STEERSMAN_TELEMETRY__LIMITS": '{"address": "a", "seconds": 0}'})


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("STEERSMAN_HOUSE__LISEN", "x", ["house.lisen", "did you mean 'listen'"]),
        ("STEERSMAN_TELEMETRY__RETENTION_DAYS", "many", ["telemetry.retention_days", "'many'", "integer"]),
        ("STEERSMAN_HOUSE__INSECURE", "perhaps", ["house.insecure", "'perhaps'", "boolean"]),
        ("STEERSMAN_TELEMTRY__X", "1", ["telemtry", "did you mean 'telemetry'"]),
        ("STEERSMAN_TELEMETRY__SCRAPE", "[{", ["telemetry.scrape", "not valid JSON"]),
        ("STEERSMAN_LISTN", "x", ["did you mean STEERSMAN_LISTEN"]),
        ("STEERSMAN_TELEMETRY__", "x", ["telemetry."]),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    tmp_path: Path, variable: str, value: str, words: list[str]
) -> None:
    with pytest.raises(SettingsError) as raised:
        _load(tmp_path, "", {variable: value})
    assert [word for word in (variable, *words) if word not in raised.value.message] == []


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_mistake(tmp_path: Path) -> None:
    environ = {
        "STEERSMAN_PORT": "tcp://10.0.0.1:7600",
        "STEERSMAN_SERVICE_HOST": "10.0.0.1",
        "STEERSMAN_PORT_7600_TCP": "",
    }
    assert _load(tmp_path, "", environ).house == HouseSettings()


def test_a_mistake_on_the_command_line_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--log-level: house\.log_level = 'loud'"):
        _load(tmp_path, log_level="loud")


def test_a_required_setting_that_nobody_gave_is_named() -> None:
    with pytest.raises(SettingsError, match=r"the settings: target\.address: Field required"):
        load(None, {}, {}, {"target": Target})


def test_all_mistakes_of_a_section_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        _load(tmp_path, "[house]\nlog_level = 'loud'\nlog_format = 'xml'\n")
    assert len(raised.value.message.splitlines()) == 2


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.8.8.8:1", "localhost:1", "[::1]:1"])
def test_without_a_token_on_loopback_is_allowed(tmp_path: Path, listen: str) -> None:
    assert _load(tmp_path, listen=listen, insecure=True).house.insecure


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "192.168.1.2:1", "example.org:1", "127.0.0.1.example.org:1"])
def test_without_a_token_elsewhere_is_refused(tmp_path: Path, listen: str) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        _load(tmp_path, listen=listen, insecure=True)


@pytest.mark.parametrize("token", ["short", "with space inside", "naïve-tokens", "tab\tinside-it", ""])
def test_a_weak_token_is_refused_and_never_shown(tmp_path: Path, token: str) -> None:
    with pytest.raises(SettingsError, match="STEERSMAN_BOOTSTRAP_TOKEN") as raised:
        _load(tmp_path, "", {"STEERSMAN_BOOTSTRAP_TOKEN": token})
    assert not token or token not in raised.value.message


@pytest.mark.requirement("ASVS-16.2.5")
def test_secrets_do_not_show_in_the_settings_text(tmp_path: Path) -> None:
    environ = {"STEERSMAN_BOOTSTRAP_TOKEN": "hush-hush", "STEERSMAN_DATABASE_URL": "postgresql://me:hush-hush@h/n"}
    assert "hush-hush" not in repr(_load(tmp_path, "", environ))


def test_a_wrong_database_url_is_refused_without_showing_its_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="STEERSMAN_DATABASE_URL") as raised:
        _load(tmp_path, "", {"STEERSMAN_DATABASE_URL": "mysql://me:hush-hush@h/n"})
    assert "hush-hush" not in raised.value.message


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_bytes(b"\xff\xfe")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, make: object) -> None:
    config = tmp_path / "other.toml"
    assert callable(make)
    make(config)
    with pytest.raises(SettingsError, match=r"other\.toml"):
        load(config, {}, {}, {})


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_any_environment_gives_settings_or_a_settings_error(values: dict[str, str]) -> None:
    environ = {f"STEERSMAN_HOUSE__{name}": value for name, value in values.items()}
    with suppress(SettingsError):
        assert load(None, environ, {}, {}).house


@pytest.mark.parametrize("kind", ["real", "fake"])
def test_a_service_finds_its_section_by_class(tmp_path: Path, kind: str) -> None:
    port = (
        _load(tmp_path, "[telemetry]\nretention_days = 9")
        if kind == "real"
        else MemorySettings(Telemetry(retention_days=9))
    )
    assert port.section(Telemetry).retention_days == 9
