"""Prints what the loop of a running platform finds, decides, does and learns, as it happens."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from steersman.model.errors import InvalidInput, Temporary
from steersman.runtime.http.remote import found_token
from steersman.services.operations.logic import lines
from steersman.services.operations.logic.phrases import event_line

_PATH = "/api/ops/stream"
_SILENCE_SECONDS = 60.0


def follow(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Findings that are only for information, too.")] = False,
    url: Annotated[str, typer.Option(help="The address of the platform.")] = "http://127.0.0.1:7600",
    data: Annotated[Path | None, typer.Option(help="Its data directory, to read the token from.")] = None,
) -> None:
    """Follow the loop until Ctrl-C."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise InvalidInput(f"{url} is not an http address")
    token = found_token(data)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_SILENCE_SECONDS)
    try:
        connection.request("GET", _PATH, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise Temporary(f"the platform at {url} answered {response.status}: {response.read(500).decode()}")
        typer.echo(f"Following {url}; stop with Ctrl-C.")
        for event in _events(response):
            if everything or not _is_aside(event):
                typer.echo(event_line(event))
    except KeyboardInterrupt:
        return
    except (OSError, http.client.HTTPException) as error:
        raise Temporary(f"the stream from {url} broke off: {error}") from error
    finally:
        connection.close()


def _events(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    for line in response:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


def _is_aside(event: dict[str, Any]) -> bool:
    return bool(event["type"] == lines.FINDING and event["payload"]["severity"] == "info")
