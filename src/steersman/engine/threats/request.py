"""Cuts a request into the values that somebody else's interpreter may read, each with the kind of field it sits in.

It reads what is there, as forgivingly as a server might, and refuses nothing: a request that is broken on purpose is
the one that has to be looked at. Nothing is decoded here; that is another step.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from steersman.engine.threats.verdict import Field

#: Values of one request that are looked at; what is beyond is looked at as one.
MOST_VALUES = 256
MOST_SEGMENTS = 32
MOST_HEAD = 8192
MOST_HEADERS = 128
_LONG = 8192
#: Headers that are left out while their value looks as it always does.
_NAMES_OF_USUAL_HEADERS = """
    host accept accept-encoding accept-language accept-charset connection content-length content-type date te
    upgrade cache-control pragma transfer-encoding expect keep-alive sec-fetch-mode sec-fetch-site sec-fetch-dest
    sec-fetch-user upgrade-insecure-requests if-none-match if-modified-since dnt authorization proxy-authorization
    priority sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform
"""
_USUAL_HEADERS = frozenset(_NAMES_OF_USUAL_HEADERS.split())
_USUAL = re.compile(r"[\w\s/.;:,=*+-]{0,1000}(?:boundary=.{0,200})?")
#: A scheme and one token, whose `=` stand at its end (token68 of RFC 9110).
_CREDENTIALS = re.compile(r"[A-Za-z]{1,20} {1,3}[\w.~+/-]{0,9000}+={0,2}")
#: Headers in which an upload says what its file is called.
_NAMES_OF_FILES = frozenset({"x-filename", "x-file-name", "x_filename", "x.filename"})
_OF_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})
_BOUNDARY = re.compile(r"boundary\s{0,3}=\s{0,3}\"?([^\";,]{1,200})", re.IGNORECASE)
_TORN = re.compile(r"['\"<(`]|&#|&\w{2,8};|&&|;;")
_ENCODED_EQUALS = re.compile(r"(?<=\w)%(?:25){0,2}3d", re.IGNORECASE)
_NAME = re.compile(r"[\s\w\[\]-]{0,80}")
_PART_NAME = re.compile(r"name\s{0,3}=\s{0,3}(?:\"([^\"]{0,2000})\"|([^;\r\n]{0,2000}))", re.IGNORECASE)
_JSON_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)"?(\s*+:)?')
_XML_PIECE = re.compile(r"=\s*+(?:\"([^\"]*+)\"|'([^']*+)')|>([^<]++)|<!\[CDATA\[([^\]]*+)")


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it came over the wire: nothing in it is decoded."""

    method: str = "GET"
    target: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Piece:
    """One value of a request. `name` is what it is called there; a name is a value of its own."""

    field: Field
    name: str
    value: str | bytes

    @property
    def where(self) -> str:
        """The place in words: `query id`."""
        return f"{self.field} {self.name[:40]}".strip()


def parse(raw: str | bytes) -> Request:
    """Read a raw request. Lines may end in CR LF or LF; what is no header is left out."""
    wire = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    head, gap, body = _halves(wire)
    # Split as bytes: a line of a head ends where a server sees its end, not at every character that Unicode breaks at.
    lines = (head if gap else wire).split(b"\n", MOST_HEADERS + 1)
    first = utf8(lines[0]).strip() if lines else ""
    method, _, rest = first.partition(" ")
    target = re.sub(r"\s+HTTP/\d(?:\.\d)?$", "", rest, flags=re.IGNORECASE) or "/"
    split = [line.partition(b":") for line in lines[1 : MOST_HEADERS + 1]]
    split += [(b"rest", b":", rest) for rest in lines[MOST_HEADERS + 1 :]]
    headers = tuple((utf8(name).strip(), utf8(value).strip()) for name, colon, value in split if colon)
    return Request(method or "GET", target, headers, body)


def utf8(raw: bytes) -> str:
    """Read bytes as UTF-8 where they are that, and as Latin-1 where not."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _halves(wire: bytes) -> tuple[bytes, bytes, bytes]:
    crlf, lf = wire.find(b"\r\n\r\n"), wire.find(b"\n\n")
    return wire.partition(b"\n\n" if crlf < 0 or 0 <= lf < crlf else b"\r\n\r\n")


def pieces(request: Request, free_text: Collection[str] = ()) -> Iterator[Piece]:
    """Yield the values of a request: target, headers, cookies, body. Parameters named in `free_text` come as that."""
    if not free_text:
        yield from _pieces(request, free_text)
        return
    for piece in _pieces(request, free_text):
        yield replace(piece, field=Field.FREE_TEXT) if piece.name in free_text else piece


def _pieces(request: Request, free_text: Collection[str]) -> Iterator[Piece]:
    path, _, query = request.target.partition("?")
    yield Piece(Field.PATH, "", path)
    for segment in path.split("/", MOST_SEGMENTS):
        if not _NAME.fullmatch(segment):
            yield Piece(Field.PATH, "segment", segment)
    yield from _pairs(Field.QUERY, query, "&", free_text)
    for name, value in request.headers[:MOST_HEADERS]:
        yield from _header(name, value)
    if rest := request.headers[MOST_HEADERS:]:
        yield Piece(Field.HEADER, "rest", "\n".join(f"{name}: {value}" for name, value in rest))
    if request.body:
        yield from _body(request, free_text)


def _header(name: str, value: str) -> Iterator[Piece]:
    lowered = name.lower()
    if lowered == "cookie":
        yield from _pairs(Field.COOKIE, value, ";")
    elif lowered in _NAMES_OF_FILES:
        yield Piece(Field.FILE_NAME, name, value)
    elif lowered not in _USUAL_HEADERS or not (_CREDENTIALS if lowered in _OF_CREDENTIALS else _USUAL).fullmatch(value):
        yield Piece(Field.HEADER, name, value)
        if "://" in value and "?" in value:
            yield from _pairs(Field.HEADER, value.partition("?")[2], "&")


def _pairs(field: Field, text: str, separator: str, free_text: Collection[str] = ()) -> Iterator[Piece]:
    """Split `a=1&b=2`. A name that is more than a word is a value too, and so is the whole of a torn pair."""
    if not text:
        return
    parts = text.split(separator, MOST_VALUES)
    names = {part.partition("=")[0].strip() for part in parts}
    if len(parts) > 1 and _TORN.search(text) and not names.intersection(free_text):
        # A separator inside an attack tears it apart: `a && b`. The whole tells what the parts do not.
        yield Piece(field, "whole", text)
        parts = parts[:MOST_VALUES]
    for part in parts:
        yield from _pair(field, part)


def _pair(field: Field, part: str) -> Iterator[Piece]:
    name, _, value = part.partition("=")
    if len(part) > _LONG and not _is_plain_name(name):
        # Looked at once: of a long text that is torn somewhere, the name and the value are the same attack.
        yield Piece(field, "pair", part)
        return
    if value:
        yield Piece(field, name.strip(), value)
    if _is_plain_name(name) and value:
        return
    yield Piece(field, "name", name)
    if value:
        yield Piece(field, "pair", part)
    if hidden := _ENCODED_EQUALS.search(part):
        yield Piece(field, name[: hidden.start()], part[hidden.end() :])


def _is_plain_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and " " not in name.strip()


def _body(request: Request, free_text: Collection[str]) -> Iterator[Piece]:
    kind = request.header("content-type").lower()
    start = request.body[:64].lstrip()
    if "multipart/" in kind and (boundary := _BOUNDARY.search(request.header("content-type"))):
        yield from _parts(request.body, boundary[1].strip())
    elif "json" in kind or (not kind.startswith("application/x-www") and start[:1] in {b"{", b"["}):
        yield from _json(request.body)
    elif "xml" in kind or start.startswith(b"<?xml"):
        yield from _xml(request.body)
    elif kind.startswith("text/") and "=" not in kind:
        yield Piece(Field.BODY, "", request.body)
    else:
        yield from _pairs(Field.FORM, utf8(request.body), "&", free_text)


def _parts(body: bytes, boundary: str) -> Iterator[Piece]:
    """Yield names, file names and contents of a multipart body."""
    chunks = utf8(body).split("--" + boundary, MOST_VALUES)
    for chunk in chunks[1:]:
        head, _, content = chunk.replace("\r\n", "\n").lstrip("\n").partition("\n\n")
        names = [found[1] or found[2] or "" for found in _PART_NAME.finditer(head[:MOST_HEAD])]
        yield from (Piece(Field.FILE_NAME, "", name) for name in names)
        if content.strip():
            yield Piece(Field.FORM, names[0] if names else "part", content.removesuffix("\n"))


def _json(body: bytes) -> Iterator[Piece]:
    """Yield every string, called by the last key before it, and every key, also where the document is broken."""
    text, key = utf8(body), ""
    found = None
    for number, found in enumerate(_JSON_STRING.finditer(text)):
        if number >= MOST_VALUES:
            yield Piece(Field.JSON, "rest", text[found.start() :])
            return
        inner = found[1].replace('\\"', '"').replace("\\/", "/").replace("\\n", "\n")
        if found[2]:
            key = inner
        if inner and not (found[2] and _NAME.fullmatch(inner)):
            yield Piece(Field.JSON, "key" if found[2] else key, inner)
    if found is None:
        yield Piece(Field.JSON, "", body)


def _xml(body: bytes) -> Iterator[Piece]:
    """Yield attributes and texts. A declaration of entities is left in: it is what it looks like."""
    text = utf8(body)
    for number, found in enumerate(_XML_PIECE.finditer(text)):
        if number >= MOST_VALUES:
            yield Piece(Field.XML, "rest", text[found.start() :])
            return
        value = next((group for group in found.groups() if group), "")
        if value.strip():
            yield Piece(Field.XML, "", value)
