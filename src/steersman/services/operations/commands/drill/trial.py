"""One scenario, played: the stage is set, everybody settles, the fault is put in, and the watcher is left alone.

The watcher gets nothing from here. What it does is read from its public interface; whether it helped is read from the
customers and from the mesh.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field

from steersman.model.errors import InvalidInput, SteersmanError
from steersman.services.operations.commands.drill.criterion import (
    Criterion,
    Wellbeing,
    answers_in,
    numbers_of,
    orders_stored,
)
from steersman.services.operations.commands.drill.faults import Handle, begin
from steersman.services.operations.commands.drill.following import Follower
from steersman.services.operations.commands.drill.observed import Look, Observation
from steersman.services.operations.commands.drill.scenario import Scenario
from steersman.services.operations.commands.drill.stage import Setting, Stage, stage
from steersman.services.operations.commands.drill.waiting import comes, pause

_TICK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Pace:
    """How much time everybody gets, in seconds.

    Before the injection all run undisturbed for `settle`, and up to `calm` longer while the watcher still sees
    something wrong. After a repair that the watcher calls a cure, the mesh has to stay well for `lasting` before a
    scenario ends early. No control is watched for longer than `control`.
    """

    settle: float = 8.0
    calm: float = 8.0
    lasting: float = 8.0
    control: float = 50.0


#: For a selection that has to be over soon.
SHORT = Pace(settle=6.0, calm=6.0, lasting=6.0, control=30.0)


def play(scenario: Scenario, setting: Setting, pace: Pace, now_ms: Callable[[], int]) -> Observation:
    """Play a scenario; what goes wrong with the playing itself is said in the observation's `failure`."""
    started_ms = now_ms()
    try:
        with stage(setting, scenario.name, scenario.topology) as ready:
            return _Trial(scenario, pace, now_ms, ready, started_ms).run()
    except (SteersmanError, OSError) as error:
        ended_ms = now_ms()
        return Observation(started_ms=started_ms, injected_ms=ended_ms, ended_ms=ended_ms, failure=str(error))


@dataclass(slots=True)
class _Trial:
    scenario: Scenario
    pace: Pace
    now_ms: Callable[[], int]
    stage: Stage
    started_ms: int
    handles: list[Handle] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)

    def run(self) -> Observation:
        folder = self.stage.watcher.folder
        follower = Follower(self.stage.watcher, self.now_ms, folder / "evidence.jsonl")
        with ExitStack() as stack:
            self.stage.customers.want(self.scenario.load.demand)
            self.stage.wait_until_content()
            stack.callback(self._clean_up)
            stack.callback(follower.stop)
            follower.start()
            pause(self.pace.settle)
            comes(lambda: _calm(follower), self.pace.calm)
            injected_ms, wellbeing = self.now_ms(), self._wellbeing()
            failure = self._watch(injected_ms, follower, wellbeing)
            lost = self._lost()
        seen = Observation(
            started_ms=self.started_ms,
            injected_ms=injected_ms,
            ended_ms=self.now_ms(),
            incidents=follower.incidents,
            plans=follower.plans,
            looks=tuple(self.looks),
            harmed=(*wellbeing.harmed, *lost),
            watcher_died_ms=follower.died_ms,
            failure=failure or ("" if follower.died_ms else follower.problem),
        )
        self._keep(seen)
        return seen

    def _wellbeing(self) -> Wellbeing:
        return Wellbeing(answers_in(self.stage.mesh), self.scenario.harm.unharmed)

    def _watch(self, injected_ms: int, follower: Follower, wellbeing: Wellbeing) -> str:
        """Let things happen when they are due, and look at each second; return what could not be done."""
        due = list(self.scenario.happenings)
        criterion = Criterion(self.scenario.repaired, numbers_of(self.stage.mesh))
        told = len(self.stage.customers.seconds)
        seconds = min(self.scenario.seconds, self.pace.control if self.scenario.control else math.inf)
        while (now_ms := self.now_ms()) < injected_ms + seconds * 1000:
            while due and now_ms >= injected_ms + due[0].after_seconds * 1000:
                try:
                    self.handles.append(begin(due.pop(0), self.stage.mesh))
                except (OSError, InvalidInput) as error:
                    return f"the fault could not be put in: {error}"
            fresh = self.stage.customers.seconds[told:]
            told += len(fresh)
            # The second that was told first may have begun before the injection.
            self.looks += [criterion.look(second) for second in fresh if second.time_ms >= injected_ms + 1000]
            if fresh:
                wellbeing.look()
            if follower.problem or (not due and self._settled(injected_ms, follower)):
                break
            pause(_TICK_SECONDS)
        return ""

    def _settled(self, injected_ms: int, follower: Follower) -> bool:
        """Whether a fault has been cured for long enough; a control is always watched to its end."""
        performed = [plan for plan in follower.plans if plan.performed and plan.decided_ms >= injected_ms]
        judged = all(plan.cured or plan.verdict for plan in performed)  # one that is not may yet be taken back
        if self.scenario.control or not judged or not any(plan.cured for plan in performed):
            return False
        latest = follower.latest()
        over = all(plan.incident in latest and latest[plan.incident].over for plan in performed)
        return over and _lasting(self.looks, max(self.pace.lasting, self.scenario.repaired.seconds))

    def _lost(self) -> tuple[str, ...]:
        """Say so when fewer orders are stored than customers were told, beyond what the scenario accepts."""
        told = sum(second.orders for second in self.stage.customers.seconds)
        stored = orders_stored(self.stage.mesh)
        if stored is None or told - stored <= self.scenario.harm.orders_lost:
            return ()
        return (f"{told - stored} acknowledged orders were lost",)

    def _clean_up(self) -> None:
        for handle in self.handles:
            handle.clean_up()

    def _keep(self, seen: Observation) -> None:
        """Write the observation and the watcher's own timelines beside its log, for whoever asks why."""
        folder = self.stage.watcher.folder
        (folder / "observation.json").write_text(json.dumps(asdict(seen), indent=2))
        timelines = {}
        for incident in {one.id: one for one in seen.incidents}:
            try:
                timelines[incident] = self.stage.watcher.get(f"/api/ops/incidents/{incident}/timeline")
            except SteersmanError as error:
                timelines[incident] = {"failed": error.message}
        (folder / "timelines.json").write_text(json.dumps(timelines, indent=2))


def _calm(follower: Follower) -> bool:
    return not any(one.serious and not one.over for one in follower.latest().values())


def _lasting(looks: Sequence[Look], seconds: float) -> bool:
    """Whether everything was right in each look of the last seconds."""
    if not looks or looks[-1].time_ms - looks[0].time_ms < seconds * 1000:
        return False
    return all(look.repaired for look in looks if look.time_ms > looks[-1].time_ms - seconds * 1000)
