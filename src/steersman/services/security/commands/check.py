r"""`steersman threats check FILE`: the verdict on each line of a file, from the code that guards live traffic.

A line is a JSON object with exactly one of
    {"request": "GET /?id=1 HTTP/1.1\\r\\nHost: x\r\n\r\n", "free_text": ["prompt"]}
    {"request_base64": "R0VUIC8...", "free_text": []}
    {"value": "1 or 1=1", "field": "query"}
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from steersman.engine.threats import Verdict
from steersman.model.errors import InvalidInput
from steersman.services.security.logic.lines import FIELDS, judge, line_of

_ATTACKS_FOUND = 1
_BAD_LINES = 2

_FILE_HELP = (
    'One JSON object a line: {"request": "GET /... HTTP/1.1\\r\\n..."} or {"request_base64": "..."}, both '
    'optionally with "free_text": ["names of parameters that hold prose"], or {"value": "...", "field": "query"}. '
    f"A field is one of {FIELDS}; in free_text attacks are only observed."
)
_File = Annotated[Path, typer.Argument(help=_FILE_HELP, exists=True, dir_okay=False)]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, bad lines included.")]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is printed of one line: its verdict with the time it took, or what is wrong with it."""

    number: int
    verdict: Verdict | None = None
    microseconds: float = 0.0
    error: str = ""

    @property
    def exit_code(self) -> int:
        """What this line alone would make the command end with."""
        if self.verdict is None:
            return _BAD_LINES
        return _ATTACKS_FOUND if self.verdict.is_attack else 0


def check(file: _File, as_json: _Json = False) -> int:  # noqa: FBT002 - typer makes a flag of it
    """Print one line for each line. Ends with 0 when nothing was found, 1 with attacks, 2 with lines that are wrong."""
    code = 0
    for answer in answers(file):
        code = max(code, answer.exit_code)
        if as_json:
            typer.echo(json.dumps(as_record(answer)))
        elif answer.verdict is None:
            typer.echo(f"{file}:{answer.number}: {answer.error}", err=True)
        else:
            typer.echo(_as_text(answer, answer.verdict))
    return code


def answers(file: Path) -> Iterator[Answer]:
    """Judge a file line by line; empty lines are passed over."""
    with file.open("rb") as content:
        for number, raw in enumerate(content, 1):
            if raw.strip():
                yield _answer(number, raw)


def _answer(number: int, raw: bytes) -> Answer:
    try:
        line = line_of(raw.decode())
    except UnicodeDecodeError as error:
        return Answer(number, error=f"this is no UTF-8: {error.reason} at byte {error.start}")
    except InvalidInput as error:
        return Answer(number, error=error.message)
    begun = time.perf_counter()
    verdict = judge(line)
    return Answer(number, verdict, (time.perf_counter() - begun) * 1e6)


def as_record(answer: Answer) -> dict[str, Any]:
    """The answer as it is written with `--json`."""
    verdict = answer.verdict
    if verdict is None:
        return {"line": answer.number, "error": answer.error}
    return {
        "line": answer.number,
        "kind": verdict.kind.value,
        "observed": verdict.observed.value,
        "score": verdict.score,
        "where": verdict.where,
        "reason": verdict.reason,
        "decoded": verdict.decoded,
        "microseconds": round(answer.microseconds, 1),
    }


def _as_text(answer: Answer, verdict: Verdict) -> str:
    return f"{answer.number}\t{verdict.kind}\t{verdict.score:g}\t{answer.microseconds:.0f} us\t{verdict.reason}"
