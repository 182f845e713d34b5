"""Matchers over label values. Regular expressions run in RE2 through Arrow, so a hostile one cannot explode."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from steersman.model.errors import InvalidInput
from steersman.model.labels import Matcher, MatchOp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Expressions that are just words and bars, such as `api|web`, need no regular-expression engine.
_WORDS = re.compile(r"[\w/ :,-]*(\|[\w/ :,-]*)*\Z")
_ANYTHING = {".*": 0, ".+": 1}


def matching_values(matcher: Matcher, values: Sequence[str]) -> list[bool]:
    """Say for every value whether it fulfils the matcher. Raises `InvalidInput` for a bad regular expression."""
    match matcher.op:
        case MatchOp.EQUAL:
            return [value == matcher.value for value in values]
        case MatchOp.NOT_EQUAL:
            return [value != matcher.value for value in values]
        case MatchOp.REGEX:
            return _full_matches(matcher.value, values)
        case MatchOp.NOT_REGEX:
            return [not hit for hit in _full_matches(matcher.value, values)]


def fulfils(labels: Mapping[str, str], matchers: Sequence[Matcher]) -> bool:
    """Say whether one label set fulfils all matchers; a label that is absent has the empty value."""
    return all(matching_values(matcher, [labels.get(matcher.name, "")])[0] for matcher in matchers)


def _full_matches(pattern: str, values: Sequence[str]) -> list[bool]:
    if pattern in _ANYTHING:
        return [len(value) >= _ANYTHING[pattern] for value in values]
    if _WORDS.match(pattern):
        words = set(pattern.split("|"))
        return [value in words for value in values]
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        # `(?s)` because a dot matches line breaks too in a Prometheus matcher.
        hits = pc.match_substring_regex(pa.array(values, pa.string()), f"^(?s:{pattern})$")
    except pa.ArrowInvalid as error:
        raise InvalidInput(f"the regular expression {pattern!r} is not valid: {error}") from error
    found: list[bool] = hits.to_pylist()
    return found
