r"""The label set of a Loki stream as text: `{app="web", path="C:\\\\x"}`, with Go's string literals."""

from __future__ import annotations

import re

from steersman.model.errors import InvalidInput

_PAIR = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*(?:"((?:[^"\\\n]|\\.)*)"|`([^`]*)`)\s*(,|$)')
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))")
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


def parse_stream_labels(text: str) -> dict[str, str]:
    """Parse the labels of a stream; raises `InvalidInput`. Labels with an empty value are left out."""
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        raise InvalidInput(f'stream labels have the form {{name="value", ...}}, not {text!r:.80}')
    inner = stripped[1:-1].strip()
    labels: dict[str, str] = {}
    at = 0
    while at < len(inner):
        pair = _PAIR.match(inner, at)
        if pair is None:
            raise InvalidInput(f"stream labels cannot be read at {inner[at:]!r:.80}")
        name = pair[1]
        if name in labels:
            raise InvalidInput(f"the label {name!r} stands twice in {text!r:.80}")
        labels[name] = unescape(pair[2]) if pair[2] is not None else pair[3]
        at = pair.end()
    return {name: value for name, value in labels.items() if value}


def unescape(literal: str) -> str:
    """Return what a Go string literal stands for; raises `InvalidInput` for what no UTF-8 text holds."""
    if "\\" not in literal:
        return literal
    try:
        return b"".join(_parts(literal)).decode()
    except UnicodeError as error:
        raise InvalidInput(f"the escapes in {literal!r:.80} do not make UTF-8") from error


def _parts(literal: str) -> list[bytes]:
    parts = []
    at = 0
    for escape in _ESCAPE.finditer(literal):
        parts += [literal[at : escape.start()].encode(), _character(escape)]
        at = escape.end()
    return [*parts, literal[at:].encode()]


def _character(escape: re.Match[str]) -> bytes:
    r"""Return the bytes of one escape: `\x41` and `\101` are bytes, `\u0041` is a code point."""
    byte, short, long, octal, simple = escape.groups()
    if byte is not None:
        return bytes([int(byte, 16)])
    if octal is not None and int(octal, 8) < 256:
        return bytes([int(octal, 8)])
    if short or long:
        number = int(short or long, 16)
        if number <= 0x10FFFF:
            return chr(number).encode()
    if simple in _SIMPLE:
        return _SIMPLE[simple].encode()
    raise InvalidInput(f"{escape[0]!r} is not an escape")
