"""What the command line says about a platform that does not answer as hoped."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from steersman.model.errors import Temporary, Unauthenticated
from steersman.runtime.http import remote


class Closed(BaseHTTPRequestHandler):
    """A platform that lets nobody in."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.end_headers()
        self.wfile.write(b'{"detail": "present the token: Authorization: Bearer ..."}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def closed() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Closed) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("token", "said"), [(None, "the platform asks for a token"), ("old", "is not that platform's")]
)
def test_who_is_not_let_in_hears_where_the_token_comes_from(
    token: str | None, said: str, closed: str, tmp_path: Path
) -> None:
    if token is not None:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "bootstrap-token").write_text(token)
    with pytest.raises(Unauthenticated, match=f"{said}.*--data.*STEERSMAN_BOOTSTRAP_TOKEN"):
        remote.status(closed, tmp_path)


def test_a_platform_that_is_not_there_is_named_with_the_reason(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Temporary, match=rf"at http://127\.0\.0\.1:{port}: Connection refused$"):
        remote.status(f"http://127.0.0.1:{port}", tmp_path)
