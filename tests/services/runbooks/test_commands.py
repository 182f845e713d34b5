"""Declared commands: how they are run, how they end, and that a key runs one of them once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from steersman.contract.ports import Observer
from steersman.contract.service import Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict, InvalidInput, NotFound, Permanent, Temporary
from steersman.services.runbooks.actions.process import run, still_running
from steersman.services.runbooks.jobs import declare as declare_targets
from steersman.services.runbooks.model import RunbookSettings


@pytest.mark.requirement("ASVS-1.2.5")
def test_a_command_runs_without_a_shell_in_a_clean_environment(
    declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is expanded, nothing is inherited, and it learns the key, its name and its target."""
    monkeypatch.setenv("STEERSMAN_BOOTSTRAP_TOKEN", "secret-secret")
    book = declare(show={"command": ["env"], "environment": {"MODE": "$HOME"}})
    lines = set(book.apply("show", "a-key").output.split())
    assert {"MODE=$HOME", "STEERSMAN_KEY=a-key", "STEERSMAN_RUNBOOK=show", "STEERSMAN_TARGET=service:payments"} <= lines
    assert not any(line.startswith("STEERSMAN_BOOTSTRAP") for line in lines)


def test_a_key_runs_a_command_once(declare: Callable[..., Any], tmp_path: Path) -> None:
    """Its second time tells the first one's result; another key runs it again."""
    log = tmp_path / "log"
    book = declare(note={"command": ["sh", "-c", f"echo $STEERSMAN_KEY >>{log}; echo said"]})
    first = book.apply("note", "a")
    assert (first.output, first.code, first.needed) == ("said\n", 0, True)
    assert book.apply("note", "a") == first
    book.apply("note", "b")
    assert log.read_text() == "a\nb\n"


def test_a_command_that_fails_is_a_failed_action_however_often_it_is_asked(declare: Callable[..., Any]) -> None:
    """With its exit code and the end of its output; a code of 255 is no HTTP status."""
    book = declare(fail={"command": ["sh", "-c", "echo because; exit 255"]}, none={"command": ["/no/such/program"]})
    for _ in range(2):
        with pytest.raises(Permanent, match="ended with 255: because"):
            book.apply("fail")
    with pytest.raises(Permanent, match="does not start"):
        book.apply("none", "n")


def test_only_the_end_of_a_flood_of_output_is_kept() -> None:
    """4 KiB, and the command is not held up."""
    ending = run(["sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x; echo end"], "/", {}, 30)
    assert (len(ending.output), ending.output[-5:], ending.code) == (4096, "xend\n", 0)


def test_at_the_deadline_the_whole_group_is_ended() -> None:
    """Also what the command started, and also where it ignores the first signal."""
    mark = f"STEERSMAN_KEY=deadline-{os.getpid()}"
    name, _, value = mark.partition("=")
    began = time.monotonic()
    ending = run(["sh", "-c", "trap '' TERM; echo begun; sleep 600 & wait; sleep 600"], "/", {name: value}, 0.3)
    assert (ending.code, ending.output) == (None, "begun\n")
    assert time.monotonic() - began < 60
    assert not still_running(mark)


def test_a_daemon_that_is_left_behind_does_not_hold_up_the_result() -> None:
    """It keeps the output open, and may live on: starting things is what runbooks are for."""
    ending = run(["sh", "-c", "sleep 5 & echo started $!"], "/", {}, 60)
    word, pid = ending.output.split()
    os.kill(int(pid), 9)
    assert (ending.code, word) == (0, "started")


def test_a_run_whose_end_was_not_seen_is_not_repeated_without_a_check(declare: Callable[..., Any]) -> None:
    """A person decides; where it still runs, it is waited for."""
    book = declare(once={"command": ["true"]})
    book.context.state.begin("cut", "once")
    with pytest.raises(Permanent, match="its end was not seen"):
        book.apply("once", "cut")
    with subprocess.Popen(["sleep", "600"], env={**os.environ, "STEERSMAN_KEY": "cut"}) as running:
        with pytest.raises(Temporary, match="still running"):
            book.apply("once", "cut")
        running.kill()


def test_the_check_decides_whether_a_run_is_repeated(declare: Callable[..., Any], tmp_path: Path) -> None:
    """What has had its effect is told as done; what has not is run again."""
    done = tmp_path / "done"
    book = declare(touch={"command": ["touch", str(done)], "check_command": ["test", "-e", str(done)]})
    book.context.state.begin("cut", "touch")
    assert book.apply("touch", "cut").needed
    assert done.exists()
    book.context.state.begin("cut2", "touch")
    assert book.apply("touch", "cut2").needed
    untouched = book.apply("touch", "fresh")
    assert (untouched.needed, untouched.output) == (False, "the check says that there is nothing to do any more")


def test_a_reversible_runbook_is_taken_back_by_its_undo(declare: Callable[..., Any], tmp_path: Path) -> None:
    """And one that has none says so."""
    flag = tmp_path / "flag"
    book = declare(
        on={"command": ["touch", str(flag)], "undo_command": ["rm", str(flag)], "risk": "reversible"},
        off={"command": ["true"]},
    )
    result = book.apply("on", risk="reversible")
    book.action("reversible").undo(book.context, "k", book.args("on"), result)
    assert not flag.exists()
    with pytest.raises(Permanent, match="undo of the runbook on ended with 1"):
        book.action("reversible").undo(book.context, "k", book.args("on"), result)
    with pytest.raises(Conflict, match="no undo_command"):
        book.action("disruptive").compensate(book.context, "k", book.args("off"), book.apply("off"))


def test_a_runbook_is_proposed_for_its_target_and_its_causes_in_its_class(declare: Callable[..., Any]) -> None:
    """Nothing else is offered, and each class of risk offers its own."""
    book = declare(
        flush={"command": ["true"], "helps": ["cache_stampede"]},
        drop={"command": ["true"], "helps": ["cache_stampede"], "risk": "destructive"},
    )

    def proposed(risk: str, name: str, cause: CauseKind) -> list[str]:
        entity = Entity(EntityKind.SERVICE, name)
        return [args.name for args in book.action(risk).propose(book.context, entity, cause)]

    assert proposed("disruptive", "payments", CauseKind.CACHE_STAMPEDE) == ["flush"]
    assert proposed("destructive", "payments", CauseKind.CACHE_STAMPEDE) == ["drop"]
    assert proposed("reversible", "payments", CauseKind.CACHE_STAMPEDE) == []
    assert proposed("disruptive", "orders", CauseKind.CACHE_STAMPEDE) == []
    assert proposed("disruptive", "payments", CauseKind.CRASH) == []
    assert book.action("destructive").risk is Risk.DESTRUCTIVE


def test_nobody_runs_a_runbook_as_less_than_it_is(declare: Callable[..., Any]) -> None:
    """Neither under another class of risk nor for another target; an unknown one is not found."""
    book = declare(drop={"command": ["true"], "risk": "destructive"})
    with pytest.raises(InvalidInput, match="ask for run_destructive"):
        book.apply("drop")
    with pytest.raises(InvalidInput, match="not for service:orders"):
        book.action("destructive").apply(book.context, "k", book.args("drop", "service:orders"))
    with pytest.raises(NotFound, match="no runbook gone"):
        book.apply("gone")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({}, "either a command or a webhook"),
        ({"command": ["true"], "webhook": {"url": "http://h/"}}, "either a command or a webhook"),
        ({"command": ["true"], "target": "payments"}, "KIND:NAME"),
        ({"command": ["true"], "risk": "reversible"}, "has an undo_command"),
        ({"command": ["true"], "helps": ["gremlins"]}, "Input should be"),
        ({"webhook": {"url": "file:///etc/passwd"}}, "http:// or https://"),
        ({"webhook": {"url": "http://a:b@h/"}}, "holds no password"),
    ],
)
def test_a_runbook_that_cannot_be_meant_is_refused(wrong: dict[str, Any], reason: str) -> None:
    """Before anything starts, with the reason."""
    with pytest.raises(ValidationError, match=reason):
        RunbookSettings.model_validate({"x": {"target": "service:x", **wrong}})


def test_targets_are_declared_with_their_runbooks(declare: Callable[..., Any]) -> None:
    """And, where their owner says so, as to be repaired without asking."""
    book = declare(a={"command": ["true"], "self_healing": True}, b={"command": ["true"]})
    told: list[Any] = []

    class Listening:
        def declare(self, entities: Any, edges: Any = ()) -> None:
            told.extend(entities)

    provided: dict[type, Any] = {Observer: Listening()}
    object.__setattr__(book.context.ports, "provided", provided)
    asyncio.run(asyncio.wait_for(declare_targets(book.context), 10))
    assert [(one.ref, one.label("runbooks"), one.label("self_healing")) for one in told] == [
        ("service:payments", "a,b", "true")
    ]
