"""Records what the loop of a running platform is told, into a file that `steersman replay` decides upon again."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from steersman.model.errors import InvalidInput, Temporary
from steersman.runtime.http.remote import found_token

_PATH = "/api/ops/recording"
_CHUNK = 1 << 16
#: A round comes every second; a platform that is silent for so long is gone.
_SILENCE_SECONDS = 30.0


def record(
    file: Annotated[Path, typer.Argument(help="Where to write the recording.")],
    seconds: Annotated[float, typer.Option(min=1, help="How long to record.")] = 60.0,
    url: Annotated[str, typer.Option(help="The address of the platform.")] = "http://127.0.0.1:7600",
    data: Annotated[Path | None, typer.Option(help="Its data directory, to read the token from.")] = None,
) -> None:
    """Record the rounds of a running platform, with everything that its loop knows at the beginning."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise InvalidInput(f"{url} is not an http address")
    token = found_token(data)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_SILENCE_SECONDS)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request("GET", f"{_PATH}?seconds={seconds:g}", headers=headers)
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise Temporary(f"the platform at {url} answered {response.status}: {response.read(500).decode()}")
        written = _write(response, file)
    except (OSError, http.client.HTTPException) as error:
        raise Temporary(f"the recording from {url} broke off: {error}") from error
    finally:
        connection.close()
    typer.echo(f"{file}: {written:,} bytes. Decide upon it again with: steersman replay {file}")


def _write(response: http.client.HTTPResponse, file: Path) -> int:
    written = 0
    with file.open("wb") as out:
        while chunk := response.read1(_CHUNK):
            written += out.write(chunk)
    return written
