"""`steersman audit verify`: recompute the tree from the database and say whether it is what was signed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from steersman.engine.audit.checkpoint import NoteKey
from steersman.model.errors import InvalidInput
from steersman.services.audit.model.records import Fault, Verdict
from steersman.services.audit.store.copies import COPY_FILE, read_notes
from steersman.services.audit.store.keys import public_key
from steersman.services.audit.store.offline import examine, opened

Data = Annotated[
    Path,
    typer.Option(help="The data directory; the platform may run or not.", envvar="STEERSMAN_DATA", metavar="DIR"),
]
Url = Annotated[
    str | None, typer.Option("--database", help="The URL of a PostgreSQL database.", envvar="STEERSMAN_DATABASE_URL")
]
Key = Annotated[Path | None, typer.Option(help="A copy of the public key that was kept elsewhere.", metavar="FILE")]
_Kept = Annotated[Path | None, typer.Option(help="Checkpoints that were kept elsewhere.", metavar="FILE")]
_Witness = Annotated[
    Path | None,
    typer.Option(help="The file of [audit] witness.", metavar="FILE", envvar="STEERSMAN_AUDIT__WITNESS"),
]

_ADVICE = (
    "Keep this machine as it is, copy the database and the folder audit of the data directory before all else, and "
    "compare with a backup from before the newest checkpoint that agrees. docs/security.md says how to go on."
)


def verify(
    data: Data = Path("data"),
    checkpoint: _Kept = None,
    key: Key = None,
    database: Url = None,
    witness: _Witness = None,
) -> int:
    """Verify the whole journal. Ends with 1 when an entry or a checkpoint is not what was signed."""
    verdict = _examined(data, [one for one in (checkpoint, witness) if one is not None], key, database)
    problem = verdict.problem
    if problem is None:
        typer.echo(f"OK: {_told(verdict)}")
        return 0
    where = f"the first that is wrong is the entry {problem.seq}" if problem.seq is not None else "no entry is wrong"
    reading = "" if problem.fault is not Fault.CHECKPOINT else f"; {_told(verdict)}"
    typer.echo(f"NOT OK ({problem.fault}): {problem.words}; {where}{reading}\n{_ADVICE}")
    return 1


def _examined(data: Path, elsewhere: Sequence[Path], key: Path | None, database: str | None) -> Verdict:
    kept = [*read_notes(data / COPY_FILE)] if (data / COPY_FILE).exists() else []
    for checkpoint in elsewhere:
        given = read_notes(checkpoint)
        if not given:
            raise InvalidInput(f"{checkpoint} holds no checkpoint")
        kept += given
    with opened(data, database) as connection:
        return examine(connection, key_of(data, key), kept)


def key_of(data: Path, key: Path | None) -> NoteKey:
    """Return the public key: the copy that was given, or that of the data directory."""
    if key is None:
        return public_key(data)
    try:
        return NoteKey.parse(key.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{key} cannot be read as a public key") from error


def _told(verdict: Verdict) -> str:
    entries = f"{counted(verdict.size, 'entry', 'entries')} with the root {b64encode(verdict.root).decode()}"
    signed = counted(verdict.checkpoints, "checkpoint agrees", "checkpoints agree")
    newer = counted(verdict.pending, "newer one is", "newer ones are")
    return f"{entries}, {signed}" + (f", {newer} not signed yet" if verdict.pending else "")


def counted(number: int, one: str, more: str) -> str:
    """Return a number with the word that goes with it."""
    return f"{number} {one if number == 1 else more}"
