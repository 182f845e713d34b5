"""The actions on services: each happens once under its key, compares before it repeats, and goes back."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict, InvalidInput, NotFound
from steersman.services.workloads.jobs.changes import look
from steersman.services.workloads.manifest import SERVICE

Make = Callable[..., Any]
WEB = Entity(EntityKind.SERVICE, "web")


def _proposed(yard: Any, name: str, cause: CauseKind, entity: Entity = WEB) -> list[Any]:
    action = next(action for action in SERVICE.actions if action.name == name)
    return list(action.propose(yard.context, entity, cause))


def _seen(yard: Any) -> dict[str, Any]:
    identity = yard.fleet.view.replica("web", 0).identity
    found = {"pid": identity.pid, "start_ticks": identity.start_ticks, "boot": identity.boot}
    return {"replicas": {"0": found}}


def test_a_restart_that_is_repeated_after_a_kill_restarts_once(make_yard: Make) -> None:
    """The kill came after the effect and before its record: another fleet repeats with what was seen before."""
    yard = make_yard()
    before = yard.start()
    prior = _seen(yard)
    yard.fleet.restart("web", 0)
    pid = yard.pid()
    again = yard.again()
    told = again.act("restart", "k", {"service": "web"}, prior)
    assert pid != before
    assert again.pid() == pid
    assert told.replicas == {"web/0": f"was restarted already, as process {pid}"}


def test_a_restart_that_was_killed_half_way_is_finished(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    prior = _seen(yard)
    yard.fleet.stop("web", 0, wanted=True)
    again = yard.again()
    again.act("restart", "k", {"service": "web"}, prior)
    assert again.pid() is not None


def test_the_same_key_tells_the_same_and_does_nothing(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    first = yard.act("restart", "k", {"service": "web"})
    pid = yard.pid()
    assert yard.act("restart", "k", {"service": "web"}) == first
    assert yard.pid() == pid


def test_a_service_that_was_started_meanwhile_is_not_started_twice(make_yard: Make) -> None:
    yard = make_yard()
    pid = yard.start()
    yard.act("start", "k", {"service": "web"}, {"replicas": {"0": None}})
    assert yard.pid() == pid


def test_a_stop_spares_the_process_that_came_after(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    prior = _seen(yard)
    yard.fleet.restart("web", 0)
    told = yard.act("stop", "k", {"service": "web"}, prior)
    assert "was started again meanwhile" in told.replicas["web/0"]
    assert yard.pid() is not None


def test_a_stop_is_compensated_by_a_start(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    result = yard.act("stop", "k", {"service": "web"})
    assert yard.pid() is None
    yard.undo("stop", "k", {"service": "web"}, result)
    assert yard.pid() is not None


def test_a_signal_is_sent_at_most_once_under_a_key(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    for _ in range(2):
        yard.act("signal", "k", {"service": "web", "signal": "USR1"})
    yard.until(lambda: "heard SIGUSR1" in yard.log())
    assert yard.log().count("heard SIGUSR1") == 1


def test_a_signal_to_a_process_that_vanished_is_nothing_to_do(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    prior = _seen(yard)
    yard.fleet.restart("web", 0)
    with pytest.raises(NotFound, match="ended, or was started again"):
        yard.act("signal", "k", {"service": "web", "signal": "USR1"}, prior)


def test_a_process_that_was_stopped_in_its_tracks_is_continued(make_yard: Make) -> None:
    yard = make_yard()
    pid = yard.start()
    assert _proposed(yard, "signal", CauseKind.HANG) == []
    os.kill(pid, signal.SIGSTOP)
    yard.look_until(lambda: yard.fleet.view.replica("web", 0).usage.state == "T")
    [wish] = _proposed(yard, "signal", CauseKind.HANG)
    assert (wish.signal, wish.replica) == ("CONT", 0)


def test_without_a_reload_signal_nothing_is_reloaded(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    assert _proposed(yard, "reload", CauseKind.BAD_CONFIG) == []
    with pytest.raises(Conflict, match="reload_signal"):
        yard.act("reload", "k", {"service": "web"})


def test_restart_is_for_a_process_that_is_there_and_start_for_one_that_is_gone(make_yard: Make) -> None:
    yard = make_yard()
    pid = yard.start()
    assert len(_proposed(yard, "restart", CauseKind.HANG)) == 1
    assert _proposed(yard, "start", CauseKind.CRASH) == []
    os.kill(pid, signal.SIGKILL)
    yard.look_until(lambda: yard.pid() is None)
    assert _proposed(yard, "restart", CauseKind.CRASH) == []
    assert len(_proposed(yard, "start", CauseKind.CRASH)) == 1


def test_nothing_is_proposed_for_what_is_not_ours(make_yard: Make) -> None:
    yard = make_yard()
    for entity in (
        Entity(EntityKind.SERVICE, "other"),
        Entity(EntityKind.PROCESS, "web/7"),
        Entity(EntityKind.POD, "web"),
    ):
        for action in SERVICE.actions:
            for cause in action.helps:
                assert list(action.propose(yard.context, entity, cause)) == [], action.name


def test_a_preview_is_made_with_the_looking_half_alone(make_yard: Make) -> None:
    """The half has no method that changes anything, and every preview is content with it."""
    yard = make_yard()
    yard.start()
    looking = replace(yard.context, state=yard.fleet.view)
    for action in SERVICE.actions:
        if action.name in {"restart", "start", "stop", "throttle"}:
            assert action.preview(looking, action.args("web")).summary
    assert not {"start", "stop", "scale", "signal", "restart"} & set(dir(yard.fleet.view))


def test_scale_goes_one_further_up_to_what_is_allowed_and_back(make_yard: Make, idle: Any) -> None:
    yard = make_yard(web=idle(max_replicas=2))
    yard.start()
    [wish] = _proposed(yard, "scale", CauseKind.BACKLOG)
    args = {"service": "web", "replicas": wish.replicas}
    result = yard.act("scale", "k", args)
    assert _proposed(yard, "scale", CauseKind.BACKLOG) == []
    assert len(yard.fleet.view.replicas("web")) == 2
    yard.undo("scale", "k", args, result)
    assert len(yard.fleet.view.replicas("web")) == 1
    with pytest.raises(InvalidInput, match="max_replicas"):
        yard.act("scale", "k2", {"service": "web", "replicas": 3})


def test_a_burning_service_is_taken_aside_and_brought_back(make_yard: Make, burner: Any) -> None:
    yard = make_yard(web=burner())
    pid = yard.start()
    yard.fleet.look(0.0)
    yard.until(lambda: yard.fleet.look(0.001) is not None and _burns(yard))
    cores = os.sched_getaffinity(pid)
    assert len(_proposed(yard, "throttle", CauseKind.NOISY_NEIGHBOUR)) == (len(cores) > 1)
    result = yard.act("throttle", "k", {"service": "web"})
    assert len(os.sched_getaffinity(pid)) == 1
    yard.undo("throttle", "k", {"service": "web"}, result)
    assert os.sched_getaffinity(pid) == cores
    assert os.getpriority(os.PRIO_PROCESS, pid) == result.replicas["web/0"].before.nice


def _burns(yard: Any) -> bool:
    return yard.fleet.view.replica("web", 0).usage.cores >= 0.5


def test_a_quiet_service_is_nobodys_noisy_neighbour(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    yard.fleet.look(1.0)
    for name in ("throttle", "renice"):
        assert _proposed(yard, name, CauseKind.NOISY_NEIGHBOUR) == []
        assert _proposed(yard, name, CauseKind.NOISY_NEIGHBOUR, Entity(EntityKind.HOST, "here")) == []


def test_a_priority_is_not_given_to_the_process_that_came_after(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    prior = {**_seen(yard), "priorities": {"0": {"nice": 0, "cores": [0]}}}
    yard.fleet.restart("web", 0)
    with pytest.raises(NotFound):
        yard.act("renice", "k", {"service": "web", "nice": 10}, prior)
    assert os.getpriority(os.PRIO_PROCESS, yard.pid()) == os.getpriority(os.PRIO_PROCESS, 0)


def test_a_knob_goes_towards_its_aim_a_step_at_a_time_and_back(make_yard: Make, idle: Any, tmp_path: Path) -> None:
    file = tmp_path / "pool_size"
    knob = {"file": str(file), "low": 1, "high": 64, "step": 8, "default": 8, "aim": 20, "helps": ["pool_exhaustion"]}
    yard = make_yard(web=idle(knobs={"pool_size": knob}))
    assert _proposed(yard, "set_knob", CauseKind.BACKLOG) == []
    [wish] = _proposed(yard, "set_knob", CauseKind.POOL_EXHAUSTION)
    args = {"service": "web", "knob": "pool_size", "value": wish.value}
    result = yard.act("set_knob", "k", args)
    assert file.read_text() == "16\n"
    assert [wish.value for wish in _proposed(yard, "set_knob", CauseKind.POOL_EXHAUSTION)] == [20]
    yard.undo("set_knob", "k", args, result)
    assert file.read_text() == "8\n"


@pytest.mark.parametrize(("value", "words"), [(65.0, "from 1 to 64"), (32.0, "by 8 at a time")])
def test_a_knob_keeps_its_bounds(make_yard: Make, idle: Any, tmp_path: Path, value: float, words: str) -> None:
    knob = {"file": str(tmp_path / "n"), "low": 1, "high": 64, "step": 8, "default": 8}
    yard = make_yard(web=idle(knobs={"n": knob}))
    with pytest.raises(InvalidInput, match=words):
        yard.act("set_knob", "k", {"service": "web", "knob": "n", "value": value})
    assert not (tmp_path / "n").exists()


def test_callers_are_sent_to_a_standby_that_answers_and_back(make_yard: Make, idle: Any, tmp_path: Path) -> None:
    route = tmp_path / "route"
    yard = make_yard(web=idle(port=18200, standby="spare", route_file=str(route)), spare=idle(port=18201))
    assert route.read_text() == "127.0.0.1:18200\n"
    assert _proposed(yard, "fail_over", CauseKind.CRASH_LOOP) == []
    with pytest.raises(Conflict, match="does not answer"):
        yard.act("fail_over", "k0", {"service": "web", "to": "spare"})
    yard.start("spare")
    yard.clock.tick(3)
    [wish] = _proposed(yard, "fail_over", CauseKind.CRASH_LOOP)
    args = {"service": wish.service, "to": wish.to}
    result = yard.act("fail_over", "k", args)
    assert route.read_text() == "127.0.0.1:18201\n"
    assert _proposed(yard, "fail_over", CauseKind.CRASH_LOOP) == []
    assert yard.again().act("fail_over", "k", args) == result
    yard.undo("fail_over", "k", args, result)
    assert route.read_text() == "127.0.0.1:18200\n"


def _releases(folder: Path) -> dict[str, Any]:
    for name in ("one", "two", "three"):
        (folder / "releases" / name).mkdir(parents=True)
    (folder / "current").symlink_to("releases/one")
    return {"releases": str(folder / "releases"), "current": str(folder / "current")}


def _deploy(yard: Any, folder: Path, release: str) -> list[Any]:
    (folder / "current").unlink()
    (folder / "current").symlink_to(f"releases/{release}")
    os.utime(folder / "current", (_now(yard), _now(yard)), follow_symlinks=False)
    return look(yard.fleet)


def _now(yard: Any) -> float:
    return yard.fleet.view.now_ms() / 1000


def test_a_deploy_is_rolled_back_and_forward_with_a_restart_each(make_yard: Make, idle: Any, tmp_path: Path) -> None:
    yard = make_yard(web=idle(**_releases(tmp_path)))
    assert look(yard.fleet) == []
    first = yard.start()
    [shift] = _deploy(yard, tmp_path, "two")
    assert (shift.before.value, shift.after.value) == ("releases/one", "releases/two")
    [wish] = _proposed(yard, "roll_back_deploy", CauseKind.BAD_DEPLOY)
    args = {"service": "web", "to": wish.to}
    result = yard.act("roll_back_deploy", "k", args)
    second = yard.pid()
    assert (str((tmp_path / "current").readlink()), second != first) == ("releases/one", True)
    assert yard.fleet.view.replica("web", 0).release == "releases/one"
    assert _proposed(yard, "roll_back_deploy", CauseKind.BAD_DEPLOY) == []
    assert look(yard.fleet) == []
    yard.undo("roll_back_deploy", "k", args, result)
    assert str((tmp_path / "current").readlink()) == "releases/two"
    assert yard.pid() != second
    assert [change.actor for change in yard.observer.changes] == ["ann", "ann"]


def test_a_roll_back_that_is_repeated_after_a_kill_switches_and_restarts_once(
    make_yard: Make, idle: Any, tmp_path: Path
) -> None:
    yard = make_yard(web=idle(**_releases(tmp_path)))
    look(yard.fleet)
    yard.start()
    _deploy(yard, tmp_path, "two")
    prior = {"release": "releases/two", **_seen(yard)}
    args = {"service": "web", "to": "releases/one"}
    yard.act("roll_back_deploy", "lost", args, prior)
    pid = yard.pid()
    again = yard.again()
    again.act("roll_back_deploy", "k", args, prior)
    assert again.pid() == pid


def test_a_release_that_was_deployed_meanwhile_is_not_rolled_back(make_yard: Make, idle: Any, tmp_path: Path) -> None:
    yard = make_yard(web=idle(**_releases(tmp_path)))
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("releases/three")
    with pytest.raises(Conflict, match="meanwhile"):
        yard.act(
            "roll_back_deploy",
            "k",
            {"service": "web", "to": "releases/one"},
            {"release": "releases/two", "replicas": {}},
        )


def test_an_old_deploy_is_not_suspected(make_yard: Make, idle: Any, tmp_path: Path) -> None:
    yard = make_yard(web=idle(**_releases(tmp_path)))
    look(yard.fleet)
    _deploy(yard, tmp_path, "two")
    yard.clock.tick(3601)
    assert _proposed(yard, "roll_back_deploy", CauseKind.BAD_DEPLOY) == []


def _edit(yard: Any, file: Path, content: str) -> list[Any]:
    """Edit a file; a change is believed at the second look, when its writer is done."""
    file.write_text(content)
    os.utime(file, ns=(yard.clock.wall_ns(), yard.clock.wall_ns() + len(content)))
    assert look(yard.fleet) == []
    return look(yard.fleet)


@pytest.mark.parametrize("reload", [None, "SIGHUP"])
def test_a_configuration_is_put_back_and_forward_and_read(
    make_yard: Make, idle: Any, tmp_path: Path, reload: str | None
) -> None:
    file = tmp_path / "shop.toml"
    file.write_text("limit = 10\n")
    yard = make_yard(web=idle(config_files=[str(file)], reload_signal=reload))
    look(yard.fleet)
    pid = yard.start()
    [shift] = _edit(yard, file, "limit = 0\n")
    assert shift.track.name == str(file)
    [wish] = _proposed(yard, "roll_back_config", CauseKind.BAD_CONFIG)
    args = {"service": "web", "file": wish.file, "to": wish.to}
    result = yard.act("roll_back_config", "k", args)
    assert file.read_text() == "limit = 10\n"
    assert (yard.pid() == pid) == (reload is not None)
    assert _proposed(yard, "roll_back_config", CauseKind.BAD_CONFIG) == []
    yard.undo("roll_back_config", "k", args, result)
    assert file.read_text() == "limit = 0\n"
    if reload:
        yard.until(lambda: "heard SIGHUP" in yard.log())


def test_an_edit_after_the_plan_is_not_overwritten(make_yard: Make, idle: Any, tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text("limit = 10\n")
    yard = make_yard(web=idle(config_files=[str(file)]))
    look(yard.fleet)
    _edit(yard, file, "limit = 0\n")
    [wish] = _proposed(yard, "roll_back_config", CauseKind.BAD_CONFIG)
    file.write_text("limit = 5\n")
    with pytest.raises(Conflict, match="meanwhile"):
        yard.act(
            "roll_back_config",
            "k",
            {"service": "web", "file": str(file), "to": wish.to},
            {"digest": "0" * 64, "replicas": {}},
        )
    assert file.read_text() == "limit = 5\n"


def test_only_the_last_versions_of_a_configuration_are_kept(make_yard: Make, idle: Any, tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text("0")
    yard = make_yard(web=idle(config_files=[str(file)]))
    look(yard.fleet)
    for number in range(12):
        _edit(yard, file, "x" * (number + 2))
    assert len(list((yard.folder / "services" / "kept").iterdir())) == 8
