"""A recording gives the same decisions every time, and says what another policy would have done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from steersman.engine.detect.senses import Senses
from steersman.engine.loop import LoopState
from steersman.engine.recording.frames import FIRST_LINE, frame
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import InvalidInput
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.plans import Policy, Remedy, Risk
from steersman.model.rounds import AskRemedies, Decided, Progress, Remedies, Round
from steersman.services.operations.commands.changed_policy import read_changes
from steersman.services.operations.logic.deciding import decide

T = 1_790_000_000_000
ORDERS = Entity(EntityKind.SERVICE, "orders", (("self_healing", "true"),))
START = Remedy(
    action="x.start", args={}, target=ORDERS, cause=CauseKind.CRASH, risk=Risk.DISRUPTIVE, summary="start it"
)


def gone(second: int, *, ended: bool = False) -> Finding:
    return Finding(
        key="gone",
        entity=ORDERS,
        aspect=Aspect.AVAILABILITY,
        direction=Direction.GONE,
        source=FindingSource.HEALTH,
        severity="critical",
        started_ms=T + 1000,
        seen_ms=T + second * 1000,
        reason="it was killed",
        suggests=frozenset({CauseKind.CRASH, CauseKind.HANG}),
        ended_ms=T + second * 1000 if ended else None,
    )


def told(second: int, answers: dict[str, Any], *, cured_at: int | None) -> Round:
    findings = {1: (gone(1),), cured_at: (gone(second, ended=True),)}.get(second, ())
    policy = Policy() if second == 1 else None
    return Round(now_ms=T + second * 1000, seed=second, findings=findings, policy=policy, **answers)


def recorded(*, acts: bool = True) -> bytes:
    """Turn a loop for 40 seconds in which orders is killed; with `acts` it is started and well, or it comes back alone."""
    senses, state = Senses(), LoopState()
    answers: dict[str, Any] = {}
    cured_at = None if acts else 25
    frames = [FIRST_LINE]
    for second in range(1, 41):
        one = told(second, answers, cured_at=cured_at)
        frames.append(frame(one))
        state, commands = decide(senses, state, one)
        answers = {}
        for command in commands:
            if isinstance(command, AskRemedies) and acts:
                answers["remedies"] = (Remedies(command.incident, (START,)),)
            elif isinstance(command, Decided):
                applied = Progress(plan=command.plan.id, state="verifying", time_ms=one.now_ms)
                answers["progress"], cured_at = (applied,), second + 3
    return b"".join(frames)


def replayed(*arguments: str | Path, seed: str = "0", threads: str = "2") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "steersman.cli", "replay", *map(str, arguments)]
    pools = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    environment = {**os.environ, **pools, "PYTHONHASHSEED": seed}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording"
    path.write_bytes(recorded())
    return path


def test_a_recording_gives_the_same_lines_in_every_process(recording: Path) -> None:
    """The incident, the plan, the verdict and the lesson, whatever the hash seed and the number of threads."""
    first, second = replayed(recording, seed="1", threads="1"), replayed(recording, seed="2", threads="3")
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    for word in ("act: x.start on service:orders", "cured: x.start", "helped 1, failed 0", "resolved"):
        assert word in first.stdout


def test_every_line_is_an_object_with_json(recording: Path) -> None:
    """Programs read the same decisions."""
    lines = [json.loads(line) for line in replayed(recording, "--json").stdout.splitlines()]
    assert {"ops.incident", "ops.plan", "ops.verdict", "ops.lesson"} <= {line["type"] for line in lines}


def test_a_policy_that_only_suggests_would_not_have_acted(recording: Path, tmp_path: Path) -> None:
    """The owner's mark is not followed where self_healing is off."""
    other = tmp_path / "other.toml"
    other.write_text("[operations]\nself_healing = false\n")
    compared = replayed(recording, "--policy", other).stdout
    assert "recorded: acted 1 times" in compared
    assert "changed: would have acted 0 times, 0 of them harmful" in compared


def test_a_deed_where_none_was_needed_counts_as_harmful(tmp_path: Path) -> None:
    """In the recording it came back by itself: whoever acts there acts for nothing."""
    recording, other = tmp_path / "recording", tmp_path / "other.toml"
    recording.write_bytes(recorded(acts=False))
    other.write_text("[operations]\nconfidence = 0.1\n")
    compared = json.loads(replayed(recording, "--policy", other, "--json").stdout)
    assert compared["recorded"] == []
    assert compared["harmful"] == len(compared["changed"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[operations]\nper_hour = -1\n", "line 2: operations.per_hour = -1: "),
        ('[[operations.rules]]\nautonomy = "act"\n[[operations.rules]]\nautonomy = "wild"\n', "line 4: "),
        ("[detect]\nstep = 1\n", "line 2: there is no setting detect.step; did you mean 'step_ms'?"),
        ('[detect]\n\nteach_ms = "long"\n', "line 3: detect.teach_ms = 'long': "),
        ("[detect]\nstep_ms = 0\n", "line 2: detect.step_ms = 0: "),
        ("[else]\n", "line 1: there is no section 'else'"),
        ("[operations\n", "line 1"),
        ("", "nothing to compare with"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    """The file, the line and the reason."""
    other = tmp_path / "other.toml"
    other.write_text(text)
    with pytest.raises(InvalidInput) as refused:
        read_changes(other)
    assert words in refused.value.message
    assert str(other) in refused.value.message


def test_a_policy_with_mistakes_is_told_of_all_of_them_before_anything_is_decided(
    recording: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[operations]\nper_hour = -1\nautonomy = "wild"\n')
    done = replayed(recording, "--policy", other)
    assert (done.returncode, done.stdout) == (2, "")
    assert [f"{other}, line {number}: " in done.stderr for number in (2, 3)] == [True, True]


def test_a_cut_recording_is_refused_with_the_offset(recording: Path) -> None:
    """The last byte that is there is named."""
    content = recording.read_bytes()[:-7]
    recording.write_bytes(content)
    done = replayed(recording)
    assert done.returncode != 0
    assert f"byte {len(content)}:" in done.stderr


def test_series_of_others_are_decided_upon(tmp_path: Path) -> None:
    """A service that stops answering in a CSV file becomes an incident, and installed actions are offered for it."""
    rows = [f"{1_790_000_000 + second},up,orders,0,{int(second < 60)}" for second in range(120)]
    (tmp_path / "series.csv").write_text("\n".join(["time,__name__,service,instance,value", *rows]) + "\n")
    done = replayed(tmp_path / "series.csv")
    assert done.returncode == 0, done.stderr
    assert "up of orders is 0" in done.stdout
    assert "suggest: workloads." in done.stdout
