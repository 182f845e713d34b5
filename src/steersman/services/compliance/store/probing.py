"""Asks a platform over HTTP, as a stranger without a key, and notes what it answers.

It sends nothing secret and believes nothing, so it does not ask whose certificate that is.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
from collections.abc import Mapping

from steersman.services.compliance.model import Observed

_TIMEOUT_SECONDS = 5.0
_FOREIGN = {"Origin": "https://elsewhere.example"}
#: By the name under which questions know the answer: method, path, headers.
_REQUESTS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "page": ("GET", "/login", {"Accept": "text/html"}),
    "api": ("GET", "/api/platform/status", {}),
    "missing": ("GET", "/api/no/such/thing", {}),
    "foreign": ("GET", "/healthz", _FOREIGN),
    "trace": ("TRACE", "/healthz", {}),
    "listing": ("GET", "/static/", {}),
    "metadata": ("GET", "/.git/HEAD", {}),
    "openapi": ("GET", "/openapi.json", {}),
    "metrics": ("GET", "/metrics", {}),
}


def probed(scheme: str, host: str, port: int | None) -> dict[str, Observed]:
    """Return what was answered to each request; nothing where no platform answers."""
    found: dict[str, Observed] = {}
    for name, (method, path, headers) in _REQUESTS.items():
        try:
            found[name] = _asked(scheme, host, port, method, path, headers)
        except (OSError, http.client.HTTPException):
            return {}
    return found


def _asked(scheme: str, host: str, port: int | None, method: str, path: str, headers: Mapping[str, str]) -> Observed:
    connection: http.client.HTTPConnection
    if scheme == "https":
        # Nothing secret is sent and nothing of the answer is believed.
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 - see above  # nosemgrep: certificate-unchecked
        connection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(method, path, headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read(1 << 16).decode("utf-8", "replace")
        return Observed(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)
    finally:
        connection.close()


def loopback(host: str) -> bool:
    """Tell whether an address is reached from its own machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
