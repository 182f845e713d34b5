"""`steersman drill`: real faults in a real mesh, a watcher that knows nothing of them, and an honest table of the rest.

It starts processes on loopback ports of this machine and ends all of them again, whatever happens. It ends with 1 when
a goal of the project was missed.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console

from steersman.model.errors import Conflict, InvalidInput
from steersman.runtime.clock import SystemClock
from steersman.services.operations.commands.drill import preparing, trial, warm
from steersman.services.operations.commands.drill.goals import goals, reached
from steersman.services.operations.commands.drill.judge import Judgement, judge
from steersman.services.operations.commands.drill.remnants import marking
from steersman.services.operations.commands.drill.scenario import OWN_FOLDER, Scenario, load_folder
from steersman.services.operations.commands.drill.stage import Setting
from steersman.services.operations.commands.drill.table import Printer, as_json, as_markdown
from steersman.services.operations.commands.drill.trial import Pace, play
from steersman.services.operations.commands.drill.warm import Sweep
from steersman.services.operations.store.drills import keep_drill

#: What an owner of such a mesh would write: the services say for themselves that they may be repaired, and files that a
#: housekeeping policy declares expendable may be deleted without asking.
_SETTINGS = """\
[[operations.rules]]
actions = "housekeeping.*"
autonomy = "act"
max_risk = "destructive"
"""


def drill(  # noqa: PLR0913 - each argument is an option of the command line
    *,
    scenarios: Annotated[Path, typer.Option(help="A folder of scenario files.")] = OWN_FOLDER,
    only: Annotated[str, typer.Option(help="Scenarios by name, with commas.")] = "",
    short: Annotated[bool, typer.Option("--short", help="The selection that takes five minutes at most.")] = False,
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the table into this file, too.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folders of the scenarios, with logs.")] = False,
    data: Annotated[Path | None, typer.Option(help="Where to work and to keep the measurement of the mesh.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure the mesh anew.")] = False,
    show_in: Annotated[Path | None, typer.Option(help="A platform's data directory: it shows the results.")] = None,
) -> int:
    """Break a mesh on purpose and see what the platform makes of it. Ends with 1 when a goal is missed."""
    chosen = selected(load_folder(scenarios), only=only, short=short)
    printer = Printer(Console(stderr=as_json_))
    about = circumstances()
    with (
        _alone_on_this_machine(),
        _ending_on_sigterm(),
        marking() as marker,
        _working_folder(data, keep=keep) as folder,
    ):
        first, known = preparing.first_port(folder, fresh=fresh)
        pace, sweep = (trial.SHORT, warm.SHORT) if short else (Pace(), Sweep())
        setting = _prepared(Setting(folder, first, _SETTINGS, marker), sweep, printer, known=known)
        printer.headings()
        judged = [_tried(one, setting, pace, printer, keep=keep) for one in chosen]
    found = goals(judged)
    about |= {"minutes": round((SystemClock().wall_ns() // 1_000_000_000 - about.pop("began")) / 60, 1)}
    printer.goals(found)
    if as_json_:
        typer.echo(as_json(judged, found, about))
    if show_in is not None:
        keep_drill(show_in, json.loads(as_json(judged, found, about)))
    if markdown is not None:
        markdown.write_text(as_markdown(judged, found, about))
    return 0 if reached(found) else 1


def selected(known: Sequence[Scenario], *, only: str, short: bool) -> list[Scenario]:
    """Return the scenarios that are asked for; raises `InvalidInput` for a name that there is not."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = {*names} - {one.name for one in known}
    if unknown:
        raise InvalidInput(f"there is no scenario {', '.join(sorted(unknown))}; see {', '.join(o.name for o in known)}")
    chosen = [one for one in known if (one.name in names if names else one.selection or not short)]
    if not chosen:
        raise InvalidInput("no scenario is part of the short selection")
    return chosen


def circumstances() -> dict[str, Any]:
    """When and where, and what else the machine had to do."""
    seconds = SystemClock().wall_ns() // 1_000_000_000
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return {
        "began": seconds,
        "date": datetime.fromtimestamp(seconds, UTC).date().isoformat(),
        "cpu": next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown"),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def _now_ms() -> int:
    return SystemClock().wall_ns() // 1_000_000


def _prepared(setting: Setting, sweep: Sweep, printer: Printer, *, known: bool) -> Setting:
    """Return the setting with a data directory that knows the days before."""
    if known:
        found = preparing.measured_before(setting.folder, printer.say)
    else:
        found = preparing.measured(setting, sweep, _now_ms, printer.say)
    return replace(setting, warm=preparing.warmed(setting, found, _now_ms, printer.say))


def _tried(scenario: Scenario, setting: Setting, pace: Pace, printer: Printer, *, keep: bool) -> Judgement:
    """Play and judge one scenario. What it leaves is its log and the evidence; the rest is large."""
    judgement = judge(scenario.truth, play(scenario, setting, pace, _now_ms))
    printer.judged(judgement)
    for part in () if keep else ("mesh", "watcher/data"):
        shutil.rmtree(setting.folder / scenario.name / part, ignore_errors=True)
    return judgement


@contextmanager
def _working_folder(given: Path | None, *, keep: bool) -> Iterator[Path]:
    """A folder that is given stays, and one that is to be kept; any other is gone afterwards."""
    if given is not None or keep:
        folder = given or Path(tempfile.mkdtemp(prefix="steersman-drill-"))
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="steersman-drill-", ignore_cleanup_errors=True) as passing:
        yield Path(passing)


@contextmanager
def _alone_on_this_machine() -> Iterator[None]:
    """Hold a lock for the whole drill: two at once would starve each other, and each would blame the other's faults."""
    place = Path(tempfile.gettempdir()) / f"steersman-drill-{os.getuid()}.lock"
    with place.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise Conflict(
                f"another drill runs on this machine (process {holder}), and two would disturb each other: "
                "wait until it has ended"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """End in order on SIGTERM, too: what was started is swept away on the way out."""

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
