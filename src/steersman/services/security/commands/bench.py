"""`steersman bench threats`: what detection finds, what it wrongly finds, and what it costs.

Beside it, in the same run, stands the plainest peer: a list of words and characters that such attacks contain. It shows
what the same recall costs in false alarms without structure. Exits with 1 when a goal is missed.

Times are CPU times of the thread: on a machine that does nothing else they are the time on the wall, and on a busy one
they stay what they are.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from steersman.engine.threats import Field, Kind, inspect, inspect_value
from steersman.services.security.commands import corpora
from steersman.services.security.logic.goals import missed

_KIB4 = 4096
_MEGABYTE = 1 << 20

#: Pieces that are repeated to make inputs which are meant to be slow.
_HOSTILE = (
    "'", '"', "`", "(", "<", "<a ", " on", "on=", "{{", "%25", "&lt;", "\\", "/*", "/**/", "../", " ",
    "';", "|id;", "$(",
    "javascript:", "or 1=1 ", "(select ",
    "f(", "a.", "document.", "é'", "0x41,", "+ADw-", "\\x3c", '"a":', "a=1&", "\r\n",
)  # fmt: skip

#: What stands before a hostile text in a request: it is then a body, a document, a query, or more of the head.
_HEADS = (
    b"POST / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n",
    b"GET /?",
    b"GET /",
    b"GET / HTTP/1.1\r\nCookie: ",
    b"GET / HTTP/1.1\r\nX: 1\r\n",
)
_WORDS = re.compile(
    r"(?i)['\"<>;]|--|\b(?:select|union|insert|update|delete|drop|sleep|or"
    r"|and|script|alert|onload|onerror|javascript)\b"
)

_Attacks = Annotated[
    Path, typer.Option("--attacks", help="Folder with crs_tests.parquet and http_params_train.csv.gz.")
]
_Logs = Annotated[Path, typer.Option("--logs", help="Log lines: Parquet with a column `raw`, or text.")]
_Most = Annotated[int, typer.Option("--most", min=100, help="Lines and paragraphs of each honest corpus.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]


def threats(
    attacks: _Attacks = Path("../shared/data/attacks"),
    logs: _Logs = Path("../shared/data/logs/loghub_2k.parquet"),
    most: _Most = 20_000,
    as_json: _Json = False,  # noqa: FBT002 - typer makes a flag of it
) -> int:
    """Print recall, false alarms and times."""
    honest = {
        "prose": corpora.sampled(corpora.prose(), most),
        "code": corpora.sampled(corpora.code_lines(), most),
        "logs": corpora.sampled(corpora.log_lines(logs), most),
    }
    labelled = corpora.parameters(attacks)
    figures: dict[str, Any] = {
        "recall": recall(corpora.crs_cases(attacks)),
        "parameters": parameter_recall(labelled),
        "false_alarms": false_alarms(honest | {"parameters": labelled[Kind.NONE]}),
        "milliseconds": {**times(honest, labelled[Kind.SQL]), "hostile_megabyte_max": hostile(_MEGABYTE)},
    }
    figures["missed"] = missed(figures)
    typer.echo(json.dumps(figures, indent=None if as_json else 2))
    return 1 if figures["missed"] else 0


def recall(cases: Sequence[corpora.Case]) -> dict[str, dict[str, float]]:
    """Percent of the cases found, by kind: as that kind and as any. Who wrote the rules has seen all of them."""
    kinds = dict.fromkeys(case.kind for case in cases)
    return {str(kind): _recall([case for case in cases if case.kind is kind]) for kind in kinds}


def _recall(cases: Sequence[corpora.Case]) -> dict[str, float]:
    found = [(case, inspect(case.request)) for case in cases]
    return {
        "cases": len(cases),
        "as_that_kind": _percent(verdict.kind is case.kind for case, verdict in found),
        "as_any_kind": _percent(verdict.is_attack for _, verdict in found),
    }


def parameter_recall(labelled: Mapping[Kind, Sequence[str]]) -> dict[str, float]:
    """Percent of labelled values that are found as their kind."""
    return {
        str(kind): _percent(inspect_value(value).kind is kind for value in values)
        for kind, values in labelled.items()
        if kind is not Kind.NONE
    }


def false_alarms(honest: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Percent of honest texts, put into a query, that are called an attack; and so by a list of words."""
    return {
        name: {
            "texts": len(texts),
            "percent": _percent(inspect_value(text, Field.QUERY).is_attack for text in texts),
            "word_list_percent": _percent(_WORDS.search(text) is not None for text in texts),
        }
        for name, texts in honest.items()
    }


def times(honest: Mapping[str, Sequence[str]], attacks: Sequence[str]) -> dict[str, float]:
    """Milliseconds for 4 KiB: of honest text, of attacks one behind the other, and of repeated pieces."""
    texts = {**honest, "attacks": attacks}
    usual = [piece for values in texts.values() for piece in _pieces(" ".join(values), 200)]
    hostile_pieces = [(text * _KIB4)[:_KIB4] for text in _HOSTILE]
    spent, worst = _spent(usual), _spent(hostile_pieces * 3)
    return {
        "p50_at_4_kib": _quantile(spent, 0.5),
        "p99_at_4_kib": _quantile(spent, 0.99),
        "hostile_4_kib_max": max(worst),
    }


def hostile(size: int) -> float:
    """The longest time of any hostile input of that size: as a value, as a body, and as a head."""
    worst = 0.0
    for text in _HOSTILE:
        value = (text * size)[:size]
        worst = max(worst, _took(inspect_value, value), *(_took(inspect, head + value.encode()) for head in _HEADS))
    return round(worst, 2)


def _pieces(text: str, most: int) -> list[str]:
    return [text[begin : begin + _KIB4] for begin in range(0, len(text) - _KIB4, _KIB4)][:most]


def _spent(values: Iterable[str]) -> list[float]:
    return sorted(round(_took(inspect_value, value), 3) for value in values)


def _took(work: Callable[[Any], object], given: object) -> float:
    begun = time.thread_time()
    work(given)
    return (time.thread_time() - begun) * 1000


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _percent(hits: Iterable[bool]) -> float:
    values = list(hits)
    return round(100 * sum(values) / len(values), 2) if values else 0.0
