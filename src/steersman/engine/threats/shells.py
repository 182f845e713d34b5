"""Looks for a command that a shell, or an interpreter called like one, would run out of a value.

The evidence is a command where the grammar of a shell has one: behind a separator, in place of its output, behind
another that runs it, or at the beginning of the value with an argument that only a command gets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from steersman.engine.threats.shell_shapes import SHAPES
from steersman.engine.threats.shell_words import ALONE, CLIENTS, NAMES, ON_DRIVES, TAKEN, TOOLS, WORDS, WRAPPERS
from steersman.engine.threats.verdict import Kind, Sign

_PATHED = r"(?:[\"'\\]{0,2}(?:\.{0,2}/)?(?:(?:usr/)?(?:local/)?s?bin/)?)"
_RUN_BY = rf"(?:(?:{WRAPPERS})(?:\s{{1,9}}-\S{{1,20}}){{0,2}}\s{{1,9}}(?:\d{{1,4}}\s{{1,9}})?){{0,3}}"
_NAME = r"([a-z][a-z0-9_+-]{0,24})(?:\.\d{1,2}){0,2}(?:\.(?:exe|com|bat|sh)\b)?[\"']?"
_BEGINNING = re.compile(rf"[\s+|&;\"'`(]{{0,9}}({_RUN_BY}){_PATHED}{_NAME}")
#: Where the grammar has a command: behind a separator, and where its output is put in place.
_SEPARATED = re.compile(rf"[;|&\n]\s{{0,9}}({_RUN_BY}){_PATHED}{_NAME}")
_SUBSTITUTED = re.compile(rf"(?:\$\(|`|<\(|>\()\s{{0,9}}({_RUN_BY}){_PATHED}{_NAME}")
_ENDS = re.compile(r"\s{0,3}(?:$|[;|&`)]|[<>]{1,3}(?!=))")
_OPTION = re.compile(
    r"\s{1,9}(?:-{1,2}[a-z]|[/$~\\*?+%]|\.{1,2}(?:/|\s|$)|[a-z]:(?=[\\/\"'\s|;&]|$)|\d{1,6}\s*+$|[\"'][^\"']{0,60}[\"'])|\$ifs"
)
_DRIVE = re.compile(r"\s{1,3}[a-z]:(?:[\\/\"'\s|;&]|$)")
_SWITCH = re.compile(r"\s{0,3}/[a-z?]{1,9}(?![\w/])")
_PLACE = re.compile(r"(?:\s{1,3}\w{1,40}){0,2}\s{1,3}(?:-{1,2}[a-z]|[a-z]{2,8}://|[\w-]{1,60}(?:[.:/@\\,]\w|$)|/\w)")
_PLAIN_WORDS = re.compile(r"(?:\s{1,3}[a-z][\w.-]{0,30}){1,4}\s*+[\"']?$")
#: What a shell drops or expands to nothing, between the letters of a word.
_NOTHING = (
    r"(?:[\"'\\^]{1,2}|``|\$\(\)|[<>]\(\)|\$(?:[@*$!#?_-]|\d|\{[^{}]{0,20}\}|\(\([^()]{0,20}\)\)"
    r"|[a-z_]\w{0,7}(?![\w(.])))"
)
_TORN_WORD = re.compile(rf"[a-z]{_NOTHING}{{1,3}}[a-z]|(?:^|[;|&(`{{])\s{{0,9}}[a-z]{{2,9}}{_NOTHING}[\s,]")
_NOTHING_AT_ALL = re.compile(_NOTHING)
_MARKS_OF_TEARING = ("'", '"', "\\", "^", "`", "$", "()")
_PATH_OF_COMMAND = re.compile(r"(?:^|[;|&`(]\s{0,9}|[\s;|&`(\"'=])/?(?:usr/)?s?bin/[a-z?*\[\]]{2,12}\b")
#: What a shell takes for nothing and honest text does not hold.
_NO_QUOTES = ("``", "$(", "<()", ">()", "$@", "$*", "$$")
#: Wrappers that are words of English too.
_WRAPPERS_OF_ENGLISH = ("time", "exec", "command")
_ALL_IN_BACKTICKS = re.compile(r"[\s\"';|&]{0,9}`[^`]{1,200}`[\s\"';|&#]{0,9}")
#: Hidden files, and settings in a language that the server runs, also with what separates their ending torn.
_SETTINGS_FILE = re.compile(
    r"(?:^|[/\\])(?:\.[a-z][\w.-]{0,60}+$|web\.config$"
    r"|(?:[a-z]{0,12}[_-])?(?:settings?|config(?:uration)?|database|secrets?|credentials?)[\s._-]{1,4}(?:php\d?|inc|jsp|aspx?)\b)"
)
_MOST_TRIED = 40
_WORD = re.compile(r"[a-z_]\w*+")
_SHORT = 300


def shell_signs(
    text: str,
    present: frozenset[str],
    *,
    is_prose: bool = False,
    is_header: bool = False,
    is_file_name: bool = False,
) -> Iterator[Sign]:
    """Yield the evidence in a decoded value, whose words and characters are `present`. Linear in its length."""
    lowered = text.lower()
    if is_file_name and (found := _SETTINGS_FILE.search(lowered.strip())):
        yield _sign(52, "a file by whose name a server or a tool changes what it runs", found[0])
    for clue, seen in SHAPES.found(lowered, present):
        yield _sign(clue.weight, clue.what, seen)
    if is_prose:
        # Documents about a shell are full of its commands; what no sentence says by accident is above. But nobody
        # begins one with a separator, and prose behind an attack would otherwise hide it.
        lowered = lowered[:_SHORT] if _SEPARATED.match(lowered.lstrip()) or _SUBSTITUTED.match(lowered.lstrip()) else ""
    yield from _commands(lowered, is_header=is_header)
    if len(lowered) < _SHORT and any(mark in lowered for mark in _MARKS_OF_TEARING) and _TORN_WORD.search(lowered):
        joined = _NOTHING_AT_ALL.sub("", lowered)
        whole = frozenset(_WORD.findall(joined)).union(joined)
        for clue, seen in SHAPES.found(joined, whole):
            yield _sign(clue.weight * 0.95, clue.what + ", its letters torn apart", seen)
        for sign in _commands(joined, is_header=is_header):
            yield _sign(_torn(sign.weight, lowered), sign.what + ", its letters torn apart", sign.seen)


def _torn(weight: float, lowered: str) -> float:
    """Quotes stand in honest text too; what only a shell takes for nothing is there to hide a command."""
    return max(weight, 54) if any(mark in lowered for mark in _NO_QUOTES) or lowered.count('""') > 2 else weight * 0.95


def _sign(weight: float, what: str, seen: str) -> Sign:
    return Sign(Kind.COMMAND, weight, what, seen.strip()[:60])


def _commands(lowered: str, *, is_header: bool) -> Iterator[Sign]:
    if any(mark in lowered for mark in ("$(", "`", "<(", ">(")) and (seen := _first(_SUBSTITUTED, lowered)):
        strong = seen.startswith(("$(", "<(")) or "<<<" in lowered or _ALL_IN_BACKTICKS.fullmatch(lowered) is not None
        yield _sign(58 if strong else 30, "a command put in place of its output", seen)
    if any(mark in lowered for mark in ";|&\n") and (seen := _first(_SEPARATED, lowered)):
        yield _sign(54 if seen[0] in ";|&" else 25, "a command behind a separator of the shell", seen)
    if len(lowered) < _SHORT:
        yield from _whole(lowered.strip(), is_header=is_header)
    if "bin/" in lowered and (found := _PATH_OF_COMMAND.search(lowered)):
        weight = 54 if found.start() == 0 or found[0][0] in ";|&`(" else 25
        yield _sign(weight, "the path of a command", found[0])


def _first(pattern: re.Pattern[str], lowered: str) -> str:
    """The first place of that kind that holds a command, as it reads; or nothing."""
    for tried, found in enumerate(pattern.finditer(lowered)):
        if tried >= _MOST_TRIED:
            break
        if _is_command(found[2], lowered, found.end()):
            return lowered[found.start() : found.end() + 20]
    return ""


def _is_command(name: str, lowered: str, end: int) -> bool:
    """Whether a name with what is behind it is a command: words need an argument, names may stand alone."""
    bare = _known(name)
    if not bare:
        return False
    shapes = (_ENDS, _OPTION, _SWITCH, _PLACE) if bare in NAMES else (_ENDS, _OPTION)
    return any(shape.match(lowered, end) for shape in shapes)


def _whole(stripped: str, *, is_header: bool) -> Iterator[Sign]:
    """Weigh a value that is nothing but a command. Without a separator before it, it has to show that it is one."""
    found = _BEGINNING.match(stripped)
    if not found:
        return
    name, seen = _known(found[2]), stripped[: found.end() + 20]
    if not name:
        return
    is_command = _is_command(name, stripped, found.end())
    if found[1] and is_command and (name in NAMES or not found[1].startswith(_WRAPPERS_OF_ENGLISH)):
        yield _sign(54, "a command that runs another", seen)
    elif is_command and stripped[:1] in "|;&":
        yield _sign(52, "the value is a command", seen)
    elif name in ON_DRIVES and _DRIVE.match(stripped, found.end()):
        yield _sign(52, "the value is a command on a drive of Windows", seen)
    elif name in NAMES:
        yield from _bare(name, stripped, found.end(), is_header=is_header)


def _bare(name: str, stripped: str, end: int, *, is_header: bool) -> Iterator[Sign]:
    """Weigh a name at the beginning of a value, by what follows it. Headers hold no such words by accident."""
    seen = stripped[: end + 20]
    if name in ALONE and end == len(stripped):
        yield _sign(50, "the value is nothing but a command", seen)
    elif _OPTION.match(stripped, end) or _SWITCH.match(stripped, end):
        yield _sign(53, "the value is a command with its options", seen)
    elif _PLACE.match(stripped, end):
        yield _sign(
            50 if is_header or name in TOOLS or name in TAKEN else 40, "the value is a command with an argument", seen
        )
    elif (name in TOOLS or is_header) and _PLAIN_WORDS.match(stripped, end):
        yield _sign(50 if is_header else 35, "the value is a command of a tool", seen)
    elif is_header and len(name) > 4 and name not in CLIENTS and end == len(stripped):
        yield _sign(50, "the name of a command in a header", seen)
    elif stripped.endswith((";", "|")) and _ENDS.match(stripped, end):
        yield _sign(51, "the value is a command that is ended", seen)
    elif stripped[:1] in "/\"'" and _ENDS.match(stripped, end):
        yield _sign(52 if stripped[0] == "/" else 30, "the value is a command", seen)


def _known(name: str) -> str:
    """The name of a command without its version, or nothing."""
    bare = name if name in NAMES or name in WORDS else name.rstrip("0123456789")
    return bare if bare in NAMES or bare in WORDS else ""
