"""The static files: served from the package, named with a hash of their content, hence cached for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

URL_PREFIX = "/static"
_FOLDER = Path(str(files(__package__) / "static"))
_YEAR_SECONDS = 31_536_000


@cache
def asset_url(name: str) -> str:
    """Return the address of a static file; it changes with the content."""
    digest = hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()[:10]
    return f"{URL_PREFIX}/{name}?v={digest}"


class Assets(StaticFiles):
    """Serves `static/` without authentication: it holds no secret, and the login page needs it."""

    def __init__(self) -> None:
        super().__init__(directory=_FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Let browsers keep a file whose address carries its hash."""
        response = await super().get_response(path, scope)
        pinned = b"v=" in scope["query_string"]
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_SECONDS}, immutable" if pinned else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
