"""Failure records as columns: a CSV file, plain or gzip, whose every wrong line is named."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from steersman.model.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_ROWS = 5_000_000


def read_records(
    path: Path, label: str, exclude: Sequence[str] = ()
) -> tuple[list[str], NDArray[np.float64], NDArray[np.bool_]]:
    """Return names, columns and whether each row was followed by a failure; columns of words are left out.

    Raises `InvalidInput` with the line of what is wrong.
    """
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        rows = csv.reader(file)
        head = next(rows, [])
        if label not in head:
            raise InvalidInput(f"{path}:1: there is no column {label!r}; there are {', '.join(head)}")
        table = []
        for row in rows:
            if len(row) != len(head):
                raise InvalidInput(f"{path}:{rows.line_num}: {len(row)} fields instead of {len(head)}")
            table.append(row)
            if len(table) > _MOST_ROWS:
                raise InvalidInput(f"{path}:{rows.line_num}: more than {_MOST_ROWS} rows")
    failed = _numbers(path, label, [row[head.index(label)] for row in table])
    if failed is None or not np.isin(failed, (0.0, 1.0)).all():
        raise InvalidInput(f"{path}: the label {label!r} is 0 or 1 in every row")
    names, columns = [], []
    for at, name in enumerate(head):
        numbers = None if name == label or name in exclude else _numbers(path, name, [row[at] for row in table])
        if numbers is not None:
            names.append(name)
            columns.append(numbers)
    if not columns:
        raise InvalidInput(f"{path}: no column holds numbers")
    return names, np.column_stack(columns), failed == 1


def _numbers(path: Path, name: str, texts: Sequence[str]) -> NDArray[np.float64] | None:
    """Return a column of numbers, or None if its first field is a word."""
    found = np.empty(len(texts))
    for at, text in enumerate(texts):
        try:
            found[at] = float(text)
        except ValueError:
            if at == 0:
                return None
            raise InvalidInput(f"{path}:{at + 2}: {name} is {text!r}, which is no number") from None
        if not np.isfinite(found[at]):
            raise InvalidInput(f"{path}:{at + 2}: {name} is {text!r}, which is no finite number")
    return found
