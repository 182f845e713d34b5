"""Speaks to a running platform from the command line: the same HTTP interface that everyone uses.

It uses the standard library's client, because importing a larger one would take longer than the call.
"""

from __future__ import annotations

import http.client
import json
import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import typer

from steersman.model.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Permanent,
    SteersmanError,
    Temporary,
    Unauthenticated,
)

_TIMEOUT_SECONDS = 120.0
_BRANCHES: dict[int, type[SteersmanError]] = {
    400: InvalidInput,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: Temporary,
    503: Temporary,
}


_Url = Annotated[str, typer.Option(help="The address of the platform.")]
_Data = Annotated[Path | None, typer.Option(help="Its data directory, to read the token from.")]
_TOKEN = "STEERSMAN_BOOTSTRAP_TOKEN"  # noqa: S105 - the name of a variable
_HERE = "http://127.0.0.1:7600"


def status(url: _Url = _HERE, data: _Data = None) -> None:
    """Ask a running platform how it is doing and print its answer as JSON."""
    _print(_ask(url, "GET", "/api/platform/status", None, data))


def act(
    action: Annotated[str, typer.Argument(metavar="SERVICE.ACTION")],
    args: Annotated[str, typer.Option(help="The arguments as a JSON object.")] = "{}",
    key: Annotated[str | None, typer.Option(help="The same key gives one effect.")] = None,
    dry_run: Annotated[bool | None, typer.Option("--dry-run", help="Only say what would happen.")] = None,
    undo: Annotated[bool | None, typer.Option("--undo", help="Undo what was done under --key.")] = None,
    url: _Url = _HERE,
    data: _Data = None,
) -> None:
    """Perform an action on a running platform and print its answer as JSON."""
    service, dot, name = action.partition(".")
    if not dot:
        raise InvalidInput("name the action as SERVICE.ACTION")
    path = f"/api/{quote(service)}/actions/{quote(name)}"
    if undo:
        answer = _ask(url, "POST", f"{path}/undo", {"key": key}, data)
    else:
        body = {"args": _json_object(args), "key": key, "dry_run": bool(dry_run)}
        answer = _ask(url, "POST", path, body, data)
    _print(answer)


def _ask(url: str, method: str, path: str, body: Any, data: Path | None) -> Any:
    token = found_token(data)
    try:
        return call(url, method, path, body, token)
    except Unauthenticated as error:
        found = "the token found here is not that platform's" if token else "the platform asks for a token"
        raise Unauthenticated(f"{found}: name its data directory with --data, or set {_TOKEN}") from error


def _print(answer: Any) -> None:
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def found_token(data: Path | None) -> str | None:
    """Return the token from the environment, or from the data directory of a platform on this machine."""
    if token := os.environ.get(_TOKEN):
        return token
    kept = (data or Path(os.environ.get("STEERSMAN_DATA", "data"))) / "secrets" / "bootstrap-token"
    try:
        return kept.read_text("ascii").strip()
    except FileNotFoundError:
        return None


def call(url: str, method: str, path: str, body: Any, token: str | None) -> Any:
    """Make one request and return its JSON answer; an error answer becomes the error of its branch."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInput(f"{url} is not an http address")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, parts.path.rstrip("/") + path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or error
        raise Temporary(f"no platform answers at {url}: {reason}") from error
    finally:
        connection.close()
    return _answer(response.status, text)


def _answer(status: int, text: bytes) -> Any:
    if status == 204:
        return None
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise Permanent(f"the platform answered {status} and no JSON") from error
    if status < 400:
        return answer
    detail = "; ".join([answer.get("detail", "no reason given"), *answer.get("errors", [])])
    raise _BRANCHES.get(status, Permanent)(detail)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"--args is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidInput('--args is a JSON object, such as \'{"level": "debug"}\'')
    return value
