"""`steersman secrets import`: secrets that another system encrypted with Fernet become secrets of this platform.

A line of the file is `NAME TOKEN`. Everything is opened before anything is kept, so that a wrong key is told before the
first secret is written. Nothing of a value is printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steersman.model.errors import InvalidInput
from steersman.runtime.keys.imported import FernetKeys
from steersman.services.secrets.commands.speaking import HERE, Data, Url, ask, part
from steersman.services.secrets.logic.references import checked_name


def take(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines of NAME TOKEN.")],
    fernet_key_file: Annotated[Path, typer.Option(help="The Fernet keys, one a line, newest first.")],
    url: Url = HERE,
    data: Data = None,
) -> None:
    """Open every token, and keep what is in it under its name."""
    keys = FernetKeys(lines_of(fernet_key_file))
    opened = [_opened(keys, number, line) for number, line in enumerate(lines_of(file), 1)]
    for name, value in opened:
        ask(url, data, "PUT", f"/values/{part(name)}", {"value": value, "note": f"imported from {file.name}"})
    typer.echo(f"{len(opened)} secrets are kept")


def _opened(keys: FernetKeys, number: int, line: str) -> tuple[str, str]:
    name, _, token = line.partition(" ")
    try:
        return checked_name(name), keys.open(token).decode()
    except InvalidInput as error:
        raise InvalidInput(f"line {number}: {error.message}; nothing was imported") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"line {number}: what it holds is no text; nothing was imported") from None


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file that hold something."""
    try:
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {type(error).__name__}") from error
