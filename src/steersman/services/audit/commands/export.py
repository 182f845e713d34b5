"""`steersman audit export FILE`: everything that a stranger needs to verify the journal without this platform."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from steersman.model.errors import Conflict
from steersman.services.audit.commands.verify import Data, Key, Url, key_of
from steersman.services.audit.store.offline import export_lines, opened

_Target = Annotated[Path, typer.Argument(help="The JSONL file to write; it holds the journal, so keep it private.")]


def export(file: _Target, data: Data = Path("data"), key: Key = None, database: Url = None) -> None:
    """Write the entries under the newest checkpoint, all checkpoints and the public key."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{file} is there already: name another file") from error
    lines = 0
    with os.fdopen(descriptor, "w", encoding="utf-8") as out, opened(data, database) as connection:
        for line in export_lines(connection, key_of(data, key)):
            out.write(line)
            lines += 1
    typer.echo(f"{file}: {lines} lines. Verify them anywhere with: python verify_audit.py {file} --key PUBLIC-KEY-FILE")
