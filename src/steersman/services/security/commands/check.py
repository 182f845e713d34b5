r"""`steersman threats check FILE`: the verdict on each line of a file, from the code that guards live traffic.

A line is JSON, one of
    "GET /?id=1 HTTP/1.1\r\nHost: x\r\n\r\n"
    {"request": "GET /?id=1 HTTP/1.1\r\nHost: x\r\n\r\n", "free_text": ["prompt"]}
    {"request_base64": "R0VUIC8..."}
    {"method": "POST", "path": "/a?b=c", "headers": {"Content-Type": "text/plain"}, "body": "..."}
    {"value": "1 or 1=1", "field": "query"}
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from steersman.engine.threats import Verdict
from steersman.model.errors import InvalidInput
from steersman.services.security.logic.lines import FIELDS, judge, line_of

_ATTACKS_FOUND = 1
_BAD_LINES = 2
_STANDARD_INPUT = "-"

_FILE_HELP = (
    "JSONL, or - for standard input. Each line is a raw request as a JSON string "
    r'("GET /?a=b HTTP/1.1\r\nHost: x\r\n\r\nbody"), '
    r'or an object: {"request": "GET ..."}, {"request_base64": "..."}, '
    r'{"method": "POST", "path": "/a?b=c", "headers": {"Content-Type": "text/plain"}, "body": "..."} '
    "(also query, body_base64, and a body that is JSON), "
    r'or a value with the kind of field that it sits in, {"value": "1 or 1=1", "field": "query"}. '
    f"A field is one of {FIELDS}; in free_text attacks are only observed. "
    r'Requests may name parameters that hold prose: "free_text": ["prompt"].'
)
_File = Annotated[Path, typer.Argument(help=_FILE_HELP)]
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
    """Print number, kind, score, time and reason of each line, and a summary on standard error.

    Ends with 0 when nothing was found, 1 with attacks, 2 with lines that could not be read. Such a line is named with
    its number, and the rest goes on.
    """
    codes = [0, 0, 0]
    for answer in answers(file):
        codes[answer.exit_code] += 1
        if as_json:
            typer.echo(json.dumps(as_record(answer)))
        elif answer.verdict is None:
            typer.echo(f"{file}:{answer.number}: {answer.error}", err=True)
        else:
            typer.echo(_as_text(answer, answer.verdict))
    if not as_json:
        typer.echo(f"{sum(codes)} lines: {codes[1]} attacks, {codes[0]} without, {codes[2]} not readable", err=True)
    return max(code for code, count in enumerate(codes) if count or not code)


def answers(file: Path) -> Iterator[Answer]:
    """Judge a file line by line; empty lines are passed over."""
    with contextlib.ExitStack() as stack:
        content = sys.stdin.buffer if str(file) == _STANDARD_INPUT else stack.enter_context(_opened(file))
        for number, raw in enumerate(content, 1):
            if raw.strip():
                yield _answer(number, raw)


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from error


def _answer(number: int, raw: bytes) -> Answer:
    try:
        line = line_of(raw.decode("utf-8-sig"))
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
    reason = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in verdict.reason)
    return f"{answer.number}\t{verdict.kind}\t{verdict.score:g}\t{answer.microseconds:.0f} us\t{reason}"
