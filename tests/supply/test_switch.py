"""A release that does not become ready is taken back, and a kill amid the switch leaves one that runs."""

from __future__ import annotations

import subprocess

import pytest


@pytest.fixture
def installed(tmp_path):
    for colour in ("blue", "green"):
        (tmp_path / colour / "bin").mkdir(parents=True)
        (tmp_path / colour / "bin/steersman").touch()
    return tmp_path


def test_the_first_release_is_blue_and_the_next_one_green(script, installed):
    switch = script("tools/switch.py")
    for colour in ("blue", "green", "blue"):
        assert switch.idle(installed) == colour
        assert switch.switch(installed, colour, lambda: None, lambda: True)
        assert switch.running(installed) == colour


@pytest.mark.requirement("SOC2-CC7.5", "SOC2-CC8.1")
def test_a_release_that_does_not_become_ready_is_taken_back_and_the_old_one_started(script, installed):
    switch, started = script("tools/switch.py"), []
    switch.point(installed, "blue")
    assert not switch.switch(installed, "green", lambda: started.append(switch.running(installed)), lambda: False)
    assert started == ["green", "blue"]


def test_a_release_that_cannot_even_be_started_is_taken_back(script, installed):
    switch = script("tools/switch.py")
    switch.point(installed, "blue")

    def restart() -> None:
        if switch.running(installed) == "green":
            raise subprocess.CalledProcessError(1, "systemctl")

    assert not switch.switch(installed, "green", restart, lambda: True)
    assert switch.running(installed) == "blue"


def test_a_folder_without_a_release_changes_nothing(script, installed):
    switch = script("tools/switch.py")
    switch.point(installed, "blue")
    (installed / "green/bin/steersman").unlink()
    with pytest.raises(SystemExit, match="holds no release"):
        switch.switch(installed, "green", lambda: None, lambda: True)
    assert switch.running(installed) == "blue"


def test_what_a_kill_left_over_does_not_stop_the_next_switch(script, installed, monkeypatch):
    switch = script("tools/switch.py")
    monkeypatch.setattr(switch.os, "getpid", lambda: 7)
    (installed / ".current-7").symlink_to("nowhere")
    switch.point(installed, "green")
    assert switch.running(installed) == "green"


def test_the_command_restarts_by_whatever_it_is_told(script, installed, capsys):
    switch = script("tools/switch.py")
    given = ["--root", str(installed), "--restart", "true", "--ready", "http://127.0.0.1:9/readyz", "--seconds", "0.1"]
    assert switch.main(given) == 1
    assert switch.main([*given, "--idle"]) == 0
    assert "did not become ready" in capsys.readouterr().out
