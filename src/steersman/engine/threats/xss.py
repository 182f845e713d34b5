"""Looks for script that a browser would run out of a value.

The evidence is markup that runs or loads something, handlers of events, addresses that are script, an end to the
attribute, the comment or the script around the value, calls and objects of a page, style that runs, and templates that
compute. Plain markup counts as well where a field has no use for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from steersman.engine.threats.markup import AMBIGUOUS, PLAIN, RUNNING, Tag, tags
from steersman.engine.threats.verdict import Kind, Sign
from steersman.engine.threats.xss_shapes import (
    AT_THE_BEGINNING,
    ATTRIBUTE,
    OBJECT_BEFORE_A_COMMENT,
    OF_FRAMEWORKS,
    SQUEEZED,
    WHOLE,
)

#: Browsers skip white space inside a scheme; whoever tears one by others relies on filters that drop them.
_SQUEEZED_OUT = "\\^~|*!?%$#"
_TORN_BY = re.compile(r"/\*[^*]{0,40}\*/|<!--[^>]{0,20}-->")
_HANDLER = re.compile(
    r"(?:^|(?<=[\s\"'`/;<&?(|>+=,\x0c\d)\]}]))on([a-z]{3,60})(?:[\s!#$%&()*~+_.,:;?@\[/"
    r"|\\\]^`-]{0,40}?)=(?!=)"
)
#: Where tags are dropped and no more is done, what stands on both sides of one comes together.
_TORN_BY_TAGS = re.compile(r"<(?<=[a-z]<)/?[a-z]\w{0,15}>(?=[a-z(`])")
_COMMENT = re.compile(r"/\*[^*]{0,200}\*/|//[^\n]{0,200}\n")
_WORD = re.compile(r"[a-z_]\w*+")
_ANY_TAG = re.compile(r"</?[a-z]")
_WORTH_SQUEEZING = (":", "@", "expression", "<")
_IN_PROSE = 0.6
_ODD_LAYERS = frozenset({"UTF-7", "seven bits"})
#: Words of English and of code that look like the name of a handler.
_NO_HANDLERS = frozenset({"ce", "ly", "es", "line", "going", "set", "to", "tology", "ward"})
_NAMES_OF_EVENTS = """
    abort activate afterprint animationcancel animationend animationiteration animationstart auxclick
    beforeactivate beforecopy beforecut beforeinput beforepaste beforeprint beforetoggle beforeunload begin blur
    bounce cancel canplay canplaythrough change click close contextmenu copy cuechange cut dblclick drag dragend
    dragenter dragleave dragover dragstart drop durationchange emptied end ended error finish focus focusin
    focusout formdata fullscreenchange gotpointercapture hashchange input invalid keydown keypress keyup
    languagechange load loadeddata loadedmetadata loadend loadstart message messageerror mousedown mouseenter
    mouseleave mousemove mouseout mouseover mouseup mousewheel offline online pagehide pageshow paste pause play
    playing pointercancel pointerdown pointerenter pointerleave pointermove pointerout pointerover
    pointerrawupdate pointerup popstate progress propertychange ratechange readystatechange repeat reset resize
    scroll scrollend search securitypolicyviolation seeked seeking select selectionchange selectstart show
    slotchange stalled start storage submit suspend timeupdate toggle touchcancel touchend touchmove touchstart
    transitioncancel transitionend transitionrun transitionstart unhandledrejection unload volumechange waiting
    wheel zoom
"""
_EVENTS = frozenset(_NAMES_OF_EVENTS.split())


def xss_signs(
    text: str,
    present: frozenset[str],
    layers: tuple[str, ...] = (),
    *,
    is_prose: bool = False,
    is_header: bool = False,
) -> Iterator[Sign]:
    """Yield the evidence in a decoded value that lay behind `layers`; `present` are its words and characters.
    Linear in its length.

    Prose about script is full of its names, so that there those count less; tags and their handlers count the same.
    """
    lowered = text.lower()
    if "<" in lowered:
        yield from _markup(lowered, is_prose=is_prose)
        if _ODD_LAYERS.intersection(layers) and _ANY_TAG.search(lowered):
            yield _sign(52, "markup in an encoding that no honest client uses", ", ".join(layers))
    whole = _TORN_BY_TAGS.sub("", lowered) if "<" in lowered and ">" in lowered else lowered
    if whole != lowered:
        present = present.union(_WORD.findall(whole))
    for sign in _script(whole, present, is_header=is_header):
        yield replace(sign, weight=sign.weight * _IN_PROSE) if is_prose else sign


def _script(lowered: str, present: frozenset[str], *, is_header: bool) -> Iterator[Sign]:
    if "/*" in lowered or "//" in lowered:
        if found := OBJECT_BEFORE_A_COMMENT.search(lowered):
            yield _sign(52, "an object of the page, and a comment that tears it apart", found[0])
        lowered = _COMMENT.sub(" ", lowered)
    if "=" in lowered and (any(word.startswith("on") for word in present) or (is_header and "on" in lowered)):
        yield from _handlers(lowered, is_header=is_header)
    for clue, seen in AT_THE_BEGINNING.found(lowered.strip(), present, at_start=True):
        yield _sign(clue.weight, clue.what, seen)
    for clue, seen in WHOLE.found(lowered, present):
        yield _sign(clue.weight, clue.what, seen)
    if any(mark in lowered for mark in _WORTH_SQUEEZING):
        whole = _TORN_BY.sub("", lowered) if "/*" in lowered or "<!--" in lowered else lowered
        for clue, seen in SQUEEZED.found(_squeezed(whole), present):
            yield _sign(clue.weight, clue.what, seen)


def _squeezed(text: str) -> str:
    """Take out what may tear a scheme apart. `translate` would be slower by far."""
    text = "".join(text.split())
    for mark in _SQUEEZED_OUT:
        if mark in text:
            text = text.replace(mark, "")
    return text


def _sign(weight: float, what: str, seen: str) -> Sign:
    return Sign(Kind.XSS, weight, what, seen[:60])


def _markup(lowered: str, *, is_prose: bool) -> Iterator[Sign]:
    """Weigh every tag. In prose, such as a description of a package, plain markup is usual and runs nothing."""
    told: set[str] = set()
    for tag in tags(lowered):
        usual = is_prose and (tag.name in PLAIN or tag.name in AMBIGUOUS or tag.name.startswith("!--"))
        for sign in _tag(tag):
            if sign.what not in told:
                told.add(sign.what)
                yield replace(sign, weight=sign.weight * _IN_PROSE) if usual else sign


def _tag(tag: Tag) -> Iterator[Sign]:
    """Weigh one tag."""
    name, inside = tag.name, tag.inside
    bounded = not inside or inside[0] in "/\t\n\r\f \"'>=+"
    if name in RUNNING and bounded:
        yield _sign(62, "a tag that runs or loads something", tag.text)
    elif name in PLAIN and bounded and _is_plain_markup(tag):
        yield _sign(52 if len(name) > 1 or inside or tag.closes else 40, "markup", tag.text)
    elif name in AMBIGUOUS and (tag.closes or "=" in inside):
        yield _sign(50, "markup", tag.text)
    elif name in AMBIGUOUS and tag.ended:
        yield _sign(50, "markup, or a placeholder", tag.text)
    elif name.startswith(("?xml", "!doctype", "!entity", "!element", "!attlist", "![", "!--", "?import")):
        yield _sign(52, "a declaration that changes how the page is read", tag.text)
    elif name == "!" and inside.startswith("[cdata["):
        yield _sign(52, "a section that is read as it stands", tag.text)
    elif tag.closes and tag.ended and not inside.strip():
        yield _sign(30, "the end of a tag that nobody knows", tag.text)
    elif "implementation" in inside or name.startswith("importimplementation"):
        yield _sign(55, "a tag that loads code", tag.text)
    yield from _attributes(tag)


def _attributes(tag: Tag) -> Iterator[Sign]:
    inside = tag.inside
    if ATTRIBUTE.search(inside):
        yield _sign(50, "an attribute that runs or loads something", tag.text)
    elif OF_FRAMEWORKS.search(inside):
        yield _sign(51, "an attribute whose value a framework runs", tag.text)


def _is_plain_markup(tag: Tag) -> bool:
    """A tag of one letter needs more to be one: `a <b and b> c` is arithmetic."""
    if len(tag.name) == 1:
        return "=" in tag.inside or (tag.ended and not tag.inside.strip(" /"))
    return tag.ended or "=" in tag.inside or len(tag.name) > 2


def _handlers(lowered: str, *, is_header: bool) -> Iterator[Sign]:
    """Weigh what reads like an attribute that runs script. In a header, tokens and signatures have `=` at their end
    only (RFC 4648, RFC 9110): where something follows it, what stands before it is the name of an attribute.
    """
    for tried, found in enumerate(_HANDLER.finditer(lowered)):
        name = found[1]
        if name not in _NO_HANDLERS:
            begins = not lowered[: found.start()].strip(" \t\r\n/'\"`;")
            if name in _EVENTS:
                yield _sign(58 if begins else 55, "a handler of an event", found[0] + lowered[found.end() :][:30])
                return
            if lowered[found.start() - 1 : found.start()].isalnum():
                if is_header and lowered[found.end() : found.end() + 1].isalnum():
                    yield _sign(50, "an attribute with the name of a handler inside a token", found[0])
                # Elsewhere behind a digit only what is the name of an event begins another attribute.
                continue
            is_call = "(" in lowered[: found.start()]
            yield _sign(52 if begins else 18 if is_call else 50, "an attribute with the name of a handler", found[0])
        if tried >= 20:
            return
