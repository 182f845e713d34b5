"""The shapes of script in a value, beyond tags and handlers. Every repetition is bounded or possessive."""

from __future__ import annotations

import re

from steersman.engine.threats.clues import Clues, clue
from steersman.engine.threats.xss_calls import CALLS
from steersman.engine.threats.xss_templates import TEMPLATES

_CALLS = (
    r"(?:alert|confirm|prompt|eval|atob|btoa|settimeout|setinterval|setimmediate"
    r"|execscript|fetch|import|function|unescape|console\.(?:log|dir|error"
    r"|table))"
)

#: Attributes that make a tag dangerous whatever its name.
ATTRIBUTE = re.compile(
    r"(?:^|[\s\"'/])(?:src|href|xlink:href|data|srcdoc|formaction|action|background|dynsrc|lowsrc|code|codebase|classid"
    r"|poster|style|xmlns|http-equiv|datasrc|fscommand|seeksegmenttime|allowscriptaccess|archive)\s{0,9}/?\s{0,9}="
)
#: Attributes that frameworks of pages take for code: Vue, Alpine, Angular, HTMX.
OF_FRAMEWORKS = re.compile(
    r"(?:^|[\s\"'/])(?:(?:v-(?:on|bind|html|if|for|show|model|slot|text)|x-(?:data|init|on|html|text|bind|show|effect)"
    r"|(?:data-)?ng-\w{2,20}|hx-(?:on|vals|get|post))(?:[:.]{1,2}[\w.-]{1,30})?|@[a-z][\w.-]{1,30}|:[a-z]{1,20}"
    r"|[(\[*][a-z][\w.]{1,20}[)\]]?)\s{0,9}="
)

OBJECT_BEFORE_A_COMMENT = re.compile(
    r"(?:^|[^\w.$])(?:self|this|top|frames|window|parent|document|globalthis)\s{0,9}/\*[^*]{0,99}\*/\s{0,9}[\[.)(/]"
)

#: Matched at the beginning of the value, without the space around it.
AT_THE_BEGINNING = Clues(
    clue("", 55, "the value calls a function of the page", rf"[\"'`;,)}}\]>/\s]{{0,9}}(?:new\s++)?{_CALLS}\s*+[(`{{]"),
    clue("--", 52, "the value ends a comment of the page", r"--!?>"),
    clue("]]", 55, "the value ends a CDATA section", r"\]\]>"),
    clue(">", 50, "the value ends an attribute and its tag", r"[\"'`]\s{0,9}/?>\s{0,9}(?:<|$)"),
    clue(
        "location",
        55,
        "the value sends the page elsewhere",
        r"[\"';)}\s]{0,9}location\s{0,9}(?:=|\.(?:href|replace|assign|hash|search|pathname|reload|origin)\b)",
    ),
    clue("style", 50, "the value is a style", r"[\"'\s]{0,9}style\s{0,9}=\s{0,9}[\"'a-z-]"),
    clue(
        "=",
        50,
        "the value goes on with attributes",
        r"[\"'`]\s{0,9}(?:src|href|srcdoc|formaction|style|autofocus|accesskey)\b\s{0,9}=",
    ),
    clue("=", 51, "a member is given something behind a quote", r"[\"'][^\"'=<>]{0,60}[\w\]]\.\w{1,40}\s{0,9}=(?!=)"),
    clue("=", 50, "the value is an attribute", r"(?:style|src|href)\s{0,9}=(?!=)"),
    clue("", 40, "the value is a call in a chain of the page", r"\[\]\s{0,3}[.\[]|[\[(]{1,2}[!+]++[\[(]"),
)

#: Searched for in the whole value.
WHOLE = Clues(
    *CALLS,
    *TEMPLATES,
    clue(
        "url(",
        52,
        "a style that loads something",
        r"(?:-moz-binding|behaviou?r|background(?:-image)?|list-style(?:-image)?"
        r"|filter|content|cursor)\s{0,9}:\s{0,9}[^;]{0,40}url\(",
    ),
    clue("<", 55, "the end of an attribute and a tag", r"[\"'`]\s{0,9}/?>\s{0,9}<\s{0,3}[/a-z!]"),
    clue("(", 56, "script in nothing but brackets and signs", r"\[\][\[\](){}!+ ]{16}"),
    clue("-moz-binding", 50, "a style that runs", r"-moz-binding"),
    clue("--!>", 51, "the value ends a comment of the page", r"--!>"),
    clue(
        "scriptalert scriptdocument scriptwindow scripteval scriptprompt scriptconfirm",
        52,
        "script whose brackets a filter has dropped",
        r"(?:^|[\s\"'>/])/?script(?:alert|confirm|prompt|eval|document|window)\b",
    ),
    clue(
        "!+ +! ![",
        54,
        "script in nothing but brackets and signs",
        r"(?:[!+]{1,3}\[\]|\[[!+]{1,4}\[\]\]){1,9}\s{0,3}[+\[(]",
    ),
    clue(
        "-->",
        51,
        "the value ends a comment of the page",
        r"--!?>(?<=[^\s-]-->)|--!?>\s{0,3}(?:<|$)|^\S{1,40}\s{0,3}--!?>",
    ),
    clue(
        "'; \"; ); ]; };",
        51,
        "a member is given something behind a quote",
        r"[\"']\s{0,9}[)}\]]{0,3}\s{0,3};\s{0,9}[a-z_$][\w$]{0,30}(?:\.[\w$]{1,30}|\[[^\[\]]{1,30}\]){1,4}\s{0,9}=(?!=)",
    ),
    clue(
        "=",
        51,
        "a member is given something behind a quote and an operator",
        r"[\"']\s{0,9}[)}\]]{0,3}\s{0,3}[+*/^&|-]{1,2}\s{0,9}[a-z_$][\w$]{0,30}(?:\.[\w$]{1,30}|\[[^\[\]]{1,30}\]){1,4}\s{0,9}=(?!=)",
    ),
    clue("charset", 45, "a character set of the attacker", r"charset\s{0,3}=\s{0,3}[\"']?\s{0,3}utf-?7"),
    clue(
        "xlink xmlns formaction srcdoc datasrc dynsrc lowsrc fscommand seeksegmenttime",
        51,
        "an attribute of SVG or of a form that loads something",
        r"(?:^|[\s\"'/])(?:xlink:href|xmlns(?::\w{1,12})?|formaction|srcdoc|datasrc"
        r"|dynsrc|lowsrc|fscommand|seeksegmenttime)\s{0,9}=",
    ),
    clue(
        "location",
        50,
        "an object is given something behind a quote",
        r"[\"'][^\"'a-z0-9_]{1,12}[a-z_.\[\]\"']{0,20}location\b[^=]{0,3}=",
    ),
    clue(
        "=",
        51,
        "a member is given something behind a quote",
        r"[\"']\s{0,9}(?:in\s|[^\w\s\"'=<>,:;%)\]}])[^\"'=<>]{0,40}(?:\.\w{1,40}"
        r"|\[[^\]]{1,40}\])\s{0,9}=(?!=)",
    ),
    clue("style href", 50, "an attribute that runs or loads something", r"(?:^|[\s\"'/;])(?:style|href)\s{0,9}=(?!=)"),
    clue("entity", 52, "an entity from elsewhere", r"!entity\b[^>]{0,80}\b(?:system|public)\b"),
    clue("&{", 55, "script in an entity", r"&\{[^}]{1,200}\}"),
    clue("jsfuck", 10, "a known encoder of script", r"jsfuck"),
)

#: Searched for in the value without white space, backslashes and comments: browsers skip those inside a scheme.
SQUEEZED = Clues(
    clue("script:", 60, "an address that is script", r"(?:java|vb|live|j|mocha|ecma|js)script:"),
    clue("mocha:", 55, "an address that is script", r"\bmocha:"),
    clue(
        "data:",
        58,
        "an address that holds a page",
        r"data:(?:text/(?:html|xml|javascript|css)|image/svg\+?xml|application/(?:xhtml"
        r"|xml|javascript|x-)|[;,][^,]{0,30}base64|;base64)",
    ),
    clue("data:", 54, "an address that holds a page", r"data:[^,]{0,60},[^<]{0,40}<"),
    clue("expression(", 54, "a style that runs", r"[:{;=-]expression\("),
    clue("binding:", 56, "a style that runs", r"-moz-binding:"),
    clue("behavior:", 54, "a style that runs", r"behaviou?r:url\("),
    clue("@import", 52, "a style that loads another", r"@import[\"'(u]"),
    clue(
        "<",
        51,
        "a tag that runs something, torn by signs",
        r"<[^\w<>]{0,10}(?:script|iframe|object|embed|applet|style|meta|svg)(?![a-z])",
    ),
    clue(";base64", 50, "content in base64 behind a type", r"\w;base64,"),
    clue("script:", 40, "an address that is script", r"[\"'(=]\w{0,8}script:"),
)
