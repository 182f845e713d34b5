"""Finds the rows of a block that name somebody, and writes the block again without the name.

A row stays and says `(erased)` where the person stood: that something failed is nobody's personal data. What else is
personal in such a row is masked with it. Run as `python -m steersman.runtime.telemetry.events.naming`, in a process of
its own that ends, for a block whose rows would take much memory. It removes no file: the manifest decides.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from steersman.contract.identifiers import Identifiers
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.events.block import EventBlock, open_rows, plain_json, read_all, spelled, write_block
from steersman.runtime.telemetry.events.compact import named
from steersman.runtime.telemetry.events.schema import SCHEMAS, TENANT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy import int64
    from numpy.typing import NDArray

    from steersman.runtime.telemetry.disk import Disk
    from steersman.runtime.telemetry.events.schema import Schema, Tokenize

Mask = Callable[[str], str]
#: Attributes that name a program and never a person, whoever has the same name.
_PROGRAMS = frozenset({"service", "service.name", "service.namespace", "job", "host.name", "env", "region"})


@dataclass(frozen=True)
class Wanted:
    """Whom to look for among the rows of one tenant."""

    tenant: str
    who: Identifiers

    def to_json(self) -> dict[str, Any]:
        return {"tenant": self.tenant, "sure": self.who.sure, "names": self.who.names}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Wanted:
        return cls(value["tenant"], Identifiers(tuple(value["sure"]), tuple(value["names"])))


@dataclass(frozen=True, slots=True)
class Masker:
    """What hides the rest of a row that named somebody, and the same as `module:function` for another process."""

    mask: Mask
    name: str


def texts_of(schema: Schema) -> tuple[str, ...]:
    """Return the columns that people write into; the name of a service and ids are none."""
    return tuple(dict.fromkeys((*schema.text, *schema.attributes, *schema.json)))


def found(schema: Schema, block: EventBlock, folder: Path, wanted: Wanted) -> Iterator[pa.Table]:
    """Yield the rows of a block that name somebody, a part of the block at a time."""
    with open_rows(schema, folder / block.files[0]) as file:
        for number in range(file.num_row_groups):
            texts = file.read_row_group(number, [TENANT, *texts_of(schema)]).cast(_texts_schema(schema))
            rows = naming(schema, texts, wanted)
            if rows.size:
                yield file.read_row_group(number).cast(schema.arrow()).take(rows)


def counted(schema: Schema, block: EventBlock, folder: Path, wanted: Wanted) -> int:
    """Count the rows of a block that name somebody."""
    return sum(rows.num_rows for rows in found(schema, block, folder, wanted))


def _texts_schema(schema: Schema) -> pa.Schema:
    import pyarrow as pa

    whole = schema.arrow()
    return pa.schema([whole.field(name) for name in (TENANT, *texts_of(schema))])


def naming(schema: Schema, table: pa.Table, wanted: Wanted) -> NDArray[int64]:
    """Return the rows that name somebody: a quick look of Arrow's at the words, then a careful one at what it found."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not wanted.who.searched or not table.num_rows:
        return np.empty(0, np.int64)
    words = "(?i)" + "|".join(re.escape(word) for word in wanted.who.searched)
    hits = pa.chunked_array([pa.array(np.zeros(table.num_rows, bool))])
    for name in texts_of(schema):
        hits = pc.or_(hits, pc.match_substring_regex(plain_json(table.column(name)), words))
    hits = pc.and_(hits, pc.equal(table.column(TENANT), wanted.tenant))
    likely = np.flatnonzero(hits.to_numpy())
    columns = [(table.column(name), name in schema.json) for name in texts_of(schema)]
    named_rows = [
        row
        for row in likely.tolist()
        if any(without(column[row].as_py(), wanted.who, is_json=is_json) is not None for column, is_json in columns)
    ]
    return np.array(named_rows, np.int64)


def without(text: str, who: Identifiers, mask: Mask = str, *, is_json: bool) -> str | None:
    """Return a text without the person and what else is personal in it, or None where it does not name them."""
    if is_json:
        return _without_in_json(text, who, mask)
    plain = text if who.stand_in(text) else spelled(text)
    bare = who.removed_from(plain)
    return None if bare == plain else mask(bare)


def _without_in_json(text: str, who: Identifiers, mask: Mask) -> str | None:
    try:
        value = json.loads(text)
    except ValueError:
        return without(text, who, mask, is_json=False)
    bare = _removed(value, who)
    return None if bare == value else json.dumps(_masked(bare, mask), ensure_ascii=False, separators=(",", ":"))


def _removed(value: Any, who: Identifiers) -> Any:
    """Take the person out of a structure, but for the attributes that name a program."""
    if isinstance(value, dict):
        bare: dict[str, Any] = {}
        for key, inner in value.items():
            bare |= {key: inner} if key in _PROGRAMS else who.removed_from({key: inner})
        return bare
    return [_removed(inner, who) for inner in value] if isinstance(value, list) else who.removed_from(value)


def _masked(value: Any, mask: Mask) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: inner if key in _PROGRAMS else _masked(inner, mask) for key, inner in value.items()}
    return [_masked(inner, mask) for inner in value] if isinstance(value, list) else value


def rewritten(
    block: EventBlock, folder: Path, disk: Disk, wanted: Wanted, tokenize: Tokenize, mask: Mask
) -> EventBlock:
    """Write a block again without somebody, under a name of its own; the same rows in the same order."""
    schema = SCHEMAS[block.kind]
    table = read_all(schema, folder / block.files[0])
    rows = naming(schema, table, wanted)
    for name in texts_of(schema):
        table = _replaced(table, name, rows, partial(without, who=wanted.who, mask=mask, is_json=name in schema.json))
    seqs = (block.first_seq, block.last_seq)
    return write_block(schema, table, seqs, block.level + 1, disk, folder, tokenize)


def _replaced(table: pa.Table, name: str, rows: NDArray[int64], change: Callable[[str], str | None]) -> pa.Table:
    import pyarrow as pa

    place = table.schema.get_field_index(name)
    texts = table.column(name).to_pylist()
    for row in rows.tolist():
        texts[row] = change(texts[row]) or texts[row]
    return table.set_column(place, table.schema.field(place), pa.array(texts, pa.string()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Read one JSON object with a block and whom to take out of it per line; print the block made of it as JSON."""
    parser = argparse.ArgumentParser(description="take somebody out of event blocks")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenize", required=True, metavar="MODULE:FUNCTION")
    parser.add_argument("--mask", required=True, metavar="MODULE:FUNCTION")
    options = parser.parse_args(arguments)
    disk, tokenize = LocalDisk(), named(options.tokenize)
    module, _, name = options.mask.partition(":")
    mask: Mask = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        asked = json.loads(line)
        block, wanted = EventBlock.from_json(asked["block"]), Wanted.from_json(asked["wanted"])
        made = rewritten(block, options.folder, disk, wanted, tokenize, mask)
        disk.sync_folder(options.folder)
        print(json.dumps(made.to_json()), flush=True)  # noqa: T201 -- the caller reads it
    return 0


if __name__ == "__main__":
    sys.exit(main())
