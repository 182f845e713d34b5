"""The lines of an export: one JSON object a line, which a stranger verifies without this platform.

First a head with the public key, then every entry with its leaf hash, then every checkpoint. A line says what it is by
its one key, so that a reader needs no order and a newer one can add kinds.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from steersman.engine.audit.checkpoint import NoteKey
from steersman.engine.audit.entry import COLUMNS, VERSION
from steersman.services.audit.model.records import Leaf, Row

FORMAT = "steersman audit export"


def head_line(key: NoteKey) -> str:
    return _line({"head": {"format": FORMAT, "version": VERSION, "origin": key.name, "public_key": key.text()}})


def entry_line(row: Row, leaf: Leaf) -> str:
    """Return the line of an entry. Bytes where text belongs are somebody else's doing; they are told in base64."""
    cells = row.cells if row.cells is not None else (row.seq, *[None] * (len(COLUMNS) - 1))
    told = {
        name: {"bytes": b64encode(cell).decode()} if isinstance(cell, bytes) else cell
        for name, cell in zip(COLUMNS, cells, strict=True)
    }
    return _line({"entry": told, "index": leaf.position, "leaf": b64encode(leaf.hash).decode()})


def checkpoint_line(note: str) -> str:
    return _line({"checkpoint": note})


def succession_line(note: str) -> str:
    return _line({"succession": note})


def _line(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
