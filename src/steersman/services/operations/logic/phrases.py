"""One line of text for each line of the journal that a person may want to read as it happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from steersman.services.operations.logic import lines

Line = Mapping[str, Any]


def text_line(time_ms: int, kind: str, line: Line) -> str:
    """Return the moment, the kind and the words; a kind that nobody has words for is shown by its name."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    words = _WORDS.get(kind)
    return f"{moment}  {kind.removeprefix('ops.'):<16} {words(line) if words else ''}".rstrip()


def _finding(line: Line) -> str:
    return f"{'ended: ' if line['ended_ms'] else ''}[{line['severity']}] {line['reason']}"


def _incident(line: Line) -> str:
    causes = ", ".join(f"{one['cause']} at {one['entity']} {one['score']:.2f}" for one in line["hypotheses"])
    return f"[{line['state']}, {line['severity']}] {line['title']}: {line['why']}" + (f" ({causes})" if causes else "")


def _plan(line: Line) -> str:
    return f"{line['autonomy']}: {line['action']} on {line['target']} against {line['cause']}: {line['reason']}"


def _abstained(line: Line) -> str:
    return f"{line['kind']}: {line['reason']}"


def _verdict(line: Line) -> str:
    undo = ", taken back" if line["undo"] else ""
    return f"{line['kind']}: {line['action']}{undo}: {line['reason']}"


def _lesson(line: Line) -> str:
    return f"{line['action']} in {line['situation']}: helped {line['helped']:g}, failed {line['failed']:g}"


def _execution(line: Line) -> str:
    return f"{line['action']}: {line['state']}" + (f": {line['outcome']}" if line.get("outcome") else "")


_WORDS: Mapping[str, Callable[[Line], str]] = {
    lines.FINDING: _finding,
    lines.INCIDENT: _incident,
    lines.PLAN: _plan,
    lines.EXECUTION: _execution,
    lines.ABSTAINED: _abstained,
    lines.VERDICT: _verdict,
    lines.LESSON: _lesson,
}
