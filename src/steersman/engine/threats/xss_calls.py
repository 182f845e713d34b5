"""The calls and objects of a page by which script does harm, whatever it stands in. Every repetition is bounded.

A name alone is a word. What counts is that it is called, handed on to be called, or reached through an object.
"""

from __future__ import annotations

from steersman.engine.threats.clues import Clue, clue, word_clue

_PAGE = "self window top parent frames this globalthis document opener"

CALLS: tuple[Clue, ...] = (
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
    word_clue("eval", 51, "a call of a function of the page", r"\s{0,3}\(", r"[\w.]"),
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
    clue(
        "alert confirm", 51, "a function of the page is handed on", r"[(,=:\[]\s{0,3}(?:alert|confirm)\s{0,3}[),;\]}]"
    ),
    clue(
        "alert confirm prompt eval atob fetch",
        52,
        "a function of the page is handed on to be called",
        r"(?:\.\s{0,3}(?:map|find|findindex|findlast|some|every|filter|sort|foreach|flatmap|reduce|reduceright|from|apply"
        r"|call|bind|then|catch|replace)|reflect\.\w{1,20})\s{0,3}\([^()]{0,60}\b(?:alert|confirm|prompt|eval|atob|fetch)"
        r"\s{0,3}[),]",
    ),
    clue(
        "alert confirm prompt eval atob fetch print open",
        54,
        "a function of the page, in brackets, is called",
        r"\(\s{0,3}(?:\d{1,3}\s{0,3},\s{0,3})?(?:alert|confirm|prompt|eval|atob|fetch|print|open)\s{0,3}\)\s{0,3}[(`]",
    ),
    clue(
        "?.",
        52,
        "a call of a function of the page",
        r"\?\.\s{0,3}(?:alert|confirm|prompt|eval|constructor|location|cookie)\b",
    ),
    clue(
        "onerror valueof tostring tojson",
        52,
        "a function of the page in place of a hook",
        r"(?:onerror|valueof|tostring|tojson)\s{0,3}[=:]\s{0,3}(?:alert|confirm|prompt|eval|atob|fetch|print)\b",
    ),
    word_clue("import", 51, "a call that loads script", r"\s{0,2}\(\s{0,2}[\"'`]", r"[\w.]"),
    word_clue("addeventlistener", 51, "a handler of an event is set", r"\s{0,3}\("),
    word_clue("defineproperty", 50, "a member of an object is put in place", r"\s{0,3}\(\s{0,3}[\w\[{]"),
    word_clue("write writeln", 51, "markup written into the page", r"`[^`]{0,200}`", r"[\w]"),
    clue(
        "new",
        50,
        "an object of the page is made",
        r"new(?<!\wnew)\s{1,9}(?:image|worker|sharedworker|websocket|eventsource|xmlhttprequest|proxy|promise|notification"
        r"|broadcastchannel|mutationobserver|rtcpeerconnection|domparser|activexobject|blob|set|map|weakmap|weakset)"
        r"\s{0,3}[(`.;]",
    ),
    word_clue(
        "navigator",
        50,
        "an object of the page",
        r"\s{0,3}(?:\?\.|\.|\[)\s{0,3}[\"'`]?(?:bluetooth|clipboard|credentials|geolocation|locks|mediadevices|ml|permissions"
        r"|plugins|serviceworker|share|storage|usb|useragent)\b",
    ),
    word_clue("window. top. parent.", 52, "an object of the page", r"(?:frames|alert|eval|document|location)\b"),
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
    word_clue("frames", 52, "an object of the page", r"\[\d{1,3}\]\.\w"),
    word_clue("settimeout setinterval setimmediate", 51, "a call that runs text later", r"\s{0,9}\(\s{0,9}[\"'`]"),
    word_clue("indexeddb.open indexeddb.deletedatabase caches.open", 51, "the storage of the page", r"\s{0,3}\("),
    word_clue("history.pushstate history.replacestate", 51, "the address of the page is changed", r"\s{0,3}\("),
    word_clue("getscript globaleval parsehtml", 51, "a call that runs what it loads", r"\s{0,3}\("),
    word_clue(
        "outerhtml innerhtml", 51, "markup written into the page", r"[\"'`\]]{0,2}\s{0,3}(?:\+?=(?!=)|\()", r"[\w-]"
    ),
    word_clue(
        "serviceworker sharedworker importscripts trustedtypes", 50, "script that stays behind the page", r"\s{0,3}[.(]"
    ),
    word_clue("postmessage", 51, "a message to another page", r"\s{0,3}\(\s{0,3}(?:document|window|[\"'`{])"),
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
        "onerror valueof tostring",
        51,
        "a hook of the page is given something behind a quote",
        r"[\"'][^\"'a-z0-9_,]{1,12}(?:onerror|valueof|tostring)\s{0,9}=",
    ),
    clue("${", 52, "a call without brackets", r"[\w\])]`[^`]{0,80}\$\{"),
    word_clue(
        "alert confirm prompt eval",
        53,
        "a call of a function of the page",
        r"(?:\?\.\s{0,3}[(\[]|\.(?:call|apply|bind)\b)",
        r"[\w.]",
    ),
)
