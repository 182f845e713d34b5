"""What hides personal data by a policy: which kinds, and how much of each stays to be told apart by.

`form` keeps a few signs of each kind as `mask` does, `last4` the last four letters or digits, and `nothing` only says
what stood there. A secret is hidden whole whatever the policy says. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Literal

from steersman.engine.personal.kinds import SECRETS, Found, Kind
from steersman.engine.personal.masking import HIDDEN, mask
from steersman.engine.personal.recognising import recognise

Keep = Literal["form", "last4", "nothing"]
_LAST = 4


def hiding(hide: Collection[str], spare: Collection[str], keep: Keep) -> Callable[[str], str]:
    """Return what hides these kinds, all of them where none is named; raises `ValueError` for an unknown one."""
    kinds = (frozenset(map(Kind, hide)) or frozenset(Kind)) - frozenset(map(Kind, spare))
    if keep == "form":
        return partial(mask, kinds=kinds)
    return partial(_hide, kinds, _last_four if keep == "last4" else _only_kind)


def _hide(kinds: frozenset[Kind], shown: Callable[[Found, str], str], text: str) -> str:
    parts, at = [], 0
    for one in recognise(text, kinds):
        parts += [text[at : one.start], shown(one, text[one.start : one.end])]
        at = one.end
    return "".join([*parts, text[at:]]) if parts else text


def _only_kind(found: Found, _text: str) -> str:
    return f"({found.kind.value})"


def _last_four(found: Found, text: str) -> str:
    if found.kind in SECRETS:
        return HIDDEN
    places = [place for place, sign in enumerate(text) if sign.isalnum()]
    # Of a short number four signs would be most of it.
    hidden = set(places[: len(places) - min(_LAST, len(places) // 3)])
    return "".join("*" if place in hidden else sign for place, sign in enumerate(text))
