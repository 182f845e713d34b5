"""`steersman key rotate-signing` and `steersman key local`: the keys of the platform itself.

The key in the data directory is the file's owner's to make: whoever can write there needs nobody's permission, and the
running platform takes the new one over by itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from steersman.model.errors import InvalidInput
from steersman.runtime.http.remote import call, found_token
from steersman.runtime.identity.localkey import LocalKey
from steersman.services.identity.commands.speaking import HERE, Data, Url


def rotate_signing(url: Url = HERE, data: Data = None) -> None:
    """Let the next key sign from now on; the one before verifies until its last token has expired."""
    made = call(url, "POST", "/auth/signing-keys", {}, found_token(data))
    typer.echo(f"{made['kid']} signs now; it was published before, and the next one is from now on")


def local(
    data: Annotated[Path | None, typer.Option(help="The data directory.", show_default="data")] = None,
    revoke: Annotated[bool | None, typer.Option("--revoke", help="Take the key back, and make none.")] = None,
) -> None:
    """Make a new key for this machine's operator in the place of the old one, or only take that back."""
    folder = (data or Path(os.environ.get("STEERSMAN_DATA", "data"))) / "secrets"
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not there: name the data directory with --data")
    key = LocalKey(folder, "local")
    if revoke:
        key.revoke()
        typer.echo("The key in the data directory opens nothing any more; steersman key local makes a new one")
        return
    key.renew()
    typer.echo(f"There is a new key in {folder / 'bootstrap-token'}; the old one opens nothing any more")
