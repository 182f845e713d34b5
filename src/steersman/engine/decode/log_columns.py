"""Log records as the store keeps them, in a body of their own: what was changed on its way in is written down so.

A JSON object with the columns of `LogColumns` and their tenant-less values. Half a pair of surrogates, which a sender
may spell, survives in it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields

from steersman.model.errors import InvalidInput
from steersman.model.telemetry import Decoded, LogColumns

_NUMBERS = frozenset({"time_ns", "severity"})


def pack(columns: LogColumns) -> bytes:
    """Return the body for these records."""
    return json.dumps(asdict(columns), separators=(",", ":")).encode()


def decode(body: bytes, _received_ns: int) -> Decoded:
    """Invert `pack`. Raises `InvalidInput` for anything else."""
    try:
        told = json.loads(body)
        columns = LogColumns(**told)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput("the body holds no columns of log records") from error
    for field in fields(LogColumns):
        values, kind = getattr(columns, field.name), int if field.name in _NUMBERS else str
        whole = isinstance(values, list) and all(type(value) is kind for value in values)
        if not whole or len(values) != len(columns.time_ns):
            raise InvalidInput(f"the column {field.name} does not fit the others")
    return Decoded(logs=columns)
