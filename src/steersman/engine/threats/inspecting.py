"""Puts the steps together: cut, decode, look, weigh, say why.

`inspect` is what guards live traffic and what reads a file of recorded requests: the same function, so that a verdict
can be repeated. It reads no clock, remembers nothing and never raises because of what is in a request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from steersman.engine.threats.decoding import Decoded, decode, text_of
from steersman.engine.threats.paths import path_signs
from steersman.engine.threats.request import Piece, Request, parse, pieces, utf8
from steersman.engine.threats.screen import is_plain
from steersman.engine.threats.shells import shell_signs
from steersman.engine.threats.sql import is_prose, sql_signs
from steersman.engine.threats.sql_lexer import lex
from steersman.engine.threats.verdict import OBSERVED_ONLY, THRESHOLD, Field, Kind, Sign, Verdict, strength_of
from steersman.engine.threats.window import MOST_STRETCHES, windows
from steersman.engine.threats.xss import xss_signs

_KINDS = (Kind.SQL, Kind.XSS, Kind.COMMAND, Kind.PATH)
#: In these the value names a file.
_OF_FILES = frozenset({Field.PATH, Field.FILE_NAME})
#: In these fields a plus is a space.
_FORMS = frozenset({Field.QUERY, Field.FORM, Field.PATH})
#: Characters of one request that are looked at, over all its values together.
MOST_CHARACTERS = 64 * 1024
#: Stretches that are looked at in what is behind those, for each kind of field.
_STRETCHES_BEHIND = 4
#: Values of one request that are looked at one by one: each has a cost of its own, however short it is.
MOST_PIECES = 1024
_SHOWN = 200
_NOTHING = Verdict(Kind.NONE, 0.0, "nothing was found")
#: The fields whose values come again with each request of the same client, and hold no password: what is remembered is
#: their verdict. It changes the time and no answer.
_REPEATED = frozenset({Field.HEADER, Field.PATH})
_LONGEST_REPEATED = 512


@lru_cache(maxsize=1024)
def _remembered(value: str, field: Field) -> Verdict:
    return inspect_value(value, field)


def inspect(request: Request | str | bytes, free_text: Collection[str] = ()) -> Verdict:
    """Return the verdict on a whole request: that of its worst value, with where it sits.

    `request` may be raw text as it came over the wire. `free_text` names the parameters (of query, form or JSON) that
    hold prose by their schema, such as prompts and documents: in those the detector only observes. The work is bounded:
    `MOST_CHARACTERS` in `MOST_PIECES` values are looked at closely, and of what is behind them what a screen finds
    suspicious; the reason says so. Never raises.
    """
    asked = request if isinstance(request, Request) else parse(request)
    worst, highest, seen = _NOTHING, (False, 0.0, 0), 0
    behind: dict[Field, list[str]] = {}
    for number, piece in enumerate(_distinct(pieces(asked, free_text))):
        if seen >= MOST_CHARACTERS or number >= MOST_PIECES:
            behind.setdefault(piece.field, []).append(text_of(piece.value))
            continue
        found = _of_piece(piece)
        seen += found.looked_at or len(piece.value)
        if found.score and (rank := (*_rank(found), -len(piece.value))) > highest:
            # Of two that say the same, the shorter one says it better.
            highest, worst = rank, _at(found, piece.where)
    for field, values in behind.items():
        found = _judged("\n".join(values), field, _STRETCHES_BEHIND)
        seen += found.looked_at
        if _rank(found) > highest[:2]:
            highest, worst = (*_rank(found), 0), _at(found, f"{field} behind the first {MOST_CHARACTERS} characters")
    note = f"; looked closely at {seen} characters, and screened what is behind them" if behind else ""
    return replace(worst, looked_at=seen, reason=worst.reason + note)


def _of_piece(piece: Piece) -> Verdict:
    if piece.field in _REPEATED and isinstance(piece.value, str) and len(piece.value) <= _LONGEST_REPEATED:
        return _remembered(piece.value, piece.field)
    return inspect_value(piece.value, piece.field)


def _at(found: Verdict, where: str) -> Verdict:
    return replace(found, where=where, reason=f"{where}: {found.reason}")


def inspect_value(value: str | bytes, field: Field = Field.QUERY) -> Verdict:
    """Return the verdict on one value that sits in a field of that kind. Bounded work; never raises."""
    return _judged(value, field, MOST_STRETCHES)


def _judged(value: str | bytes, field: Field, most_stretches: int) -> Verdict:
    text = value if isinstance(value, str) else text_of(value)
    if is_plain(text, is_target=field in _OF_FILES):
        return _NOTHING
    chosen = windows(text, most_stretches)
    verdicts = [_look(decode(piece, plus_is_space=field in _FORMS), field) for piece in chosen.pieces]
    worst = max(verdicts, key=_rank)
    worst = replace(worst, looked_at=sum(len(piece) for piece in chosen.pieces))
    if chosen.note:
        worst = replace(worst, reason=f"{worst.reason}; {chosen.note}")
    if field in OBSERVED_ONLY and worst.is_attack:
        reason = f"only observed, because the field holds free text: {worst.reason}"
        return replace(worst, kind=Kind.NONE, observed=worst.kind, reason=reason)
    return worst


def inspect_pieces(
    method: str,
    target: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes = b"",
    content_type: str = "",
    free_text: Collection[str] = (),
) -> Verdict:
    """Return the verdict on a request in pieces, as a server has them: `inspect` without putting it together first.

    `target` is the raw path with `?` and the raw query, not decoded. `content_type` is that of the headers unless it is
    given. Never raises.
    """
    pairs = [(name.decode("latin-1"), utf8(value)) for name, value in headers]
    if content_type:
        pairs.insert(0, ("content-type", content_type))
    return inspect(Request(method, utf8(target), tuple(pairs), body), free_text)


def _rank(verdict: Verdict) -> tuple[bool, float]:
    return verdict.is_attack, verdict.score


def _distinct(found: Iterable[Piece]) -> Iterator[Piece]:
    """Leave out what was there before: the same name or value a hundred times costs once."""
    known: set[tuple[Field, str | bytes, bool]] = set()
    for piece in found:
        key = (piece.field, piece.value, bool(piece.name))
        if key not in known:
            known.add(key)
            yield piece


def _look(decoded: Decoded, field: Field) -> Verdict:
    text = decoded.text
    if not _is_worth_a_look(text):
        return Verdict(Kind.NONE, 0.0, "nothing was found", text[:_SHOWN])
    lowered = text.lower()
    tokens = lex(lowered)
    present = tokens.present.union(lowered)
    prose = is_prose(tokens) or _is_of_another_script(text)
    signs = [
        *sql_signs(text, tokens),
        *xss_signs(text, present, decoded.layers, is_prose=prose, is_header=field is Field.HEADER),
        *shell_signs(
            text,
            present,
            is_prose=prose,
            is_header=field is Field.HEADER,
            is_file_name=field is Field.FILE_NAME,
        ),
        *path_signs(text, present, decoded.layers, is_prose=prose, is_target=field is Field.PATH),
    ]
    return _weigh(signs, decoded)


def _is_worth_a_look(text: str) -> bool:
    """Whether it is more than a short number."""
    return bool(text.strip()) and not (len(text) < 10 and text.isdigit())


def _is_of_another_script(text: str) -> bool:
    """Whether most of a longer text is written in letters beyond ASCII, as prose is in most languages of Asia."""
    return not text.isascii() and len(text) > 60 and len(text.encode("utf-8", "surrogatepass")) > 1.8 * len(text)


def _weigh(signs: Sequence[Sign], decoded: Decoded) -> Verdict:
    """Name the kind with the most evidence, and say what was seen."""
    strengths = {kind: strength_of(sign.weight for sign in signs if sign.kind is kind) for kind in _KINDS}
    leading = max(_KINDS, key=strengths.__getitem__)
    score = round(min(100.0, strengths[leading]), 1)
    shown = decoded.text[:_SHOWN]
    told = sorted((sign for sign in signs if sign.kind is leading), key=lambda sign: -sign.weight)
    if not told:
        return Verdict(Kind.NONE, 0.0, "nothing was found", shown)
    reason = "; ".join(dict.fromkeys(f"{sign.what} ({sign.seen!r})" for sign in told[:3]))
    if decoded.layers:
        reason += f"; behind {', '.join(dict.fromkeys(decoded.layers))}"
    if score < THRESHOLD:
        return Verdict(Kind.NONE, score, f"too little to act upon: {reason}", shown, signs=tuple(told))
    return Verdict(leading, score, reason, shown, observed=leading, signs=tuple(told))
