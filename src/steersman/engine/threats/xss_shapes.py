"""The shapes of script in a value, beyond tags and handlers. Every repetition is bounded or possessive."""

from __future__ import annotations

import re

from steersman.engine.threats.clues import Clues, clue, word_clue

_CALLS = (
    r"(?:alert|confirm|prompt|eval|atob|btoa|settimeout|setinterval|setimmediate"
    r"|execscript|fetch|import|function|unescape|console\.(?:log|dir|error"
    r"|table))"
)
_PAGE = "self window top parent frames this globalthis document opener"

#: Attributes that make a tag dangerous whatever its name.
ATTRIBUTE = re.compile(
    r"(?:^|[\s\"'/])(?:src|href|xlink:href|data|srcdoc|formaction|action|background|dynsrc|lowsrc|code|codebase|classid"
    r"|poster|style|xmlns|http-equiv|datasrc|fscommand|seeksegmenttime|allowscriptaccess)\s{0,9}/?\s{0,9}="
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
        r"[\"';)}\s]{0,9}location\s{0,9}(?:=|\.(?:href|replace|assign|hash))",
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
    clue(
        "document",
        56,
        "an object of the page",
        r"document\s{0,9}(?:\?\.|\.|\[)\s{0,9}[\"'`]?(?:cookie|domain|write"
        r"|writeln|location|body|forms|queryselector\w*+|getelement\w*+|createelement"
        r"|documenturi|url|referrer|documentelement|scripts|images|links|open"
        r"|execcommand|default)\b",
    ),
    clue("document", 50, "an object of the page", r"\(\s{0,9}document\s{0,9}[.)]"),
    clue(
        "window",
        56,
        "an object of the page",
        r"window\s{0,9}(?:\?\.|\.|\[)\s{0,9}[\"'`]?(?:location|name|open|onerror"
        r"|onload|eval|alert|atob|settimeout|parent|top|opener|history|navigator"
        r"|document|event)\b",
    ),
    word_clue(_PAGE, 54, "a member of the page by a name in a string", r"(?:\?\.)?\s{0,9}\[(?![\w\s:.,+-]{0,60}\])"),
    word_clue("alert confirm prompt atob btoa", 51, "a call of a function of the page", r"\s{0,9}\(", r"[\w.]"),
    word_clue("eval", 51, "a call of a function of the page", r"\(", r"[\w.]"),
    word_clue("console.log console.dir", 51, "a call of a function of the page", r"\s{0,3}[({]"),
    clue(
        "alert confirm prompt eval atob",
        54,
        "a call of a function of the page",
        r"[\"'`;>})]\s{0,3}[;,)}|&?:+*/-]?\s{0,3}(?:alert|confirm|prompt|eval"
        r"|atob)\s{0,9}[(`]",
    ),
    word_clue(
        "alert` confirm` prompt` eval` settimeout` setinterval` function` call` apply` bind` constructor` concat` map`"
        " find` some` every`",
        54,
        "a call of a function of the page without brackets",
        r"[^`]{0,200}`",
        "`",
    ),
    clue("alert confirm", 51, "a function of the page is handed on", r"[(,=]\s{0,3}(?:alert|confirm)\s{0,3}[),;]"),
    word_clue("window. top. parent.", 52, "an object of the page", r"(?:frames|alert|eval|document|location)\b"),
    clue("#{ ${ @{ *{", 54, "a template that computes", r"[#$@*]\{\s{0,3}\d{1,5}\s{0,3}[*+-]\s{0,3}\d{1,5}\s{0,3}\}"),
    clue("ng", 45, "an attribute of a template", r"\bng-(?:app|init|click|csp|focus|mouse\w++|include|bind-html)\b"),
    clue(
        "settimeout setinterval setimmediate",
        54,
        "a call that runs text later",
        r"(?<![.\w])set(?:timeout|interval|immediate)(?:\(\s{0,9}[^)\s]|`)",
    ),
    word_clue("function", 54, "a function made of text", r"\s{0,3}\(\s{0,3}[\"'`]"),
    word_clue("new", 54, "a function made of text", r"\s{1,9}function\b"),
    clue("fromcharcode", 55, "text put together from codes of characters", r"\bfromcharcode\b"),
    clue(
        "constructor __proto__",
        50,
        "the constructor of a function",
        r"(?:\w|\]|\))\.constructor\b|\bconstructor\s{0,9}(?:\(\s{0,3}[\"'`]|\["
        r"|\.\s{0,3}(?:constructor|prototype))|\[\s{0,3}[\"'`]constructor|__proto__",
    ),
    clue(
        "innerhtml outerhtml parentnode insertadjacenthtml dangerouslysetinnerhtml",
        52,
        "markup written into the page",
        r"(?:^|[\w)\]]?\.)(?:inner|outer)html\b|\.parentnode\b|\binsertadjacenthtml\b"
        r"|\bdangerouslysetinnerhtml\b",
    ),
    clue("localstorage sessionstorage", 52, "the storage of the page", r"\b(?:local|session)storage\b\s{0,9}[.\[]"),
    clue(
        "xmlhttprequest navigator", 50, "a request by the page", r"\bxmlhttprequest\s{0,3}\(|\bnavigator\.sendbeacon\b"
    ),
    clue(
        "throw",
        50,
        "a throw in place of a call",
        r"\bonerror\s{0,9}=[^;]{0,40};?\s{0,9}throw\b|\bthrow\s{0,3}onerror\b",
    ),
    clue(
        "{{",
        52,
        "a template that computes",
        r"\{\{[^{}]{0,80}(?:\(|\.\w|\d\s{0,3}[*+-]\s{0,3}['\"]?\d|\[|\|\s{0,3}\w)[^{}]{0,200}\}\}",
    ),
    clue("{{", 50, "a template", r"\{\{[^{}]{1,200}\}\}"),
    clue(
        "{{",
        56,
        "a template that reaches for code",
        r"\{\{[^{}]{0,200}(?:constructor|\$on|\$eval|__class__|prototype|alert\()",
    ),
    clue("${", 45, "a template that calls", r"\$\{[^{}]{0,60}(?:alert|eval|document|window|constructor)\b"),
    clue(
        "url(",
        52,
        "a style that loads something",
        r"(?:-moz-binding|behaviou?r|background(?:-image)?|list-style(?:-image)?"
        r"|filter|content|cursor)\s{0,9}:\s{0,9}[^;]{0,40}url\(",
    ),
    clue("<", 55, "the end of an attribute and a tag", r"[\"'`]\s{0,9}/?>\s{0,9}<\s{0,3}[/a-z!]"),
    clue("(", 56, "script in nothing but brackets and signs", r"\[\][\[\](){}!+ ]{16}"),
    word_clue("frames", 52, "an object of the page", r"\[\d{1,3}\]\.\w"),
    word_clue("settimeout setinterval setimmediate", 51, "a call that runs text later", r"\s{0,9}\(\s{0,9}[\"'`]"),
    clue("-moz-binding", 50, "a style that runs", r"-moz-binding"),
    clue("--!>", 51, "the value ends a comment of the page", r"--!>"),
    word_clue("indexeddb.open indexeddb.deletedatabase caches.open", 51, "the storage of the page", r"\s{0,3}\("),
    word_clue("history.pushstate history.replacestate", 51, "the address of the page is changed", r"\s{0,3}\("),
    word_clue("getscript globaleval parsehtml", 51, "a call that runs what it loads", r"\s{0,3}\("),
    word_clue("$event", 50, "an object of the page in a template", r"\.(?:view|target|currenttarget|path)\b"),
    word_clue(
        "outerhtml innerhtml", 51, "markup written into the page", r"[\"'`\]]{0,2}\s{0,3}(?:\+?=(?!=)|\()", r"[\w-]"
    ),
    word_clue(
        "serviceworker sharedworker importscripts trustedtypes", 50, "script that stays behind the page", r"\s{0,3}[.(]"
    ),
    word_clue("postmessage", 51, "a message to another page", r"\s{0,3}\(\s{0,3}(?:document|window|[\"'`{])"),
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
    word_clue("window document globalthis", 52, "a member of the page by a name", r"\s{0,9}(?:\?\.)?\s{0,9}\["),
    word_clue(
        "self this top parent frames globalthis opener",
        53,
        "an object of the page",
        r"\s{0,9}(?:\?\.|\.)\s{0,9}(?:alert|confirm|prompt|eval|atob|document|window|cookie|globalthis|settimeout"
        r"|setinterval|frames|opener|origin|constructor|onerror|name\s{0,3}=)\b",
    ),
    clue(
        "(window (document (self (this (top (parent (frames (globalthis (opener",
        52,
        "an object of the page in brackets",
        r"\((?<!\w\()\s{0,3}(?:window|document|self|this|top|parent|frames|globalthis|opener)\s{0,3}\)\s{0,3}[\[.?]",
    ),
    word_clue("alert confirm prompt atob btoa", 50, "a call of a function of the page", r"\s{0,9}\("),
    clue(
        "'; \"; ); ]; };",
        51,
        "a member is given something behind a quote",
        r"[\"']\s{0,9}[)}\]]{0,3}\s{0,3};\s{0,9}[a-z_$][\w$]{0,30}(?:\.[\w$]{1,30}){1,4}\s{0,9}=(?!=)",
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
    clue(
        "onerror valueof tostring",
        51,
        "a hook of the page is given something behind a quote",
        r"[\"'][^\"'a-z0-9_,]{1,12}(?:onerror|valueof|tostring)\s{0,9}=",
    ),
    clue("style href", 50, "an attribute that runs or loads something", r"(?:^|[\s\"'/;])(?:style|href)\s{0,9}=(?!=)"),
    clue("entity", 52, "an entity from elsewhere", r"!entity\b[^>]{0,80}\b(?:system|public)\b"),
    clue("${", 52, "a call without brackets", r"[\w\])]`[^`]{0,80}\$\{"),
    word_clue(
        "alert confirm prompt eval",
        53,
        "a call of a function of the page",
        r"(?:\?\.\s{0,3}[(\[]|\.(?:call|apply|bind)\b)",
        r"[\w.]",
    ),
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
