"""Series selectors as in Prometheus: `name{label="value", other=~"a|b"}[5m] offset 1h`. PromQL is not read here."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

from steersman.engine.series.matching import matching_values
from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATOR = re.compile(r"=~|!~|!=|=")
_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'|`([^`]*)`')
#: From the largest unit to the smallest, each at most once.
_UNITS = ("y", "w", "d", "h", "m(?!s)", "s", "ms")
_DURATION = re.compile(r"(?=\d)" + "".join(rf"(?:\d{{1,15}}{unit})?" for unit in _UNITS), re.ASCII)
_DURATION_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_ESCAPE = re.compile(r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))")
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
#: Prometheus counts nanoseconds in an int64, so its durations end after 292 years.
_LONGEST_MS = (2**63 - 1) // 1_000_000


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
    total = sum(int(number) * _UNIT_MS[unit] for number, unit in _DURATION_PART.findall(text))
    if total > _LONGEST_MS:
        raise InvalidInput(f"the duration {text} is out of range")
    return total


def _unescape(match: re.Match[str]) -> str:
    plain, *numbers, octal, unknown = match.groups()
    if plain:
        return _PLAIN[plain]
    code = int(octal, 8) if octal else next((int(number, 16) for number in numbers if number), -1)
    if unknown or not 0 <= code <= sys.maxunicode or 0xD800 <= code < 0xE000:
        raise InvalidInput(f"parse error: {match.group()} is not an escape sequence of a character")
    return chr(code)


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
    # Every matcher is tried on an absent label, which also tells whether its regular expression is valid.
    accepts_absence = [matching_values(matcher, [""])[0] for matcher in matchers]
    if all(accepts_absence):
        raise InvalidInput("1:1: parse error: vector selector must contain at least one non-empty matcher")
    span = None
    if reader.take_word("["):
        span = duration_ms(reader.need(_DURATION, "a duration"))
        if not span:
            raise reader.error("the duration of a range must be greater than 0")
        if not reader.take_word("]"):
            raise reader.error('expected "]"')
    offset = 0
    if reader.take_word("offset"):
        sign = -1 if reader.take_word("-") else 1
        offset = sign * duration_ms(reader.need(_DURATION, "a duration"))
    if reader.at != len(text):
        raise reader.error("only selectors can be asked so far, without functions and operators")
    return Selector(tuple(matchers), span, offset)


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Read a selector that names series and no samples, so without a range or an offset; raises `InvalidInput`."""
    selector = parse(text)
    if selector.range_ms is not None or selector.offset_ms:
        raise InvalidInput(
            f"parse error: {text!r} selects samples, and series are asked for: leave out range and offset"
        )
    return selector.matchers
