"""Looks for a command that a shell, or an interpreter called like one, would run out of a value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from steersman.engine.threats.verdict import Kind, Sign

#: Commands whose names are no words of English.
_NAMES = (
    "id|ls|pwd|whoami|uname|ifconfig|ipconfig|netstat|nslookup|wget|curl|ncat|nc|netcat|telnet|bash|sh|zsh|ksh|csh|dash"
    "|cmd|powershell|pwsh|python[23]?|perl|ruby|php|gcc|chmod|chown|rm|mv|cp|mkdir|rmdir|tftp|scp"
    "|sudo|su|ps|env|printenv"
    "|passwd|useradd|crontab|systeminfo|tasklist|taskkill|certutil|bitsadmin|wmic|reg|net|rundll32"
    "|regsvr32|mshta|cscript"
    "|wscript|grep|awk|gawk|sed|xargs|tee|tac|nl|od|xxd|base64|dd|df|du|lsof|iptables|ping|ping6|traceroute|tracert|dig"
    "|uptime|hostname|vim?|nano|tar|gzip|unzip|openssl|socat|strace|busybox|getent|arp|route|ss|w|lscpu|mount"
)
#: Commands whose names are words: they need an argument that looks like one.
_WORDS = (
    "cat|type|dir|echo|find|head|tail|more|less|sort|sleep|kill|who|date|touch|read|test|time|set"
    "|export|print|printf|exec|eval|source|timeout|nohup|shutdown|reboot|at|watch|split|cut|last"
)
_ARGUMENT = r"(?:\s{1,9}(?:[-/$.~\\*?]|[a-z]:|\d{1,6}\s*+$|\"|')|\s{0,3}(?:$|[;|&><`]))"
_PATHED = r"(?:\.{0,2}/)?(?:(?:usr/)?(?:local/)?s?bin/)?"
_QUOTED = re.compile(r"[\"'\\^]{1,2}(?=[a-z])|(?<=[a-z])[\"'\\^]{1,2}")
_TORN_WORD = re.compile(r"[a-z][\"'\\^]{1,2}[a-z]")
_CHAINED = re.compile(
    rf"[;|&\n]\s{{0,9}}+(?=[a-z./]){_PATHED}(?:(?:{_NAMES})(?![\w.=:(-])(?:{_ARGUMENT}"
    rf"|\s{{1,3}}(?:[a-z]{{2,9}}\s{{0,3}}(?:$|[;|&])|\w{{1,60}}[.:/]\w))|(?:{_WORDS}){_ARGUMENT})"
)
_SUBSTITUTED = re.compile(rf"(?:\$\(|(?<!`)`(?!`)|<\(|>\()\s{{0,9}}{_PATHED}(?:{_NAMES}|{_WORDS})\b[^)`]{{0,200}}[)`]?")
_WHOLE = re.compile(
    rf"[\s+|&;\n\"']{{0,9}}{_PATHED}(?:(?:{_NAMES})(?:{_ARGUMENT}|\s{{1,3}}[a-z/-])"
    rf"|(?:{_WORDS}){_ARGUMENT})"
)
_PATH_OF_COMMAND = re.compile(r"(?:^|[;|&`(]\s{0,9}|[\s;|&`(\"'=])/?(?:usr/)?s?bin/[a-z?*\[\]]{2,12}\b")

_SHAPES = tuple(
    (tuple(gates.split()), re.compile(pattern), weight, what)
    for gates, pattern, weight, what in (
        ("ifs", r"\$\{?ifs\b", 60, "a separator of the shell in place of a space"),
        ("()", r"^\s*+\(\)\s*+\{[^}]{0,40}[;:]\s*+\}\s*+;?", 70, "a function in the environment of a shell"),
        ("/dev/", r"/dev/(?:tcp|udp)/", 62, "a connection opened by the shell"),
        ("cmd", r"cmd(?:\.exe)?\s{0,3}/[ckr]\b|cmd\.exe\b", 54, "the shell of Windows"),
        (
            "powershell",
            r"\bpowershell(?:\.exe)?\s++(?:-|iex|invoke)|\bpowershell\.exe\b",
            56,
            "PowerShell with options",
        ),
        ("invoke iex", r"\binvoke-(?:expression|webrequest|command|item|restmethod)\b|\biex\s*+\(", 54, "PowerShell"),
        (
            "-c -e -r -i",
            r"\b(?:bash|sh|zsh|ksh)\s{1,3}-[ic]\b|\b(?:python[23]?|perl|ruby|php|node)\s{1,3}-[cer]\s",
            52,
            "an interpreter with a program",
        ),
        (
            "for",
            (
                r"^[&\s]{0,9}for\s{1,9}(?:/[dflr]\s{1,9}(?:\"[^\"]{0,80}\"\s{1,9}|\S{1,80}\s{1,9})?){0,2}%{1,2}"
                r"\S{0,30}\s{1,9}in\s{0,9}\("
            ),
            56,
            "a loop of the shell of Windows",
        ),
        (
            "if",
            (
                r"^[&\s]{0,9}if\s{1,20}(?:/i\s{1,20})?(?:not\s{1,20})?(?:exist|defined"
                r"|errorlevel|cmdextversion|[\"%!\[]\S{0,40}\s{0,9}==|\S{1,40}\s{1,9}(?:equ|neq|lss|leq|gtr|geq)\s)"
            ),
            54,
            "a condition of the shell of Windows",
        ),
        ("nc", r"\bnc(?:at)?\s{1,3}(?:-[a-z]{1,5}\s{1,3}){1,4}", 54, "a connection to elsewhere"),
        ("{", r"\{[a-z]{1,12},[^{}\s]{1,80}\}\s*+$", 30, "words of a command in braces"),
        ("${", r"\$\{jndi:|\$\{(?:lower|upper|env|sys|java|::-)[^}]{0,40}[}:]", 60, "a lookup that loads code"),
        ("<!--", r"<!--\s{0,3}#\s{0,3}(?:exec|include|echo|printenv)\b", 62, "a directive that the server runs"),
        (
            "system passthru shell_exec popen proc_open pcntl_exec phpinfo assert( call_user_func",
            (
                r"\b(?:system|passthru|shell_exec|proc_open|popen|pcntl_exec|phpinfo|assert"
                r"|call_user_func)\s{0,3}\(\s{0,3}[\"'$)]"
            ),
            45,
            "a call that runs a command",
        ),
        ("__import__ os.", r"__import__\s{0,3}\(|os\.(?:system|popen)\s{0,3}\(", 45, "a call that runs a command"),
        (
            "/etc /proc /var /root /home",
            (
                r"\b(?:cat|type|more|less|tail|head|strings|nl|tac|od|xxd|grep)\s{1,5}[^\s]{0,20}/(?:etc"
                r"|proc|var|root|home)/"
            ),
            54,
            "a command that reads a file of the system",
        ),
        ("`", r"^[\"'\s]{0,3}`[^`]{1,200}`[\"'\s]{0,3}$", 30, "the value is in backticks"),
        ("getruntime processbuilder", r"getruntime\s{0,3}\(|processbuilder", 52, "a call that runs a command"),
        (
            "child_process process.binding mainmodule",
            r"child_process|process\.binding|mainmodule\.require",
            52,
            "a call that runs a command",
        ),
        ("?", r"/[a-z?*]{1,6}/[a-z?*]{0,6}\?[a-z?*]{0,6}(?:\s|$)", 35, "a command with its letters hidden"),
        ("$@ $*", r"\$[@*1-9]?[a-z]{0,3}\$[@*]|[a-z]\$[@*][a-z]", 30, "a command with its letters hidden"),
    )
)


def shell_signs(text: str, *, is_prose: bool = False) -> Iterator[Sign]:
    """Yield the evidence in a decoded value. Linear in its length."""
    lowered = text.lower()
    for gates, pattern, weight, what in _SHAPES:
        if any(gate in lowered for gate in gates) and (found := pattern.search(lowered)):
            yield Sign(Kind.COMMAND, weight, what, found[0].strip()[:60])
    if is_prose:
        # Documents about a shell are full of its commands; what no sentence says by accident is above.
        return
    yield from _commands(lowered)
    if _TORN_WORD.search(lowered):
        joined = _QUOTED.sub("", lowered)
        for sign in _commands(joined):
            yield Sign(sign.kind, sign.weight * 0.8, sign.what + ", between quotes", sign.seen)


def _commands(lowered: str) -> Iterator[Sign]:
    if any(mark in lowered for mark in ("$(", "`", "<(", ">(")) and (found := _SUBSTITUTED.search(lowered)):
        weight = 58 if found[0].startswith(("$(", "<(")) else 30
        yield Sign(Kind.COMMAND, weight, "a command put in place of its output", found[0][:60])
    if any(mark in lowered for mark in ";|&\n") and (found := _CHAINED.search(lowered)):
        weight = 54 if found[0][0] in ";|&" else 25
        yield Sign(Kind.COMMAND, weight, "a command behind a separator of the shell", found[0].strip()[:60])
    stripped = lowered.strip()
    if len(stripped) < 200 and stripped[:1] in "|;&+/\"'" and (found := _WHOLE.match(stripped)):
        yield Sign(Kind.COMMAND, 52 if stripped[:1] in "|;&/" else 30, "the value is a command", found[0].strip()[:60])
    if "bin/" in lowered and (found := _PATH_OF_COMMAND.search(lowered)):
        weight = 54 if found.start() == 0 or found[0][0] in ";|&`(" else 25
        yield Sign(Kind.COMMAND, weight, "the path of a command", found[0].strip())
