"""Series selectors as in Prometheus: `name{label="value", other=~"a|b"}[5m] offset 1h`. PromQL is not read here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATOR = re.compile(r"=~|!~|!=|=")
_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'|`([^`]*)`')
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_DURATION_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_ESCAPE = re.compile(r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))")
_SPACE = re.compile(r"\s*(?:#[^\n]*\s*)*")

_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"'}
_UNIT_MS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
    "y": 365 * 86_400_000,
}


@dataclass(frozen=True, slots=True)
class Selector:
    """Matchers; `range_ms` is None for the last value and a span for all values in it; `offset_ms` looks back."""

    matchers: tuple[Matcher, ...]
    range_ms: int | None = None
    offset_ms: int = 0


def duration_ms(text: str) -> int:
    """Read a Prometheus duration such as `1h30m`; raises `InvalidInput`."""
    if not _DURATION.fullmatch(text):
        raise InvalidInput(f"not a duration: {text!r}; write for example 30s, 5m or 1h30m")
    return sum(int(number) * _UNIT_MS[unit] for number, unit in _DURATION_PART.findall(text))


def _unescape(match: re.Match[str]) -> str:
    plain, *numbers, octal = match.groups()
    if plain:
        return _PLAIN[plain]
    code = next((int(number, 16) for number in numbers if number), None)
    return chr(int(octal, 8) if code is None else code)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.take(_SPACE)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Consume a pattern and the space behind it, if it stands here."""
        found = pattern.match(self.text, self.at)
        if found and pattern is not _SPACE:
            self.at = found.end()
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return found

    def take_word(self, word: str) -> bool:
        return self.take(re.compile(re.escape(word))) is not None

    def need(self, pattern: re.Pattern[str], what: str) -> str:
        found = self.take(pattern)
        if found is None:
            raise self.error(f"expected {what}")
        return found.group()

    def string(self) -> str:
        found = self.take(_STRING)
        if found is None:
            raise self.error("expected a quoted string")
        double, single, raw = found.groups()
        return raw if raw is not None else _ESCAPE.sub(_unescape, double if double is not None else single)

    def error(self, problem: str) -> InvalidInput:
        rest = self.text[self.at : self.at + 20] or "the end"
        return InvalidInput(f"1:{self.at + 1}: parse error: {problem}, found {rest!r}")


def _matchers(reader: _Reader) -> list[Matcher]:
    matchers: list[Matcher] = []
    while not reader.take_word("}"):
        if matchers and not reader.take_word(","):
            raise reader.error('expected "," or "}"')
        if matchers and reader.take_word("}"):
            break
        name = reader.need(_LABEL, "a label name")
        operator = MatchOp(reader.need(_OPERATOR, "one of = != =~ !~"))
        matchers.append(Matcher(name, operator, reader.string()))
    return matchers


def _accepts_absence(matcher: Matcher) -> bool:
    """Say whether a series without the label fulfils the matcher."""
    try:
        absent = re.fullmatch(matcher.value, "") is not None
    except re.error:
        absent = False
    match matcher.op:
        case MatchOp.EQUAL:
            return not matcher.value
        case MatchOp.NOT_EQUAL:
            return bool(matcher.value)
        case MatchOp.REGEX:
            return absent
        case MatchOp.NOT_REGEX:
            return not absent


def parse(text: str) -> Selector:
    """Read one selector; raises `InvalidInput` with the position of what is wrong."""
    reader = _Reader(text)
    matchers: list[Matcher] = []
    if name := reader.take(_NAME):
        matchers.append(Matcher(METRIC_NAME, MatchOp.EQUAL, name.group()))
    if reader.take_word("{"):
        matchers += _matchers(reader)
    elif not name:
        raise reader.error("expected a metric name or {")
    if all(map(_accepts_absence, matchers)):
        raise InvalidInput("1:1: parse error: vector selector must contain at least one non-empty matcher")
    span = None
    if reader.take_word("["):
        span = duration_ms(reader.need(_DURATION, "a duration"))
        if not reader.take_word("]"):
            raise reader.error('expected "]"')
    offset = 0
    if reader.take_word("offset"):
        sign = -1 if reader.take_word("-") else 1
        offset = sign * duration_ms(reader.need(_DURATION, "a duration"))
    if reader.at != len(text):
        raise reader.error("only selectors can be asked so far, without functions and operators")
    return Selector(tuple(matchers), span, offset)
