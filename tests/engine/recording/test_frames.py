"""A recording gives back the rounds that it was made of, and refuses damage with its place."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import zlib

import cramjam
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.recording.frames import FIRST_LINE, Beginning, beginning_frame, contents, frame
from steersman.model.changes import Change, ChangeKind
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import InvalidInput
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.ids import Id
from steersman.model.plain import plain
from steersman.model.plans import Autonomy, Policy, Remedy, Risk, Rule
from steersman.model.rounds import NewSeries, Progress, Remedies, Round, SampleColumns, Telemetry
from steersman.model.telemetry import LogColumns

ORDERS = Entity(EntityKind.SERVICE, "orders", (("self_healing", "true"),))
FINDING = Finding(
    key="health:service:orders",
    entity=ORDERS,
    aspect=Aspect.AVAILABILITY,
    direction=Direction.GONE,
    source=FindingSource.HEALTH,
    severity="critical",
    started_ms=1,
    seen_ms=2,
    reason="it exited with 1",
    suggests=frozenset({CauseKind.CRASH, CauseKind.HANG, CauseKind.BAD_CONFIG}),
)
REMEDY = Remedy(
    action="workloads.restart",
    args={"service": "orders"},
    target=ORDERS,
    cause=CauseKind.CRASH,
    risk=Risk.DISRUPTIVE,
    summary="restart orders",
)


def full(now_ms: int = 5) -> Round:
    samples = SampleColumns(np.array([0, 1], np.int32), np.array([4, 5], np.int64), np.array([1.0, np.nan]))
    return Round(
        now_ms=now_ms,
        seed=7,
        telemetry=Telemetry((NewSeries(0, (b"a", b"b")),), (samples,), (LogColumns([1], [9], ["orders"], ["x"]),)),
        findings=(FINDING,),
        changes=(Change(id="1", time_ms=1, entity=ORDERS, kind=ChangeKind.DEPLOY, summary="v2"),),
        entities=(ORDERS,),
        remedies=(Remedies(Id("i"), (REMEDY,)),),
        progress=(Progress(plan=Id("p"), state="verifying", time_ms=5),),
        policy=Policy(rules=(Rule(autonomy=Autonomy.ACT),)),
    )


def recording(*ones: Round) -> bytes:
    return FIRST_LINE + b"".join(map(frame, ones))


def test_rounds_come_back_as_they_were() -> None:
    """Every value, array and nested tuple survives."""
    (back,) = contents(recording(full()))
    assert isinstance(back, Round)
    assert back.findings == full().findings
    assert back.remedies == full().remedies
    assert (back.policy, back.changes, back.progress) == (full().policy, full().changes, full().progress)
    assert back.telemetry.new_series == full().telemetry.new_series
    assert back.telemetry.logs == full().telemetry.logs
    assert back.telemetry.samples[0].values.tobytes() == full().telemetry.samples[0].values.tobytes()
    assert frame(back) == frame(full())


@given(st.data())
def test_a_changed_byte_is_refused_with_its_place(data: st.DataObject) -> None:
    """Wherever bits of a byte flip, that byte is named, and the rounds in front of it are fine.

    Only a wrong length leaves open where its frame ends, so there it is the frame, or the end.
    """
    first, second = recording(full(1)), recording(full(1), full(2))
    at = data.draw(st.integers(len(first), len(second) - 1))
    damaged = bytearray(second)
    damaged[at] ^= data.draw(st.integers(1, 255))
    reading = contents(bytes(damaged))
    assert isinstance(next(reading), Round)
    with pytest.raises(InvalidInput) as refusal:
        next(reading)
    place = re.match(r"byte (\d+):", refusal.value.message)
    assert place is not None
    in_length = at < len(first) + 4
    assert int(place[1]) in ({len(first), len(second)} if in_length else {at})


def test_two_changed_bytes_are_refused_with_the_place_of_their_frame() -> None:
    """No single byte explains the difference."""
    first, damaged = recording(full(1)), bytearray(recording(full(1), full(2)))
    damaged[-1] ^= 1
    damaged[-40] ^= 1
    with pytest.raises(InvalidInput, match=f"^byte {len(first)}: the frame that begins here is damaged"):
        list(contents(bytes(damaged)))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"\xff\xff\xff\xff{}", b"\2\0\0\0{}", b"\2\0\0\0[]", b'\x11\0\0\0{"beginning":[1]}', b"\1\0\0\0{"],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_frame_with_a_right_checksum_and_no_round_in_it_is_refused(content: bytes, packed: bool) -> None:
    """Whoever writes recordings by hand is told where, too."""
    body = bytes(cramjam.zstd.compress(content)) if packed else b"x" + content
    made = struct.pack("<II", len(body), zlib.crc32(body)) + body
    with pytest.raises(InvalidInput, match=f"^byte {len(FIRST_LINE)}: "):
        list(contents(FIRST_LINE + made))


@given(st.integers(1, 10_000))
def test_a_cut_recording_is_refused_where_it_ends(length: int) -> None:
    """A file without its end says so, unless it ends between two rounds."""
    whole = recording(full(1))
    part = whole[: min(length, len(whole) - 1)]
    if part == FIRST_LINE:
        assert list(contents(part)) == []
        return
    with pytest.raises(InvalidInput, match=f"byte {len(part)}:"):
        list(contents(part))


def test_what_was_known_comes_back() -> None:
    """A recording may begin with a state."""
    known = Beginning(b"levels", b"incidents")
    assert next(contents(FIRST_LINE + beginning_frame(known))) == known


def test_the_spelling_does_not_depend_on_the_hash_seed() -> None:
    """Sets are written in one order in every process."""
    code = (
        "import sys; sys.path.insert(0, 'tests/engine/recording');"
        "import test_frames as t; sys.stdout.write(t.json.dumps(t.plain(t.FINDING)))"
    )
    spellings = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout.decode()
        for seed in ("1", "2", "3")
    }
    assert spellings == {json.dumps(plain(FINDING))}
