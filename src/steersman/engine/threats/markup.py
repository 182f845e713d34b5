"""Cuts markup out of a value: tags with what is written in them, as a forgiving browser would read them.

A browser takes `<svg/onload=...`, `<script` without an end and tags in any case; so does this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST_TAGS = 64
_TAG = re.compile(r"<(\s*+/?\s*+)([a-z!?%:][\w:.!-]*+)([^<>]{0,600}+)(>?)")

#: Tags that run something, load something or change how the rest of the page is read.
_NAMES_OF_RUNNING = """
    script iframe frame frameset embed object applet svg math link meta base style import layer ilayer bgsound xml
    xss noscript template foreignobject animate animatetransform animatemotion handler listener vmlframe isindex
    marquee server nolayer comment fn audio portal fencedframe noembed noframes plaintext
"""
RUNNING = frozenset(_NAMES_OF_RUNNING.split())
#: Tags that nobody writes in angle brackets for anything but markup.
_NAMES_OF_PLAIN = """
    html head body img image video audio input button textarea form table thead tbody td tr th div span br hr ul
    ol li dl dt dd h1 h2 h3 h4 h5 h6 center font strong em blink blockquote fieldset keygen canvas nobr details
    dialog picture pre p a b i u s q tt
"""
PLAIN = frozenset(_NAMES_OF_PLAIN.split())
#: Tags whose name is a word that people put into angle brackets as a placeholder: alone they say little.
_NAMES_OF_AMBIGUOUS = """
    address area article aside basefont cite code col command data datalist del dir figure footer header ins kbd
    label legend main map mark menu nav option output param progress section select slot small source sub summary
    sup time title track var abbr acronym set
"""
AMBIGUOUS = frozenset(_NAMES_OF_AMBIGUOUS.split())


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag as it stands there. `inside` is everything between its name and its end."""

    name: str
    inside: str
    closes: bool
    ended: bool
    text: str


def tags(lowered: str) -> Iterator[Tag]:
    """Yield the tags of a text in lower case, at most `MOST_TAGS`. Linear in its length."""
    for number, found in enumerate(_TAG.finditer(lowered)):
        if number >= MOST_TAGS:
            return
        name = found[2].rpartition(":")[2] if ":" in found[2] and found[2][0] != "?" else found[2]
        yield Tag(name, found[3], "/" in found[1], bool(found[4]), found[0][:80])
