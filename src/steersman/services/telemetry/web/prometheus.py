"""The Prometheus HTTP API over raw selectors, so that Grafana and people's scripts find what they know.

Answers and errors have Prometheus's own form. Functions and operators of PromQL are refused with a position.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.responses import Response

from steersman import __version__
from steersman.contract.service import RawRoute
from steersman.engine.series.json_labels import labels_json
from steersman.engine.series.matching import fulfils
from steersman.engine.series.steps import at_steps, is_stale
from steersman.model.errors import InvalidInput, SteersmanError, Temporary
from steersman.model.labels import decode_labels
from steersman.model.search import Everything
from steersman.services.telemetry.logic import answers, selectors
from steersman.services.telemetry.logic.selectors import Selector

if TYPE_CHECKING:
    from starlette.datastructures import FormData, QueryParams
    from starlette.requests import Request

    from steersman.contract.ports import Context
    from steersman.model.labels import Matcher
    from steersman.runtime.telemetry.query import MetricQueries, Selection

#: Prometheus's own: how long a series counts as present after its last sample, and the most steps of a range.
LOOKBACK_MS = 300_000
MAX_STEPS = 11_000
#: Samples that one answer may touch; as JSON they are about a gigabyte.
MAX_SAMPLES = 50_000_000
_LAST_MS = 2**62
#: Python would read more, such as underscores and Chinese digits.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HOUR_MS = 3_600_000
_MOST_EXEMPLARS = 10_000


@dataclass(frozen=True, slots=True)
class Question:
    """What a handler needs: who asks, the parameters, where to look, and the time."""

    ctx: Context
    parameters: QueryParams | FormData
    now_ms: int
    path: dict[str, str]

    @property
    def queries(self) -> MetricQueries:
        found: MetricQueries = self.ctx.state.store.queries
        return found

    def text(self, name: str) -> str:
        # The first one counts, and what stands in the body comes before the query string.
        value = next(iter(self.parameters.getlist(name)), "")
        if not isinstance(value, str) or not value:
            raise InvalidInput(f'invalid parameter "{name}": it is missing')
        return value

    def time(self, name: str, default: int | None = None) -> int:
        if default is not None and not self.parameters.get(name):
            return default
        return time_ms(self.text(name), name)

    def selector(self, name: str = "query") -> Selector:
        text = self.text(name)
        try:
            return selectors.parse(text)
        except InvalidInput as error:
            raise InvalidInput(f'invalid parameter "{name}": {error.message}') from error

    def matches(self) -> list[tuple[Matcher, ...]]:
        texts = [value for value in self.parameters.getlist("match[]") if isinstance(value, str)]
        return [selectors.parse_matchers(text) for text in texts]


def time_ms(text: str, name: str) -> int:
    """Read unix seconds or an RFC 3339 time; raises `InvalidInput`."""
    if _NUMBER.fullmatch(text):
        seconds = float(text)
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise InvalidInput(
                f'invalid parameter "{name}": cannot parse {text!r} as unix seconds or RFC 3339'
            ) from None
        seconds = moment.timestamp()
    if not abs(seconds) < _LAST_MS / 1000:
        raise InvalidInput(f'invalid parameter "{name}": {text!r} is out of range')
    return round(seconds * 1000)


def _step_ms(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        return selectors.duration_ms(text)
    seconds = float(text)
    if not 0 < seconds < _LAST_MS / 1000:
        raise InvalidInput('invalid parameter "step": zero or negative query resolution step widths are not accepted')
    return round(seconds * 1000)


def _check_size(selection: Selection) -> Selection:
    if selection.times.size > MAX_SAMPLES:
        raise InvalidInput(f"the query selects more than {MAX_SAMPLES} samples: narrow it in time or by labels")
    return selection


def query(question: Question) -> str:
    """Answer a selector at one time: the last values, or all samples of a range."""
    selector = question.selector()
    asked = question.time("time", question.now_ms)
    at = asked - selector.offset_ms
    tenant = question.ctx.caller.tenant
    if selector.range_ms is None:
        found = question.queries.latest(tenant, selector.matchers, at, LOOKBACK_MS)
        fresh = ~is_stale(found.values)
        keys = [key for key, good in zip(found.keys, fresh.tolist(), strict=True) if good]
        return answers.vector(keys, asked, found.values[fresh])
    found = _check_size(question.queries.select(tenant, selector.matchers, at - selector.range_ms, at))
    return answers.matrix(*_without_stale(found))


def _without_stale(found: Selection) -> tuple[list[bytes], Any, Any, Any]:
    stale = is_stale(found.values)
    if not stale.any():
        return found.keys, found.offsets, found.times, found.values
    kept_before = np.concatenate([[0], np.cumsum(~stale)])
    return found.keys, kept_before[found.offsets], found.times[~stale], found.values[~stale]


def query_range(question: Question) -> str:
    """Answer a selector at every step of a range."""
    selector = question.selector()
    if selector.range_ms is not None:
        raise InvalidInput('invalid expression type "range vector" for range query, must be Scalar or instant Vector')
    start, end = question.time("start"), question.time("end")
    step = _step_ms(question.text("step"))
    if end < start:
        raise InvalidInput('invalid parameter "end": end timestamp must not be before start time')
    if step <= 0:
        raise InvalidInput('invalid parameter "step": zero or negative query resolution step widths are not accepted')
    if (end - start) // step > MAX_STEPS:
        raise InvalidInput(
            f"exceeded maximum resolution of {MAX_STEPS:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    steps = np.arange(start, end + 1, step, dtype=np.int64)
    first = start - selector.offset_ms - LOOKBACK_MS
    found = _check_size(
        question.queries.select(
            question.ctx.caller.tenant, selector.matchers, first, int(steps[-1]) - selector.offset_ms
        )
    )
    stepped = at_steps(found.times, found.values, found.offsets, steps, offset=selector.offset_ms, lookback=LOOKBACK_MS)
    return answers.matrix(found.keys, *stepped)


def _range(question: Question) -> tuple[int, int]:
    return question.time("start", 0), question.time("end", _LAST_MS)


def series(question: Question) -> str:
    """List the series that fulfil any of the selectors."""
    found = question.matches()
    if not found:
        raise InvalidInput("no match[] parameter provided")
    start, end = _range(question)
    keys: dict[bytes, None] = {}
    for one in found:
        keys.update(dict.fromkeys(question.queries.keys(question.ctx.caller.tenant, one, start, end)))
    return f"[{','.join(labels_json(sorted(keys)))}]"


def _for_each_match(question: Question, ask: Callable[..., list[str]], *arguments: str) -> str:
    start, end = _range(question)
    tenant = question.ctx.caller.tenant
    found = [ask(tenant, *arguments, one, start, end) for one in question.matches()]
    return json.dumps(
        sorted(set().union(*found)) if found else ask(tenant, *arguments, (), start, end), ensure_ascii=False
    )


def labels(question: Question) -> str:
    """List label names."""
    return _for_each_match(question, question.queries.label_names)


def label_values(question: Question) -> str:
    """List the values of one label."""
    return _for_each_match(question, question.queries.label_values, question.path["name"])


def metadata(question: Question) -> str:
    """List what sources said about their metrics."""
    wanted = question.parameters.get("metric")
    limit = question.parameters.get("limit") or ""
    if limit and not re.fullmatch(r"-?\d{1,9}", str(limit), re.ASCII):
        raise InvalidInput("limit must be a number")
    tenant = question.ctx.caller.tenant
    known = list(question.ctx.state.store.metadata.items())
    found = [one for (owner, name), one in known if owner == tenant and (not wanted or name == wanted)]
    if limit and int(str(limit)) >= 0:
        found = found[: int(str(limit))]
    rows = {one.name: [{"type": one.type.value, "help": one.help, "unit": one.unit}] for one in found}
    return json.dumps(rows, ensure_ascii=False)


def exemplars(question: Question) -> str:
    """List the exemplars of the series that a selector names, by series, in order of time."""
    selector = question.selector()
    start, end = question.time("start", question.now_ms - _HOUR_MS), question.time("end", question.now_ms)
    found = question.ctx.state.store.exemplars.search(
        question.ctx.caller.tenant,
        Everything(),
        start * 1_000_000,
        end * 1_000_000,
        _MOST_EXEMPLARS,
        newest_first=False,
    )
    by_series: dict[bytes, list[dict[str, Any]]] = {}
    for row in found.rows:
        shown = {"labels": row["labels"], "value": str(row["value"]), "timestamp": row["time_ms"] / 1000}
        by_series.setdefault(row["key"], []).append(shown)
    answer = [
        {"seriesLabels": labels, "exemplars": rows}
        for key, rows in by_series.items()
        if fulfils(labels := dict(decode_labels(key)), selector.matchers)
    ]
    return json.dumps(answer, ensure_ascii=False)


def build_info(_question: Question) -> str:
    """Tell Grafana which Prometheus API this is."""
    return json.dumps({"version": "2.42.0", "revision": f"steersman-{__version__}", "goVersion": ""})


def _envelope(data: str) -> Response:
    return Response(f'{{"status":"success","data":{data}}}', media_type="application/json")


def _failure(error: SteersmanError) -> Response:
    kind = (
        "bad_data" if isinstance(error, InvalidInput) else "unavailable" if isinstance(error, Temporary) else "internal"
    )
    headers = {"Retry-After": str(max(1, round(error.retry_after)))} if isinstance(error, Temporary) else None
    text = json.dumps({"status": "error", "errorType": kind, "error": error.message}, ensure_ascii=False)
    return Response(text, error.status, headers, media_type="application/json")


async def _ask(answer: Callable[[Question], str], ctx: Context, request: Request) -> Response:
    """Answer on a thread; a form in the body counts like the query string, as in Prometheus."""
    parameters: QueryParams | FormData = request.query_params
    if request.method == "POST":
        parameters = await _form(request)
    now_ms = ctx.ports.clock.wall_ns() // 1_000_000
    try:
        if not ctx.state.store.ready:
            raise Temporary("the store is replaying its log; /readyz tells how far it is", retry_after=1.0)
        text = await asyncio.to_thread(answer, Question(ctx, parameters, now_ms, request.path_params))
    except SteersmanError as error:
        return _failure(error)
    return _envelope(text)


async def _form(request: Request) -> QueryParams:
    """Read a URL-encoded form behind the query string's own parameters."""
    from starlette.datastructures import QueryParams

    body = (await request.body()).decode("latin-1")
    return QueryParams("&".join(part for part in (body, request.url.query) if part))


def _route(path: str, answer: Callable[[Question], str], summary: str, *methods: str) -> RawRoute:
    return RawRoute(
        methods=frozenset(methods or ("GET",)),
        path=path,
        handler=partial(_ask, answer),
        permission="telemetry.metrics.read",
        summary=summary,
    )


RAW_ROUTES = (
    _route("/api/v1/query", query, "A selector at one time", "GET", "POST"),
    _route("/api/v1/query_range", query_range, "A selector at every step of a range", "GET", "POST"),
    _route("/api/v1/series", series, "Series that fulfil selectors", "GET", "POST"),
    _route("/api/v1/labels", labels, "Label names", "GET", "POST"),
    _route("/api/v1/label/{name}/values", label_values, "Values of a label"),
    _route("/api/v1/query_exemplars", exemplars, "Exemplars of series that a selector names", "GET", "POST"),
    _route("/api/v1/metadata", metadata, "Type, help and unit of metrics"),
    _route("/api/v1/status/buildinfo", build_info, "Which API this is"),
)
