"""Refuses requests that two readers could understand differently: a proxy before us, our router and our checks.

One reading is decided here for all, before anything else looks: a path in its one spelling, each deciding header once,
and one way to say how long the body is. What is ambiguous is refused, never repaired.
"""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.types import Scope

from steersman.model.errors import InvalidInput

#: A path that has another spelling: encoded slashes and dots, empty and dot segments, backslashes, control characters.
_AMBIGUOUS = re.compile(rb"//|%(?:2f|2e|5c|25|7f|[01][0-9a-f])|\\|/\.\.?(?:/|$)|[\x00-\x20\x7f-\xff#]", re.IGNORECASE)
_ESCAPED = re.compile(rb"%[0-9a-f]{2}", re.IGNORECASE)
_ONCE = frozenset({b"host", b"authorization", b"content-length", b"origin", b"transfer-encoding", b"content-type"})


def check_path(scope: Scope) -> None:
    """Raise `InvalidInput` unless the path has exactly one reading."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
    if not raw.startswith(b"/") or _AMBIGUOUS.search(raw):
        raise InvalidInput("the path of the address is not in its plain form")
    if b"%" in raw and (b"%" in _ESCAPED.sub(b"", raw) or "\ufffd" in scope["path"]):
        raise InvalidInput("the path of the address is not UTF-8 in its usual encoding")


def check_headers(scope: Scope) -> None:
    """Raise `InvalidInput` where a header that decides something comes twice, or two say how long the body is."""
    seen: set[bytes] = set()
    for name, _ in scope["headers"]:
        if name in _ONCE:
            if name in seen:
                raise InvalidInput(f"the header {name.decode()} comes twice")
            seen.add(name)
    if b"content-length" in seen and b"transfer-encoding" in seen:
        raise InvalidInput("both Content-Length and Transfer-Encoding say how long the body is")


def check_json(body: bytes) -> None:
    """Raise `InvalidInput` where an object has a key twice: readers differ in which of the two counts (RFC 8259, 4)."""
    try:
        json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return  # no JSON at all: whoever wants some says so in its own words


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise InvalidInput("an object of the JSON body has a key twice")
