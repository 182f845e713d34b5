"""The comment lines of a scraped page: HELP, TYPE and, in OpenMetrics, UNIT."""

from __future__ import annotations

import re
from functools import lru_cache

from steersman.engine.decode.exposition_line import Grammar
from steersman.model.errors import InvalidInput
from steersman.model.telemetry import MetricMetadata, MetricType

_COMMENT = re.compile(
    r'#[ \t]+(HELP|TYPE|UNIT)[ \t]+(?:([a-zA-Z_:][a-zA-Z0-9_:]*)|"((?:[^"\\]|\\.)*)")(?:[ \t]+(.*))?', re.DOTALL
)
_TYPES = {"untyped": MetricType.UNKNOWN} | {type_.value: type_ for type_ in MetricType}
_ESCAPE = re.compile(r'\\[\\"n]')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


# The comments of a page hardly ever change from one scrape to the next.
@lru_cache(maxsize=256)
def parse_metadata(comments: tuple[bytes, ...], grammar: Grammar) -> tuple[MetricMetadata, ...]:
    """Return what the comments say about each family; raises `InvalidInput` for a malformed one."""
    families: dict[str, dict[str, str]] = {}
    for comment in comments:
        found = _parse(comment, grammar)
        if found:
            kind, name, content = found
            families.setdefault(name, {})[kind] = content
    return tuple(
        MetricMetadata(
            name, _TYPES[said.get("TYPE", "unknown")], help=_unescape(said.get("HELP", "")), unit=said.get("UNIT", "")
        )
        for name, said in families.items()
    )


def _parse(comment: bytes, grammar: Grammar) -> tuple[str, str, str] | None:
    try:
        text = comment.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the comment {comment!r:.80} is not UTF-8") from error
    match = _COMMENT.fullmatch(text)
    if match is None or (match[1] == "UNIT" and grammar is Grammar.TEXT):
        if grammar is Grammar.OPENMETRICS:
            raise InvalidInput(f"OpenMetrics has no comments but HELP, TYPE, UNIT and EOF; this one is {text!r:.80}")
        return None
    kind, content = match[1], match[4] or ""
    if kind == "TYPE" and content.strip() not in _TYPES:
        raise InvalidInput(f"{content!r:.40} is not a metric type")
    return kind, match[2] or _unescape(match[3]), content if kind == "HELP" else content.strip()


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], text) if "\\" in text else text
