"""A service that cannot work is refused before anything starts, with file, line and reason."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.runtime.settings import SettingsError, load
from steersman.services.workloads.model.order import Circle, start_order
from steersman.services.workloads.model.settings import WorkloadsSettings

A = "[services.a]\ncommand = ['true']\n"
B = "[services.b]\ncommand = ['true']\n"


def _load(tmp_path: Path, toml: str) -> WorkloadsSettings:
    config = tmp_path / "steersman.toml"
    config.write_text(toml)
    return load(config, {}, {}, {"services": WorkloadsSettings}).section(WorkloadsSettings)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[services.a]\ncommand = ['no-such-thing']", "line 2: services.a.command: no-such-thing does not exist"),
        ("[services.a]\ncommand = ['./nothing']", "line 2: services.a.command: ./nothing does not exist"),
        (f"{A}directory = '/no/where'", "line 3: services.a.directory: /no/where does not exist"),
        ("[services.a]\nreplicas = 1", "line 1: services.a.command: Field required"),
        (f"{A}comand = 3", "line 3: there is no setting services.a.comand"),
        (f"{A}replicas = 'two'", "line 3: services.a.replicas = 'two'"),
        (f"{A}replicas = 3\nmax_replicas = 2", "line 4: services.a.max_replicas: 2 is less than replicas = 3"),
        (f"{A}stop_signal = 'SIGNOTHING'", "line 3: services.a.stop_signal = 'SIGNOTHING': SIGNOTHING is not a signal"),
        (
            f"{A}depends_on = ['c']\n{B}",
            "line 3: services.a.depends_on: there is no other service 'c'; known are ['b']",
        ),
        (f"{A}depends_on = ['a']", "line 3: services.a.depends_on: there is no other service 'a'"),
        (f"{A}depends_on = ['b']\n{B}depends_on = ['a']", "line 3: services.a.depends_on: these services depend on"),
        (f"{A}port = 80\nmax_replicas = 2\n{B}port = 81", "line 7: services.b.port: 81 is used twice: by a and by b"),
        (f"{A}standby = 'b'\nroute_file = '/r'\n{B}", "line 3: services.a.standby: b has no port"),
        (f"{A}standby = 'b'\n{B}port = 1", "line 3: services.a.standby: it and route_file belong together"),
        (f"{A}current = '/c'", "line 3: services.a.current: it and releases belong together"),
        (f"{A}health = {{}}", "line 3: services.a.health: give exactly one of url, tcp and command"),
        (f"{A}health = {{ url = 'ftp://x' }}", "url begins with http:// or https://"),
        (f"{A}health = {{ tcp = '127.0.0.1:1', failures = 0 }}", "line 3: services.a.health.failures = 0"),
        (
            f"{A}[services.a.knobs.n]\nfile = '/n'\nlow = 1\nhigh = 2\nstep = 1\ndefault = 3",
            "line 8: services.a.knobs.n.default: 3 is outside 1 to 2",
        ),
        (f"{A}knobs = {{ n = {{ helps = ['boredom'] }} }}", "services.a.knobs.n.helps.0 = 'boredom'"),
        ("[services]\nstop_with_platfrm = true", "line 2: services.stop_with_platfrm = True"),
        ("[services.'a/b']\ncommand = ['true']", "line 1: services.a/b: a name of a service has letters"),
    ],
)
def test_a_mistake_names_file_line_and_reason(tmp_path: Path, toml: str, words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        _load(tmp_path, toml)
    assert words in raised.value.message
    assert "steersman.toml" in raised.value.message


def test_a_program_in_the_directory_of_the_service_is_found(tmp_path: Path) -> None:
    program = tmp_path / "run"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert _load(tmp_path, f"[services.a]\ncommand = ['./run']\ndirectory = '{tmp_path}'").services["a"]


def test_what_is_in_the_environment_of_a_service_is_never_shown(tmp_path: Path) -> None:
    """Not in the settings that the API answers with, nor in a complaint about the service."""
    secret = f"{A}environment = {{ PASSWORD = 'hush-hush' }}\n"
    assert "hush-hush" not in str(_load(tmp_path, secret).model_dump(mode="json"))
    with pytest.raises(SettingsError) as raised:
        _load(tmp_path, f"{secret}max_replicas = 1\nreplicas = 2")
    assert "hush-hush" not in raised.value.message


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3)))
def test_each_comes_after_what_it_needs_or_there_is_a_circle(needs: dict[str, list[str]]) -> None:
    try:
        ordered = start_order(needs)
    except Circle as found:
        circle = found.names
    else:
        circle = ()
        assert sorted(ordered) == sorted(needs)
        for position, name in enumerate(ordered):
            assert {one for one in needs[name] if one in needs} <= set(ordered[:position])
    assert all(after in needs[before] for before, after in pairwise(circle))
    assert circle[:1] == circle[-1:]
