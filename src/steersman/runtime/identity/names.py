"""Names of accounts: what a person may be called, and the one form under which an account is found.

Two spellings that look alike to a person must not be two accounts, so a name is folded (NFKC, case) before it is
compared, and one that mixes scripts in the way of look-alikes is not given out. A name that cannot be one is simply
unknown: signing in with it fails like any other.
"""

from __future__ import annotations

import re
import unicodedata

from steersman.model.errors import InvalidInput
from steersman.runtime.database.personal import NOT_PEOPLE

_SHAPE = re.compile(r"[\w.@+-]{1,64}")
_LONGEST_GIVEN = 256
#: Scripts that are written side by side every day; any other pair in one name is taken for a disguise.
_TOGETHER = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL"})


def folded(name: str) -> str | None:
    """Return the form under which an account of this name is found, or None where it can be no name."""
    if len(name) > _LONGEST_GIVEN:
        return None
    # Folding the case of what NFKC made may leave something that NFKC changes again.
    form = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return form if _SHAPE.fullmatch(form) else None


def checked_name(name: str) -> str:
    """Return the folded name of a new account; raises `InvalidInput` for one that is not given out."""
    form = folded(name)
    if form is None:
        raise InvalidInput("a name has 1 to 64 letters, digits and . _ @ + -, and no spaces")
    if form in NOT_PEOPLE:
        raise InvalidInput("this is what the platform calls itself in its journal")
    if any(sign.isdigit() and not sign.isascii() for sign in form):
        raise InvalidInput("the digits of a name are 0 to 9")
    scripts = {_script(sign) for sign in form if sign.isalpha()}
    if len(scripts) > 1 and not scripts <= _TOGETHER:
        raise InvalidInput("a name does not mix scripts whose letters look alike")
    return form


def _script(letter: str) -> str:
    """Return the script as the letter's own name begins: LATIN SMALL LETTER A, CYRILLIC SMALL LETTER A."""
    return unicodedata.name(letter, "UNNAMED").split(" ", 1)[0]
