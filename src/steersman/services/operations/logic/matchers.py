"""Alertmanager's matchers, such as `severity=~"warning|critical"`: what a client may filter alerts by."""

from __future__ import annotations

import re
from collections.abc import Sequence

from steersman.model.errors import InvalidInput
from steersman.model.labels import Matcher, MatchOp

_MATCHER = re.compile(r'\s*"?([^"=!~\s{},]+)"?\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"\s]*))\s*', re.DOTALL)
#: Longer ones have no use here.
_LONGEST = 1_000


def matchers(texts: Sequence[str]) -> list[Matcher]:
    """Read matchers; raises `InvalidInput` that names the one that cannot be read."""
    return [_matcher(text) for text in texts]


def _matcher(text: str) -> Matcher:
    found = _MATCHER.fullmatch(text[: _LONGEST + 1])
    if found is None or len(text) > _LONGEST:
        raise InvalidInput(f'filter: {text[:80]!r} is no matcher such as severity="critical"')
    name, operator, quoted, bare = found.groups()
    value = bare if quoted is None else re.sub(r'\\(["\\])', r"\1", quoted)
    return Matcher(name, MatchOp(operator), value)
