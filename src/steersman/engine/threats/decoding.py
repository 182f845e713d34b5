"""Takes the encodings off a value, layer by layer, as the interpreters behind it would.

Every step is linear and there are at most `MOST_ROUNDS` of them, so that a value cannot buy time by nesting. Nothing
here fails: what cannot be decoded stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from dataclasses import dataclass

MOST_ROUNDS = 6

# Patterns begin with a character as it stands where that is possible: then the search skips at the speed of memchr.
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*+")
_PERCENT_U = re.compile(r"%u([0-9a-fA-F]{4})")
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{0{0,4}([0-9a-fA-F]{1,5})\}|([0-3][0-7]{2}|[4-7][0-7](?![0-9A-Za-z])))"
)
_OVERLONG = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]")
_UTF7 = re.compile(r"[+ ](A[A-Za-z0-9/]{2,40})-")
_MAYBE_UTF7 = re.compile(r"A(?<=[+ ]A)[A-Za-z0-9/]{2,40}-")
_SEVEN_BIT = str.maketrans({"\xbc": "<", "\xbe": ">", "\xa2": '"', "\xa7": "'", "\xa8": "("})
_SEVEN_BIT_TAG = re.compile(r"\xbc[/\w][^\xbe>]{0,200}[\xbe>]|<[/\w][^\xbe>]{0,200}\xbe")
_LOW = bytes(code & 0x7F for code in range(256))
#: Read with seven bits, `über` has a bracket in it: only a tag that runs something counts there.
_RUNNING = re.compile(
    r"</?(?:script|iframe|object|embed|applet|svg|img|body|style|meta|link"
    r"|base|form)(?![a-z])",
    re.IGNORECASE,
)
#: Characters that some databases and browsers take for an ASCII quote or bracket, beyond what NFKC maps.
_LOOKALIKES = str.maketrans(
    {"‘": "'", "’": "'", "‛": "'", "ʼ": "'", "′": "'", "“": '"', "”": '"', "″": '"', "〈": "<", "〉": ">", "\xa0": " "}
)
_LOOKALIKE = re.compile(f"[{''.join(map(chr, _LOOKALIKES))}]")
#: A line feed stays: it ends a command and a comment.
_CONTROL = re.compile(r"[\x01-\x09\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The innermost form of a value, and the names of the layers that were around it, outermost first."""

    text: str
    layers: tuple[str, ...] = ()


def decode(value: str | bytes, *, plus_is_space: bool = False) -> Decoded:
    """Return a value without its encodings. Takes time linear in its length; never raises."""
    text = text_of(value)
    layers: list[str] = []
    text = _noted(_utf7(text), text, "UTF-7", layers)
    if plus_is_space and "+" in text:
        text = text.replace("+", " ")
    for _ in range(MOST_ROUNDS):
        before = text
        text = _noted(_percent(text), text, "percent", layers)
        text = _noted(_entities(text), text, "HTML entities", layers)
        text = _noted(_escapes(text), text, "escapes", layers)
        if text == before:
            break
    text = _noted(_utf7(text), text, "UTF-7", layers)
    return Decoded(_plain(text, layers), tuple(layers))


def _noted(after: str, before: str, name: str, layers: list[str]) -> str:
    if after != before:
        layers.append(name)
    return after


def text_of(raw: str | bytes) -> str:
    """Read bytes as UTF-8, and as Latin-1 where they are not; an overlong form gives the character that it hides."""
    if isinstance(raw, str):
        return raw
    if _OVERLONG.search(raw):
        raw = _OVERLONG.sub(_short_form, raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _short_form(found: re.Match[bytes]) -> bytes:
    code = 0
    for byte in found[0]:
        code = code << 6 | byte & 0x3F
    code &= 0x7FF
    return bytes((code & 0x7F,))


def _percent(text: str) -> str:
    if "%" not in text:
        return text
    text = _PERCENT.sub(lambda run: text_of(bytes.fromhex(run[0].replace("%", ""))), text)
    return _PERCENT_U.sub(lambda one: chr(int(one[1], 16)), text)


def _entities(text: str) -> str:
    return html.unescape(text) if "&" in text else text


def _escapes(text: str) -> str:
    """Undo the escapes of JavaScript and of C: hexadecimal, Unicode with and without braces, octal."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(found: re.Match[str]) -> str:
    octal = found[4]
    return chr(int(octal, 8) if octal else int(found[1] or found[2] or found[3], 16))


def _utf7(text: str) -> str:
    return _UTF7.sub(_from_utf7, text) if _MAYBE_UTF7.search(text) else text


def _from_utf7(found: re.Match[str]) -> str:
    digits = found[1]
    try:
        inner = base64.b64decode(digits + "=" * (-len(digits) % 4)).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        return found[0]
    return inner if inner.isascii() and inner.isprintable() else found[0]


def _seven_bits(text: str) -> str:
    """Return how a reader takes it who drops the highest bit of each byte, where markup appears by that."""
    if _SEVEN_BIT_TAG.search(text):
        return text.translate(_SEVEN_BIT)
    low = text.encode("utf-8", "surrogatepass").translate(_LOW).decode()
    return low if _RUNNING.search(low) and not _RUNNING.search(text) else text


def _plain(text: str, layers: list[str]) -> str:
    """Fold what looks like ASCII to ASCII, and drop the control characters that interpreters skip."""
    if not text.isascii():
        text = _noted(_seven_bits(text), text, "seven bits", layers)
        text = unicodedata.normalize("NFKC", text)
        # `translate` is slow beyond ASCII, and these are rare.
        text = text.translate(_LOOKALIKES) if _LOOKALIKE.search(text) else text
    return text if text.isprintable() else _CONTROL.sub(" ", text.replace("\0", ""))
