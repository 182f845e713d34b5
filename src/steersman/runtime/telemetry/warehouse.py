"""SQL over everything that is stored: the operations warehouse, in a process of its own that ends.

    python -m steersman.runtime.telemetry.warehouse FOLDER < question.json

The question is {"sql", "tenant", "limit", "seconds", "memory_bytes"}; the answer is JSON with `columns`, `rows` and
`truncated`, or `error`. The views are `metrics`, `logs`, `spans` and `exemplars`. The files are opened here and
handed to DuckDB with one tenant's rows only; DuckDB's own access to files and to the network is closed before the
question runs, with the configuration locked.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, decode_labels
from steersman.runtime.telemetry import columns, manifest
from steersman.runtime.telemetry.block import paths
from steersman.runtime.telemetry.events.schema import SCHEMAS
from steersman.runtime.telemetry.merge import joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from steersman.runtime.telemetry.manifest import Manifest

_SERIES = pa.schema(
    [
        ("source", pa.int32()),
        ("series", pa.uint32()),
        ("name", pa.string()),
        ("labels", pa.map_(pa.string(), pa.string())),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlQuestion:
    """What is asked, by whom, and how much it may take."""

    sql: str
    tenant: str
    limit: int = 10_000
    seconds: float = 30.0
    memory_bytes: int = 1 << 30


class _Series:
    """The tenant's series of all files, as the table that names them; a file's number is its `source`."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._rows: list[dict[str, Any]] = []

    def add(self, source: int, tenants: Sequence[str], keys: Sequence[bytes]) -> NDArray[np.uint32]:
        """Take in a file's series and return the numbers of those that are the tenant's."""
        own = [number for number, owner in enumerate(tenants) if owner == self._tenant]
        for number in own:
            labels = dict(decode_labels(keys[number]))
            name = labels.pop(METRIC_NAME, "")
            self._rows.append({"source": source, "series": number, "name": name, "labels": list(labels.items())})
        return np.array(own, np.uint32)

    def table(self) -> pa.Table:
        return pa.Table.from_pylist(self._rows, _SERIES)


def _head_tables(folder: Path, known: Manifest, series: _Series) -> Iterator[tuple[int, pa.Table]]:
    """Yield (source, samples) of every checkpointed generation."""
    own = {}
    for file in known.series:
        tenants: list[str] = []
        keys: list[bytes] = []
        for scopes, bounds, content in columns.read_series(folder / "head" / file.name, file.bytes):
            text, ends = content.tobytes(), bounds.tolist()
            tenants += [known.tenants[scope] for scope in scopes.tolist()]
            keys += [text[start:end] for start, end in itertools.pairwise(ends)]
        own[file.epoch] = series.add(-file.epoch, tenants, keys)
    for generation in known.generations:
        batch = joined(list(columns.read_samples(folder / "head" / generation.name, generation.bytes)))
        wanted = np.isin(batch.series, own[generation.epoch])
        table = {
            "series": batch.series[wanted].astype(np.uint32),
            "time": batch.times[wanted],
            "value": batch.values[wanted],
        }
        yield -generation.epoch, pa.table(table)


def _block_data(folder: Path, known: Manifest, series: _Series) -> Iterator[tuple[int, ds.Dataset]]:
    """Yield (source, samples) of every block, as data that is read when it is asked for."""
    for source, meta in enumerate(known.metric_blocks, 1):
        samples, series_path = paths(folder / "metrics", meta.name)
        table = pq.read_table(series_path, columns=["tenant", "key"])
        own = series.add(source, table["tenant"].to_pylist(), table["key"].to_pylist())
        data = ds.dataset(samples)
        yield source, data if own.size == table.num_rows else data.filter(ds.field("series").isin(own.tolist()))


def _define_metrics(connection: duckdb.DuckDBPyConnection, folder: Path, known: Manifest, tenant: str) -> None:
    series = _Series(tenant)
    selects = ["select 0 as source, 0::uinteger as series, 0::bigint as time, 0::double as value where false"]
    found = [*_head_tables(folder, known, series), *_block_data(folder, known, series)]
    for number, (source, samples) in enumerate(found):
        connection.register(f"samples_{number}", samples)
        selects.append(f"select {source}, series, time, value from samples_{number}")  # noqa: S608 - numbers only
    connection.register("series_of", series.table())
    connection.execute(
        "create view metrics as "  # noqa: S608 - numbers only
        "select name, labels, make_timestamp(time * 1000) as time, time as time_ms, value "
        f"from ({' union all '.join(selects)}) join series_of using (source, series)"
    )


def _define_events(connection: duckdb.DuckDBPyConnection, folder: Path, known: Manifest, tenant: str) -> None:
    for kind, schema in SCHEMAS.items():
        files = [str(folder / kind / block.files[0]) for block in known.event_blocks if block.kind == kind]
        rows = ds.dataset(files) if files else ds.dataset(schema.arrow().empty_table())
        connection.register(f"rows_of_{kind}", rows.filter(ds.field("tenant") == tenant))
        connection.execute(
            f"create view {kind} as "  # noqa: S608 - names of our own schema
            f"select make_timestamp_ns({schema.time} * {schema.unit_ns}) as time, "
            f"* exclude (tenant) from rows_of_{kind}"
        )


def answer(folder: Path, question: SqlQuestion) -> dict[str, Any]:
    """Run one question and return `columns`, `rows` and `truncated`. Raises `duckdb.Error` and `InvalidInput`."""
    connection = duckdb.connect(":memory:")
    if not connection.extract_statements(question.sql):
        raise InvalidInput("there is no statement in the question")
    known = manifest.load(folder)
    connection.execute(f"set memory_limit = '{question.memory_bytes // (1 << 20)}MiB'")
    connection.execute("set threads = 2")
    _define_metrics(connection, folder, known, question.tenant)
    _define_events(connection, folder, known, question.tenant)
    _close_off(connection)
    timer = threading.Timer(question.seconds, connection.interrupt)
    timer.start()
    try:
        cursor = connection.execute(question.sql)
        names = [column[0] for column in cursor.description or ()]
        rows = cursor.fetchmany(question.limit + 1)
    finally:
        timer.cancel()
    return {"columns": names, "rows": rows[: question.limit], "truncated": len(rows) > question.limit}


def _close_off(connection: duckdb.DuckDBPyConnection) -> None:
    """Close DuckDB's own ways out; no statement can open them again."""
    for setting in ("enable_external_access", "autoinstall_known_extensions", "autoload_known_extensions"):
        connection.execute(f"set {setting} = false")
    connection.execute("set python_enable_replacements = false")
    connection.execute("set lock_configuration = true")


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: keys are text, and the numbers that JSON lacks are words."""
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    return value


def reply(folder: Path, question: SqlQuestion) -> str:
    """Return the answer, or what is wrong with the question, as JSON text."""
    try:
        return json.dumps(_plain(answer(folder, question)), default=str)
    except duckdb.InterruptException:
        return json.dumps({"error": f"the question took longer than {question.seconds} seconds"})
    except (duckdb.Error, InvalidInput) as error:
        return json.dumps({"error": str(error)})


def main() -> None:
    """Answer one question from standard input on standard output."""
    sys.stdout.write(reply(Path(sys.argv[1]).resolve(), SqlQuestion(**json.load(sys.stdin))))


if __name__ == "__main__":
    main()
