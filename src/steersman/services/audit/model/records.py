"""What stands in the tables, and what a verification says about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from steersman.engine.audit.entry import Cell


class Leaf(NamedTuple):
    """The hash of one entry at its position in the tree, which counts from 0; numbers of the journal may have gaps."""

    position: int
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the journal as the database holds it; `cells` is None where its text cannot even be read."""

    seq: int
    cells: tuple[Cell, ...] | None


class Fault(StrEnum):
    """What is wrong at an entry, or with the evidence itself."""

    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"
    REORDERED = "reordered"
    REWRITTEN = "rewritten"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing that is wrong; `seq` is the entry's number, where one can be named."""

    fault: Fault
    seq: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found. Nothing vouches for `pending` entries: no checkpoint covers them yet."""

    size: int
    root: bytes
    checkpoints: int
    pending: int
    problem: Problem | None = None
