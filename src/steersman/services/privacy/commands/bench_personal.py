"""`steersman bench personal`: how fast log lines are masked, and what of numbers that others made is recognised.

The peer in the same run is what people write first: one regular expression for addresses and long numbers. The numbers
come from `python-stdnum`, which says of each whether it is one; it is in the extra `dev`. Wrong ones differ from right
ones in one digit. Exits with 1 when a goal is missed. Times are CPU times of the thread; the first pass meets every
shape of a line for the first time, the second knows those that are remembered.
"""

from __future__ import annotations

import json
import re
import string
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from pyarrow import parquet

from steersman.engine.personal import Kind, mask, recognise
from steersman.model.errors import InvalidInput

#: Megabytes a second of masking when the shapes are known, as in a stream of lines they are; and percent.
_LEAST_SPEED, _LEAST_RECALL, _LEAST_PRECISION = 20.0, 99.0, 99.0
#: What the platform's own logs leave in place: machines are found by it.
_IN_LOGS = frozenset(Kind) - {Kind.IP, Kind.MAC}
_PEER = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.]+|\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9A-F]{2}:){5}[0-9A-F]{2}\b"
    r"|\b[A-Z]{2}\d{2}[A-Z0-9 ]{8,30}\b|\+?\b\d(?:[ -]?\d){8,18}[\dXx]?\b",
    re.IGNORECASE,
)
_PASSES = 2

_Logs = Annotated[Path, typer.Option("--logs", help="Log lines: Parquet with a column `raw`, or text.")]
_Numbers = Annotated[int, typer.Option("--numbers", min=10, help="Numbers of each kind, right ones and wrong ones.")]
_Seed = Annotated[int, typer.Option("--seed", help="Of the numbers.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON on one line.")]


def personal(
    logs: _Logs = Path("../shared/data/logs/loghub_2k.parquet"),
    numbers: _Numbers = 500,
    seed: _Seed = 1,
    as_json: _Json = False,  # noqa: FBT002 - typer makes a flag of it
) -> int:
    """Print megabytes a second on log lines, and recall and precision on numbers that have check digits."""
    figures: dict[str, Any] = {
        "megabytes_a_second": speeds(_lines(logs)),
        "numbers": recognition(numbers, Random(seed)),  # noqa: S311 - numbers to be found, no secrets
    }
    figures["missed"] = missed(figures)
    typer.echo(json.dumps(figures, indent=None if as_json else 2))
    return 1 if figures["missed"] else 0


def speeds(lines: Sequence[str]) -> dict[str, Any]:
    """Megabytes a second of each way to mask, in the first pass and in the second, and the share of changed lines."""
    ways: dict[str, Callable[[str], str]] = {
        "platform_logs": partial(mask, kinds=_IN_LOGS),
        "every_kind": mask,
        "peer_regex": partial(_PEER.sub, "***"),
    }
    size = sum(len(line.encode("utf-8", "surrogatepass")) for line in lines) / 1e6
    return {name: _speed(way, lines, size) for name, way in ways.items()}


def _speed(way: Callable[[str], str], lines: Sequence[str], size: float) -> dict[str, float]:
    changed, passes = 0, []
    for _ in range(_PASSES):
        begun = time.thread_time()
        masked = [way(line) for line in lines]
        passes.append(round(size / max(time.thread_time() - begun, 1e-9), 1))
        changed = sum(after != line for after, line in zip(masked, lines, strict=True))
    return {"first": passes[0], "again": passes[1], "lines_changed_percent": round(100 * changed / len(lines), 2)}


@dataclass(frozen=True, slots=True)
class Numbers:
    """A kind of numbers: the module of `stdnum` that judges them, the words around one, and how to write one."""

    kind: Kind
    module: str
    around: str
    write: Callable[[Random], str]
    check: str


def _digits(draw: Random, count: int) -> str:
    return "".join(draw.choices(string.digits, k=count))


def _born(draw: Random) -> str:
    return f"{draw.randrange(1930, 2015)}{draw.randrange(1, 13):02d}{draw.randrange(1, 29):02d}"


#: `?` is where `recognition` looks for the check sign: each sign of `check` in its place, until `stdnum` agrees.
_NUMBERS = (
    Numbers(
        Kind.RESIDENT_ID,
        "stdnum.cn.ric",
        "持证人 {}，已登记",
        lambda draw: draw.choice(["110101", "310104", "440305", "510107"]) + _born(draw) + _digits(draw, 3) + "?",
        string.digits + "X",
    ),
    Numbers(
        Kind.CREDIT_CODE,
        "stdnum.cn.uscc",
        "统一社会信用代码 {}",
        lambda draw: f"91{_digits(draw, 6)}MA{_digits(draw, 7)}?",
        string.digits + "ABCDEFGHJKLMNPQRTUWXY",
    ),
    Numbers(
        Kind.CARD,
        "stdnum.luhn",
        "paid with {} today",
        lambda draw: draw.choice(["4", "51", "55", "6011", "62"]).ljust(6, "7") + _digits(draw, 9) + "?",
        string.digits,
    ),
    Numbers(Kind.IBAN, "stdnum.iban", "transfer to {} done", lambda draw: f"DE??{_digits(draw, 18)}", string.digits),
    Numbers(
        Kind.VAT,
        "stdnum.eu.vat",
        "VAT number {} of the seller",
        lambda draw: draw.choice(["DE{8}?", "PL{9}?", "IT0012345{3}?", "BE0{7}??", "DK1{6}?", "PT5{7}?", "FR??{9}"]),
        string.digits,
    ),
)


def recognition(count: int, draw: Random) -> dict[str, dict[str, float]]:
    """Percent of right numbers that are found, and of found ones that are right, by kind; and the same of the peer."""
    return {one.kind.value: _of_kind(one, count, draw) for one in _NUMBERS}


def _of_kind(numbers: Numbers, count: int, draw: Random) -> dict[str, float]:
    is_valid = _oracle(numbers.module)
    right = list(_right(numbers, count, draw, is_valid))
    wrong = [changed for number in right if not is_valid(changed := _one_digit_off(number, draw))]
    hits = [sum(_finds(numbers, number) for number in some) for some in (right, wrong)]
    peers = [sum(_PEER.search(numbers.around.format(number)) is not None for number in some) for some in (right, wrong)]
    return {
        "numbers": len(right) + len(wrong),
        "recall_percent": _percent(hits[0], len(right)),
        "precision_percent": _percent(hits[0], sum(hits)),
        "peer_recall_percent": _percent(peers[0], len(right)),
        "peer_precision_percent": _percent(peers[0], sum(peers)),
    }


def _oracle(module: str) -> Callable[[str], bool]:
    try:
        found: Callable[[str], bool] = import_module(module).is_valid
    except ImportError as error:
        raise InvalidInput("recall is measured with python-stdnum: install it, or the extra `dev`") from error
    return found


def _right(numbers: Numbers, count: int, draw: Random, is_valid: Callable[[str], bool]) -> Iterator[str]:
    """Write numbers until `stdnum` finds enough of them right."""
    found = 0
    while found < count:
        form = re.sub(r"\{(\d+)\}", lambda place: _digits(draw, int(place[1])), numbers.write(draw))
        signs = [sign * form.count("?") for sign in numbers.check] if form.count("?") == 1 else _pairs()
        number = next((one for sign in signs if is_valid(one := form.replace("?" * len(sign), sign))), "")
        if number:
            found += 1
            yield number


def _pairs() -> list[str]:
    return [f"{number:02d}" for number in range(1, 99)]


def _one_digit_off(number: str, draw: Random) -> str:
    place = draw.choice([place for place, sign in enumerate(number) if sign.isdigit() and place > 3])
    return number[:place] + str((int(number[place]) + draw.randrange(1, 10)) % 10) + number[place + 1 :]


def _finds(numbers: Numbers, number: str) -> bool:
    text = numbers.around.format(number)
    return any(one.kind is numbers.kind and text[one.start : one.end] == number for one in recognise(text))


def missed(figures: dict[str, Any]) -> list[str]:
    """Return a sentence for each goal that the figures do not reach."""
    speed = figures["megabytes_a_second"]
    reached = [
        (f"megabytes a second, {name}", speed[name]["again"], _LEAST_SPEED) for name in ("platform_logs", "every_kind")
    ]
    for kind, found in figures["numbers"].items():
        reached.append((f"recall of {kind}", found["recall_percent"], _LEAST_RECALL))
        reached.append((f"precision of {kind}", found["precision_percent"], _LEAST_PRECISION))
    return [f"{what} is {is_:g}, the goal is at least {least:g}" for what, is_, least in reached if is_ < least]


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        raise InvalidInput(f"{file} is not there: --logs names a Parquet file with a column `raw`, or a text file")
    if file.suffix == ".parquet":
        lines: list[str] = parquet.read_table(file, columns=["raw"])["raw"].to_pylist()
        return lines
    return file.read_text(encoding="utf-8", errors="replace").splitlines()
