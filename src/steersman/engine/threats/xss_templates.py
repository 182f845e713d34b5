"""The marks of template engines, of pages and of servers: what stands between them is computed where the value lands.

An empty pair of marks is nothing, and neither is one with a single name where an engine writes names like that.
"""

from __future__ import annotations

from steersman.engine.threats.clues import Clue, clue, word_clue

TEMPLATES: tuple[Clue, ...] = (
    clue("#{ ${ @{ *{", 54, "a template that computes", r"[#$@*]\{\s{0,3}\d{1,5}\s{0,3}[*+-]\s{0,3}\d{1,5}\s{0,3}\}"),
    clue("ng", 45, "an attribute of a template", r"\bng-(?:app|init|click|csp|focus|mouse\w++|include|bind-html)\b"),
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
    clue("${ #{ *{ @{", 51, "a template that calls", r"[$#*@]\{[^{}]{0,80}(?:[\w)\]]\s{0,3}\(|`)"),
    clue(
        "${ #{ *{ @{",
        56,
        "a template that reaches for code",
        r"[$#*@]\{[^{}]{0,80}\b(?:t\(\s{0,3}java|getclass|getruntime|forname)\b",
    ),
    clue("<%", 52, "a page script of the server", r"<%(?:[=!@#-]|\s)[^%]{0,200}%>"),
    clue(
        "{%",
        51,
        "a template of the server",
        r"\{%[-+]?\s{0,3}(?:for|if|set|include|import|from|extends|load|with|block|debug|url|macro|call|print|filter|raw)\b"
        r"[^%]{0,200}%\}",
    ),
    clue("{!!", 51, "a template of the server", r"\{!!\s{0,3}[^!{}]{1,80}!!\}"),
    clue("<#", 52, "a template of the server", r"<#(?:assign|include|import|list|if|macro|setting|function)\b"),
    clue(
        "#set #include #parse #evaluate #foreach",
        52,
        "a template of the server",
        r"#(?:set|include|parse|evaluate|foreach)\s{0,2}\(\s{0,3}[$\"']",
    ),
    word_clue("$event", 50, "an object of the page in a template", r"\.(?:view|target|currenttarget|path)\b"),
    clue(
        "<!--",
        66,
        "a directive that the server's pages compute",
        r"<!--\s{0,3}#\s{0,3}(?:config|echo|elif|else|endif|flastmod|fsize|if|include|printenv|set)\b",
    ),
)
