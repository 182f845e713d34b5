"""Replicas are started once, ended for sure, and taken up again after a kill."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steersman.model.errors import Permanent
from steersman.services.workloads.model.replicas import Condition
from steersman.services.workloads.store import proc
from steersman.services.workloads.store.processes import end

Make = Callable[..., Any]


def test_a_replica_that_runs_is_not_started_twice(make_yard: Make) -> None:
    yard = make_yard()
    assert yard.start() == yard.fleet.start("web", 0).identity.pid
    assert yard.fleet.view.replica("web", 0).starts == 1


def test_a_child_is_in_a_session_of_its_own_and_writes_to_its_log(make_yard: Make) -> None:
    yard = make_yard()
    pid = yard.start()
    assert os.getsid(pid) == pid
    assert yard.log() == "ready\n"


def test_after_a_kill_the_same_process_is_taken_up_again(make_yard: Make) -> None:
    yard = make_yard()
    pid = yard.start()
    again = yard.again()
    assert again.pid() == pid
    assert again.fleet.start("web", 0).identity.pid == pid


def test_a_start_that_was_cut_short_before_its_record_is_found_by_its_mark(make_yard: Make) -> None:
    """The kill came between the start of the process and its record: the announcement is all that is on disk."""
    yard = make_yard()
    pid = yard.start()
    ledger = yard.folder / "services" / "ledger.json"
    held = json.loads(ledger.read_text())
    held["replicas"]["web/0"] |= {"identity": None, "launching": True}
    ledger.write_text(json.dumps(held))
    assert yard.again().pid() == pid


def test_a_start_that_was_cut_short_before_the_process_is_made_good(make_yard: Make) -> None:
    yard = make_yard()
    pid = yard.start()
    yard.fleet.stop("web", 0, wanted=True)
    ledger = yard.folder / "services" / "ledger.json"
    held = json.loads(ledger.read_text())
    held["replicas"]["web/0"] |= {"identity": None, "launching": True, "starts": 2}
    ledger.write_text(json.dumps(held))
    again = yard.again()
    assert again.pid() is None
    assert again.start() != pid


def test_a_pid_that_was_given_to_somebody_else_is_not_taken_for_ours(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    ledger = yard.folder / "services" / "ledger.json"
    held = json.loads(ledger.read_text())
    held["replicas"]["web/0"]["identity"] = {"pid": os.getpid(), "start_ticks": 1, "boot": proc.boot_id()}
    ledger.write_text(json.dumps(held))
    assert yard.again().pid() is None


def test_the_platforms_own_settings_and_token_are_not_handed_to_children(
    make_yard: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEERSMAN_BOOTSTRAP_TOKEN", "hush-hush")
    yard = make_yard()
    environment = Path(f"/proc/{yard.start()}/environ").read_bytes()
    assert b"hush-hush" not in environment
    assert b"STEERSMAN_REPLICA=" in environment


def test_a_process_that_does_not_listen_is_killed_with_its_children(make_yard: Make) -> None:
    deaf = (
        "import signal, subprocess, sys, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print('ready', child.pid, flush=True); threading.Event().wait()"
    )
    yard = make_yard(web={"command": [sys.executable, "-c", deaf], "stop_seconds": 0.1})
    pid = yard.start()
    child = int(yard.log().split()[1])
    assert "killed" in yard.fleet.stop("web", 0)
    assert proc.identify(pid) is None
    yard.until(lambda: proc.identify(child) is None)


def test_a_process_that_was_stopped_in_its_tracks_can_still_be_ended(make_yard: Make) -> None:
    yard = make_yard()
    os.kill(yard.start(), signal.SIGSTOP)
    assert yard.fleet.stop("web", 0) == "stopped by SIGTERM"


def test_a_signal_never_reaches_a_process_that_only_has_the_same_number(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    identity = yard.fleet.view.replica("web", 0).identity
    assert end(type(identity)(identity.pid, identity.start_ticks + 1, identity.boot), 9, 1.0) == "was gone already"
    # A kill takes its time to show: a later answer of the process is the proof that none was sent.
    os.kill(identity.pid, signal.SIGHUP)
    yard.until(lambda: "heard SIGHUP" in yard.log() or not proc.lives(identity))
    assert proc.lives(identity)


def test_an_end_that_nobody_wanted_is_counted_with_its_reason(make_yard: Make) -> None:
    yard = make_yard()
    os.kill(yard.start(), signal.SIGKILL)
    yard.look_until(lambda: yard.pid() is None)
    replica = yard.fleet.view.replica("web", 0)
    assert (replica.last_exit.reason, replica.exits) == ("was killed by SIGKILL", 1)


def test_an_end_that_was_asked_for_is_not_counted(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    yard.fleet.restart("web", 0)
    yard.fleet.stop("web", 0)
    assert yard.fleet.look(1.0) == []
    assert yard.fleet.view.replica("web", 0).exits == 0


def test_what_an_ended_replica_left_behind_is_removed_before_the_next_start(make_yard: Make) -> None:
    """Its orphan holds the port, so the successor could not work."""
    leaving = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        "start_new_session=True); print('ready', child.pid, flush=True); sys.exit(3)"
    )
    yard = make_yard(web={"command": [sys.executable, "-c", leaving]})
    yard.start()
    orphan = int(yard.log().split()[1])
    yard.look_until(lambda: yard.pid() is None)
    assert yard.fleet.view.replica("web", 0).last_exit.reason == "exited with status 3"
    yard.fleet.start("web", 0)
    yard.until(lambda: proc.identify(orphan) is None)


def test_a_stopped_service_stays_stopped_over_a_restart_of_the_platform(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    yard.fleet.stop("web", 0)
    replica = yard.again().fleet.view.replica("web", 0)
    assert (replica.wanted, replica.identity) == (False, None)


def test_scaling_adds_and_removes_replicas_and_is_remembered(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    yard.fleet.scale("web", 3)
    pids = [replica.identity.pid for replica in yard.fleet.view.replicas("web")]
    assert [yard.again().pid("web", number) for number in range(3)] == pids
    yard.fleet.scale("web", 1)
    assert [replica.number for replica in yard.again().fleet.view.replicas("web")] == [0]
    assert proc.identify(pids[2]) is None


def test_a_scaling_down_that_was_cut_short_is_finished(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    yard.fleet.scale("web", 2)
    surplus = yard.pid("web", 1)
    ledger = yard.folder / "services" / "ledger.json"
    ledger.write_text(json.dumps(json.loads(ledger.read_text()) | {"counts": {"web": 1}}))
    assert len(yard.again().fleet.view.replicas("web")) == 1
    assert proc.identify(surplus) is None


def test_a_program_that_cannot_start_is_an_end_with_its_reason(make_yard: Make, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/nowhere/at/all\n")
    program.chmod(0o755)
    yard = make_yard(web={"command": [str(program)]})
    with pytest.raises(Permanent, match="No such file"):
        yard.fleet.start("web", 0)
    assert "does not start" in yard.fleet.view.replica("web", 0).last_exit.reason


def test_limits_hold_from_the_first_instruction(make_yard: Make) -> None:
    asking = "import resource; print('ready', resource.getrlimit(resource.RLIMIT_NOFILE)[0], flush=True)"
    yard = make_yard(web={"command": [sys.executable, "-c", asking], "limits": {"open_files": 77}})
    yard.start()
    assert yard.log() == "ready 77\n"


def test_replica_and_port_are_filled_in(make_yard: Make) -> None:
    telling = "import sys, os; print('ready', sys.argv[1:], os.environ['ME'], flush=True)"
    command = [sys.executable, "-c", telling, "{port}", '{"json": 1}']
    yard = make_yard(
        web={"command": command, "port": 18100, "environment": {"ME": "r{replica}"}, "replicas": 2, "max_replicas": 2}
    )
    yard.start("web", 1)
    assert yard.log("web", 1) == "ready ['18101', '{\"json\": 1}'] r1\n"


def test_what_ended_while_the_platform_was_away_waits_for_its_turn_and_is_not_told_as_gone(make_yard: Make) -> None:
    yard = make_yard()
    os.kill(yard.start(), signal.SIGKILL)
    yard.look_until(lambda: yard.pid() is None)
    assert yard.fleet.view.condition(yard.fleet.view.replica("web", 0)) is Condition.GONE
    again = yard.again()
    assert again.fleet.view.condition(again.fleet.view.replica("web", 0)) is Condition.STARTING
