"""The three kinds of events: their columns, and which of those a query may name.

`FORMAT` is in the footer of every file. A file of a newer format is refused instead of misread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from steersman.model.telemetry import ExemplarColumns, LogColumns, SpanColumns

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy import int32, int64, uint8, uint64
    from numpy.typing import NDArray

#: Version of the columns below and of how rows are laid out in a file.
FORMAT = 1

EventColumns = LogColumns | SpanColumns | ExemplarColumns

#: `(data, offsets) -> (hash, row)` of every token; row `i` of the text is `data[offsets[i]:offsets[i + 1]]`.
Tokenize = Callable[["NDArray[uint8]", "NDArray[int64]"], tuple["NDArray[uint64]", "NDArray[int32]"]]


class EventKind(StrEnum):
    LOGS = "logs"
    SPANS = "spans"
    EXEMPLARS = "exemplars"


ColumnType = Literal["int64", "int32", "float64", "string", "binary"]

#: The column in which the tenant travels; it is not part of what a decoder hands over.
TENANT = "tenant"

#: Small integers are indexed by value within this range; what lies beyond counts as the nearest of the two.
SMALLEST_NUMBER, LARGEST_NUMBER = -1, 64


@dataclass(frozen=True, slots=True)
class Names:
    """The words that stand for ranges of a numeric column, such as `warn` for 13 to 16."""

    ranges: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Schema:
    """One kind of events. `time` is its time column, counted in units of `unit_ns`.

    `text` is where words and phrases are looked up; `exact` are string columns that a query may name; `attributes` are
    JSON objects whose keys a query may name; `numbers` are small integers, indexed by value; `aliases` are other
    names for columns; `json` is what an answer shows as JSON instead of as a string.
    """

    kind: EventKind
    time: str
    columns: Mapping[str, ColumnType]
    text: tuple[str, ...]
    exact: tuple[str, ...]
    attributes: tuple[str, ...]
    numbers: Mapping[str, Names] = field(default_factory=dict)
    durations: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    json: tuple[str, ...] = ()
    unit_ns: int = 1

    def arrow(self) -> pa.Schema:
        """Return the Parquet schema, the tenant first."""
        import pyarrow as pa

        types = {
            "int64": pa.int64(),
            "int32": pa.int32(),
            "float64": pa.float64(),
            "string": pa.string(),
            "binary": pa.binary(),
        }
        fields = [pa.field(TENANT, pa.string(), nullable=False)]
        fields += [pa.field(name, types[kind], nullable=False) for name, kind in self.columns.items()]
        return pa.schema(fields, {"steersman.kind": self.kind.value, "steersman.format": str(FORMAT)})

    @property
    def repeating(self) -> tuple[str, ...]:
        """The columns that are worth a dictionary, because their values repeat; those of ids do not."""
        names = [name for name in self.exact if not name.endswith("_id")]
        return (TENANT, *names, *dict.fromkeys(self.attributes + self.json))

    @property
    def tokens(self) -> tuple[str, ...]:
        """The columns whose tokens are indexed."""
        return (TENANT, *self.text, *(name for name in self.exact if name not in self.text), *self.attributes)


_SEVERITY = Names(
    {
        "unknown": (0, 0),
        "trace": (1, 4),
        "debug": (5, 8),
        "info": (9, 12),
        "warn": (13, 16),
        "warning": (13, 16),
        "error": (17, 20),
        "fatal": (21, 24),
        "critical": (21, 24),
    }
)
_STATUS = Names({"unset": (0, 0), "ok": (1, 1), "error": (2, 2)})
_KIND = Names(
    {
        "unspecified": (0, 0),
        "internal": (1, 1),
        "server": (2, 2),
        "client": (3, 3),
        "producer": (4, 4),
        "consumer": (5, 5),
    }
)

LOGS = Schema(
    kind=EventKind.LOGS,
    time="time_ns",
    columns={
        "time_ns": "int64",
        "severity": "int32",
        "service": "string",
        "body": "string",
        "attributes": "string",
        "trace_id": "string",
        "span_id": "string",
    },
    text=("body",),
    exact=("service", "trace_id", "span_id"),
    attributes=("attributes",),
    numbers={"severity": _SEVERITY},
    aliases={"level": "severity", "message": "body"},
    json=("attributes",),
)

SPANS = Schema(
    kind=EventKind.SPANS,
    time="start_ns",
    columns={
        "start_ns": "int64",
        "duration_ns": "int64",
        "trace_id": "string",
        "span_id": "string",
        "parent_id": "string",
        "service": "string",
        "name": "string",
        "kind": "int32",
        "status": "int32",
        "status_message": "string",
        "attributes": "string",
        "resource": "string",
        "events": "string",
        "links": "string",
    },
    text=("name", "status_message"),
    exact=("service", "name", "trace_id", "span_id", "parent_id"),
    attributes=("attributes", "resource"),
    numbers={"kind": _KIND, "status": _STATUS},
    durations=("duration_ns",),
    aliases={"duration": "duration_ns"},
    json=("attributes", "resource", "events", "links"),
)

EXEMPLARS = Schema(
    kind=EventKind.EXEMPLARS,
    time="time_ms",
    columns={"key": "binary", "time_ms": "int64", "value": "float64", "labels": "string"},
    text=(),
    exact=(),
    attributes=("labels",),
    json=("labels",),
    unit_ns=1_000_000,
)

SCHEMAS: Mapping[EventKind, Schema] = {schema.kind: schema for schema in (LOGS, SPANS, EXEMPLARS)}
