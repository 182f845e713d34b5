"""What names a person in free text, and how it is found and taken out. Pure.

An address, an id and a name are found where they stand for themselves, never as a part of a longer one: whoever is
called ann is not in joann@example.org. A name may be an ordinary word as well, so keys of a structure are only touched
where an address or an id stands in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

ERASED = "(erased)"
#: A shorter name is found in half of all texts; two signs of Chinese are a name.
_SHORTEST, _SHORTEST_WIDE = 4, 2
#: What may belong to the same identifier. Other scripts write no gap between words, so their letters do not count.
_SAME = r"A-Za-z0-9_\u00c0-\u024f@+-"
_FRONT, _BACK = rf"(?<![{_SAME}])(?<![{_SAME}]\.)", rf"(?![{_SAME}])(?!\.[A-Za-z0-9_])"


@dataclass(frozen=True)
class Identifiers:
    """The `sure` ones are addresses and ids, which are nothing else; `names` may be words of a language too."""

    sure: tuple[str, ...]
    names: tuple[str, ...] = ()

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """All of them, or None where nothing is long enough to be looked for."""
        return _any_of((*self.sure, *self.names))

    @cached_property
    def sure_pattern(self) -> re.Pattern[str] | None:
        """Addresses and ids alone."""
        return _any_of(self.sure)

    @property
    def searched(self) -> tuple[str, ...]:
        """The words that are looked for, as they may stand in a text, also in an address of the web."""
        return tuple(_spellings((*self.sure, *self.names)))

    @property
    def without_names(self) -> Identifiers:
        return Identifiers(self.sure)

    def stand_in(self, value: Any) -> bool:
        """Tell whether any of them stands in a text, or in any text of a JSON-able value."""
        return bool(self.removed_from(value) != value)

    def removed_from(self, value: Any) -> Any:
        """Return a text, or a JSON-able value, with `(erased)` in the place of each."""
        if isinstance(value, str):
            return self.pattern.sub(ERASED, value) if self.pattern else value
        if isinstance(value, Mapping):
            return {self._key(key): self.removed_from(inner) for key, inner in value.items()}
        return [self.removed_from(inner) for inner in value] if isinstance(value, list | tuple) else value

    def _key(self, key: Any) -> Any:
        return self.sure_pattern.sub(ERASED, key) if self.sure_pattern and isinstance(key, str) else key


def _any_of(words: Iterable[str]) -> re.Pattern[str] | None:
    # The longest first, so that an address goes whole and not only the name at its beginning.
    found = sorted(_spellings(words), key=len, reverse=True)
    return re.compile("|".join(map(_standing_alone, found)), re.IGNORECASE) if found else None


def _spellings(words: Iterable[str]) -> list[str]:
    found = [word for word in words if len(word) >= (_SHORTEST if word.isascii() else _SHORTEST_WIDE)]
    return list(dict.fromkeys([*found, *(word.replace("@", "%40") for word in found)]))


def _standing_alone(word: str) -> str:
    front = _FRONT if re.match(rf"[{_SAME}]", word[0]) else ""
    back = _BACK if re.match(rf"[{_SAME}]", word[-1]) else ""
    return front + re.escape(word) + back
