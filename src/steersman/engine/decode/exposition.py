"""A scraped page, Prometheus text 0.0.4 or OpenMetrics 1.0, together with the target that it came from.

A target shows the same series at every scrape. So the text of a series up to its value, once parsed, is remembered
per target with the key it stands for, and a known line costs a split and a look-up. What is remembered is bounded by
the size of the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from steersman.engine.decode.bounds import NS_PER_MS, times_ms
from steersman.engine.decode.exposition_line import Grammar, Sample, parse_line, series_end
from steersman.engine.decode.exposition_metadata import parse_metadata
from steersman.engine.decode.json_text import json_text
from steersman.model.errors import InvalidInput, UnsupportedMedia
from steersman.model.labels import METRIC_NAME, Labels, canonical, encode_labels
from steersman.model.telemetry import Decoded, ExemplarColumns, MetricBatch

#: Every byte of a number, of an infinity or of NaN. Python's `float` takes more, such as `1_0` and blanks.
_NUMBER_BYTES = b"0123456789+-.eEaAfFiInNtTyY\n"

_OPENMETRICS = "application/openmetrics-text"
_GRAMMARS = {
    _OPENMETRICS: Grammar.OPENMETRICS,
    "text/plain": Grammar.TEXT,
    # A target that names no type speaks the text format, as Prometheus 2 has it.
    "": Grammar.TEXT,
}

#: How many forgotten series a target may have beside those of its last page before all of it is forgotten.
_SLACK = 1000


@dataclass(frozen=True, slots=True)
class _Target:
    """What is fixed for a target, and the keys of the series that it showed."""

    grammar: Grammar
    labels: Labels
    honor_labels: bool
    honor_timestamps: bool
    known: dict[bytes, bytes] = field(default_factory=dict)

    def key(self, scraped: dict[str, str]) -> bytes:
        """Join the labels of a series with those of the target; in a conflict one of them gives way."""
        merged = dict(scraped)
        for name, value in self.labels:
            if self.honor_labels and name in scraped:
                continue
            if scraped.get(name):
                merged[_exported(name, scraped)] = scraped[name]
            merged[name] = value
        return encode_labels(canonical(merged))


def _exported(name: str, scraped: dict[str, str]) -> str:
    name = f"exported_{name}"
    while name in scraped:
        name = f"exported_{name}"
    return name


@dataclass(slots=True)
class _Page:
    """The columns of one page while they grow. `values` are still text; `times` holds explicit times by row."""

    keys: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    times: dict[int, int] = field(default_factory=dict)
    comments: list[bytes] = field(default_factory=list)
    exemplars: ExemplarColumns = field(default_factory=ExemplarColumns)


def pack(
    *,
    content_type: str,
    target_labels: Labels,
    honor_labels: bool,
    honor_timestamps: bool,
    extra_samples: Sequence[tuple[str, float]],
    body: bytes,
) -> bytes:
    """Return the record for one scrape.

    `extra_samples` are the scraper's own (`up`, `scrape_duration_seconds`, ...), which get the target's labels. For a
    failed scrape, `body` is empty and the content type "text/plain".
    """
    target = {
        "content_type": content_type,
        "labels": dict(target_labels),
        "honor_labels": honor_labels,
        "honor_timestamps": honor_timestamps,
    }
    extra = [[name, repr(value)] for name, value in extra_samples]
    # Two lines, because the first one repeats from scrape to scrape and the second does not.
    return b"\n".join([json_text(target).encode(), json_text(extra).encode(), body])


def decode(body: bytes, received_ns: int) -> Decoded:
    """Decode one scrape. Samples without a time were taken at `received_ns`.

    Raises `InvalidInput` for a page that breaks its format and `UnsupportedMedia` for another content type.
    """
    header, _, rest = body.partition(b"\n")
    extra, newline, text = rest.partition(b"\n")
    if not newline:
        raise InvalidInput("the record of a scrape starts with two lines of JSON")
    target = _target(header)
    page = _Page()
    lines = _lines(text, target.grammar)
    # A tab may part value and time as well, and then the last blank is not the one before the value.
    _read_lines(page, target, lines, {} if b"\t" in text else target.known)
    _read_extra(page, target, extra)
    if len(target.known) > 2 * len(lines) + _SLACK:
        target.known.clear()
    return _decoded(page, target, received_ns)


@lru_cache(maxsize=512)
def _target(header: bytes) -> _Target:
    try:
        fields = json.loads(header)
        media = fields["content_type"].partition(";")[0].strip().lower()
        labels = canonical({str(name): str(value) for name, value in fields["labels"].items()})
        grammar = _GRAMMARS.get(media)
        target = (labels, bool(fields["honor_labels"]), bool(fields["honor_timestamps"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidInput("the first line of a scrape's record does not describe a target") from error
    if grammar is None:
        raise UnsupportedMedia(f"a target has to answer with text/plain or {_OPENMETRICS}, not {media!r:.80}")
    return _Target(grammar, *target)


def _lines(text: bytes, grammar: Grammar) -> list[bytes]:
    """Cut a page into lines; one that does not end as its format demands was cut off."""
    lines = text.split(b"\n")
    last = lines.pop()
    if grammar is Grammar.TEXT:
        if last:
            raise InvalidInput("the page does not end with a line feed: it was cut off, or its exporter is wrong")
        return lines
    if last:
        lines.append(last)
    if not lines or lines.pop() != b"# EOF":
        raise InvalidInput("the page does not end with # EOF: it was cut off, or it is not OpenMetrics")
    return lines


def _read_lines(page: _Page, target: _Target, lines: Sequence[bytes], known: Mapping[bytes, bytes]) -> None:
    """Read the lines of a page; a known series, one blank and a value is the hot case."""
    add_key, add_value = page.keys.append, page.values.append
    for number, line in enumerate(lines, 1):
        series, _, value = line.rpartition(b" ")
        key = known.get(series)
        if key is not None:
            add_key(key)
            add_value(value)
        elif line.startswith(b"#"):
            page.comments.append(line)
        elif line.strip(b" \t"):
            _read_other_line(page, target, line, number)
        elif target.grammar is Grammar.OPENMETRICS:
            raise InvalidInput(f"line {number} is empty, which OpenMetrics does not allow")


def _read_other_line(page: _Page, target: _Target, line: bytes, number: int) -> None:
    """Read a line that has a time or an exemplar, or whose series is new."""
    if target.grammar is Grammar.TEXT and line.lstrip(b" \t").startswith(b"#"):
        page.comments.append(line.lstrip(b" \t"))
        return
    end = series_end(line)
    key = target.known.get(line[:end])
    try:
        sample = parse_line(line, target.grammar, None if key is None else end)
    except InvalidInput as error:
        raise InvalidInput(f"line {number}: {error.message}") from error
    if key is None:
        key = target.key(sample.labels)
        target.known[line[: sample.series_end]] = key
    if sample.time_ms is not None and target.honor_timestamps:
        page.times[len(page.keys)] = sample.time_ms
    page.keys.append(key)
    page.values.append(sample.value)
    _read_exemplar(page, key, sample)


def _read_exemplar(page: _Page, key: bytes, sample: Sample) -> None:
    if sample.exemplar is None:
        return
    exemplar = sample.exemplar
    page.exemplars.key.append(key)
    page.exemplars.value.append(exemplar.value)
    # -1 stands for "when the page was taken" until that is known.
    page.exemplars.time_ms.append(-1 if exemplar.time_ms is None else exemplar.time_ms)
    page.exemplars.labels.append(json_text(exemplar.labels))


def _read_extra(page: _Page, target: _Target, extra: bytes) -> None:
    try:
        for name, value in json.loads(extra):
            page.keys.append(encode_labels(canonical({**dict(target.labels), METRIC_NAME: str(name)})))
            page.values.append(str(value).encode())
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput("the second line of a scrape's record does not list the scraper's samples") from error


def _decoded(page: _Page, target: _Target, received_ns: int) -> Decoded:
    received_ms = received_ns // NS_PER_MS
    times = np.full(len(page.keys), received_ms, dtype=np.int64)
    if page.times:
        times[list(page.times)] = times_ms(list(page.times.values()))
    series, keys = _series(page, times)
    exemplars = page.exemplars
    times_ms([time for time in exemplars.time_ms if time != -1])
    exemplars.time_ms = [received_ms if time == -1 else time for time in exemplars.time_ms]
    return Decoded(
        metrics=MetricBatch(keys, series, times, _numbers(page.values)),
        metadata=parse_metadata(tuple(page.comments), target.grammar),
        exemplars=exemplars if exemplars.key else None,
    )


def _series(page: _Page, times: NDArray[np.int64]) -> tuple[NDArray[np.int32], list[bytes]]:
    """Number the series. Without explicit times each may stand there once, with them once for each time."""
    numbers: dict[bytes, int] = {}
    series = [numbers.setdefault(key, len(numbers)) for key in page.keys]
    is_twice = len(numbers) < len(series) and len(set(zip(series, times.tolist(), strict=True))) < len(series)
    if is_twice:
        raise InvalidInput("a series stands twice on the page with the same time")
    return np.array(series, dtype=np.int32), list(numbers)


def _numbers(texts: list[bytes]) -> NDArray[np.float64]:
    strange = b"\n".join(texts).translate(None, _NUMBER_BYTES)
    try:
        numbers = list(map(float, texts))
    except ValueError as error:
        raise InvalidInput(f"a value is not a number: {error}") from error
    if strange:
        raise InvalidInput(f"a value holds {strange[:20]!r}, which no number does")
    return np.array(numbers, dtype=np.float64)
