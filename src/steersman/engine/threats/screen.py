"""Lets the values pass that cannot be an attack, before anything is decoded or cut into words.

Most values are a number, a name, a time or an id. What consists of letters, digits and a few signs that no interpreter
reads anything into, and has no word in it that any of them knows, is none of the detector's business. Whatever passes
here gets the same verdict from the full look: a test holds that.
"""

from __future__ import annotations

import re

from steersman.engine.threats.paths import KEYS
from steersman.engine.threats.shell_shapes import POWERSHELL
from steersman.engine.threats.shell_words import NAMES, ON_DRIVES, WRAPPERS
from steersman.engine.threats.sql import EDGE, FLOAT_TRICK
from steersman.engine.threats.sql_lexer import PART_OF

_LONGEST = 512
#: No quotes, brackets, separators or encodings; no two hyphens or dots in a row; no sign at the beginning.
_PLAIN = re.compile(r"/?[A-Za-z0-9](?:[A-Za-z0-9_, ]|@(?!@)|:(?!/)|[-.](?![-./+])|/(?!\.))*+")
_NAME = re.compile(r"[a-z][a-z0-9_+-]*+")
_WORD = re.compile(r"[a-z_][a-z0-9_]*+")
#: Parts that are nothing without brackets, quotes or operators around them, or nothing at all.
_HARMLESS = frozenset("nefgkx")
_NAMES_OF_SCRIPT = """
    alert atob background binding caches confirm constructor data document ecmascript eval expression frames
    fromcharcode getscript globaleval globalthis history href importscripts indexeddb innerhtml javascript jsfuck
    livescript localstorage location mocha ng opener outerhtml parent parentnode parsehtml postmessage prompt script
    self serviceworker sessionstorage sharedworker src srcdoc style throw top trustedtypes vbscript window
"""
_OF_SCRIPT = frozenset(_NAMES_OF_SCRIPT.split())
#: Words that begin a command without a separator before them.
_OF_SHELLS = NAMES | ON_DRIVES | frozenset(WRAPPERS.split("|")) | {"set", "if", "for", "bin", "sbin", "home"}
_NOTABLE = _OF_SCRIPT | _OF_SHELLS


def is_plain(value: str, *, is_target: bool = False) -> bool:
    """Whether a value needs no look. Linear in its length, which is bounded.

    The name of a file in a target has to be looked at.
    """
    if len(value) > _LONGEST or value[1:2] == ":" or not _PLAIN.fullmatch(value):
        return False
    if value[0].isdigit() and ("0x" in value or EDGE.fullmatch(value)):
        return False
    if is_target and "." in value:
        return False
    lowered = value.lower()
    if ".e" in lowered and FLOAT_TRICK.search(lowered):
        return False
    words = _WORD.findall(lowered)
    if "-" in lowered and (not NAMES.isdisjoint(_NAME.findall(lowered)) or POWERSHELL.search(lowered)):
        return False
    if ("/" in lowered or "." in lowered) and not KEYS.isdisjoint(words):
        return False
    return _NOTABLE.isdisjoint(words) and _HARMLESS.issuperset(map(PART_OF.__getitem__, words))
