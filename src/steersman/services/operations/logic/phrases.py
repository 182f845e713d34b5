"""One line of text for each line of the journal that a person may want to read as it happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from steersman.services.operations.logic import lines

Line = Mapping[str, Any]


def text_line(time_ms: int, kind: str, line: Line) -> str:
    """Return the moment, the kind and the words; a kind that nobody has words for is shown by its name."""
    return _joined(time_ms, kind, words(kind, line))


def words(kind: str, line: Line) -> str:
    """Return what a line says, in words; nothing for a kind that has none."""
    saying = _WORDS.get(kind)
    return saying(line) if saying else ""


def event_line(event: Line) -> str:
    """Return the same for an event of the stream, which knows the names of people and the lines of approvals."""
    time_ms, kind, line = event["time_ms"], event["type"], event["payload"]
    if kind in lines.APPROVALS:
        return _joined(time_ms, kind, _approval(kind, event))
    return text_line(time_ms, kind, line) + _agreed(event)


def _joined(time_ms: int, kind: str, words: str) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{moment}  {kind.removeprefix('ops.'):<16} {words}".rstrip()


def _name(event: Line, account: str) -> str:
    name: str = event.get("people", {}).get(account, account)
    return name


def _agreed(event: Line) -> str:
    """Say who of two people said yes, where two have to."""
    people = event["payload"].get("agreed") if event["type"] == lines.EXECUTION else None
    return f" ({', '.join(_name(event, one) for one in people)})" if people else ""


def _approval(kind: str, event: Line) -> str:
    """Say who wants what, or what became of the wish."""
    line, asked = event["payload"], _name(event, event["payload"]["asked_by"])
    if kind == lines.APPROVAL_ASKED:
        return f"{event['subject']}: {asked} asked, and another person has to confirm {line['approval']}"
    other = _name(event, line["answered_by"]) if line.get("answered_by") else ""
    if kind == lines.APPROVAL_AGREED:
        return f"{event['subject']}: {other} agreed to what {asked} asked for"
    if kind == lines.APPROVAL_USED:
        return f"{event['subject']}: {asked} does it now, as {other} agreed"
    why = f": {line['reason']}" if line.get("reason") else ""
    return f"{event['subject']}: what {asked} asked for is {kind.rpartition('.')[2]}{why}"


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
