"""The shapes of shells and of interpreters called like them, beyond names of commands. Every repetition is bounded."""

from __future__ import annotations

import re

from steersman.engine.threats.clues import Clues, clue

#: Where the shell of Windows takes a command, and what it compares.
_BEGINS = (
    "(?:"
    + "|".join(rf"(?<={before}if)" for before in ("^", *(rf"[&|(;@\n]{gap}" for gap in ("", r"\s", r"\s\s"))))
    + ")"
)
_OPERAND = r"(?:\"[^\"\n]{0,60}\"|'[^'\n]{0,60}'|\[[^\]\n]{0,60}\]|\([^)\n]{0,40}\)|%[^%\n]{1,40}%|[^\s=:\"'{]{1,60})"
_GOES_ON = r"(?:\s*+$|\s{1,40}(?!(?:and|or|else|then|is|in|not|if|xor)\b)[a-z@(&])"
_COMPARED = rf"{_OPERAND}\s{{0,40}}(?:={{2,3}}\s{{0,40}}|\b(?:equ|neq|lss|leq|gtr|geq)\b\s{{1,40}}){_OPERAND}{_GOES_ON}"
_NO_ENGLISH = r"(?!(?:on|in|by|as|at|the|a|an|and|or|for|it|then|this|to|otherwise)\b)"
_NOUNS_OF_POWERSHELL = (
    "acl|alias|childitem|clipboard|command|computer|content|credential|csv|date|disk|domain|drive|event|eventlog"
    "|executionpolicy|expression|file|firewallrule|history|host|hotfix|item|itemproperty|job|json|localgroup|localuser"
    "|location|member|module|netadapter|netipaddress|nettcpconnection|object|path|printer|process|psdrive|pssession"
    "|restmethod|scheduledtask|securestring|service|smbshare|string|tcpconnection|transcript|variable|volume"
    "|webrequest|website|wmimethod|wmiobject|aduser|adgroup|adcomputer|cimmethod|ciminstance|vm|nettcpsetting|type"
)
_VERBS_OF_POWERSHELL = """
    add clear compare complete connect convertfrom convertto copy debug disable enable enter exit export format get
    import invoke join measure move new out pop push read receive register remove rename reset resolve restart resume
    save select send set sort split start stop suspend tee test trace unblock undo uninstall unregister update use wait
    where write
"""
_BEHIND_A_VERB = "|".join(rf"(?<=\b{verb}-)" for verb in _VERBS_OF_POWERSHELL.split())
#: A verb and a noun alone may be what somebody calls a runbook: it takes an argument or a pipe. It begins with its
#: hyphen, because a pattern that begins with a character as it stands is searched fast.
POWERSHELL = re.compile(
    rf"-(?=(?:{_NOUNS_OF_POWERSHELL})\b(?:\s{{1,3}}(?:-[a-z]|[$'\"(/\\]|[a-z]:)|\s{{0,3}}[|;]))(?:{_BEHIND_A_VERB})"
)
_OF_SQLITE = (
    "archive|auth|backup|bail|binary|clone|databases|dbinfo|dump|echo|eqp|excel|expert|explain|filectrl|fullschema"
    "|headers?|import|imposter|indexes|lint|load|log|mode|nullvalue|once|open|output|parameter|print|prompt|read|restore"
    "|save|scanstats|schema|selftest|separator|sh|sha3sum|shell|show|stats|system|tables|testcase|timer|trace|vfsinfo"
    "|vfslist|vfsname|width"
)
_IMAP = (
    "(?:append|authenticate|capability|check|close|copy|create|delete|examine|expunge|fetch|list|login|logout|lsub|noop"
    "|quit|rename|search|select|starttls|status|store|subscribe|uid|unsubscribe)"
)

_TABLE: tuple[tuple[str, str, float, str], ...] = (
    ("$ifs ${ifs", r"\$\{?ifs\b", 60, "a separator of the shell in place of a space"),
    ("()", r"^\s*+\(\)\s*+\{", 70, "a function in the environment of a shell"),
    (
        "};",
        r"(?:^|[\s;&|])([\w:.]{1,20})\(\)\s{0,9}\{[^}]{0,60}\1[^}]{0,60}\};\s{0,9}\1\s*+$",
        62,
        "a function that calls itself until nothing is left",
    ),
    ("/dev/", r"/dev/(?:tcp|udp)/", 62, "a connection opened by the shell"),
    ("cmd", r"cmd(?:\.exe)?\s{0,3}/[ckr]\b|cmd\.exe\b", 54, "the shell of Windows"),
    ("powershell", r"powershell(?:\.exe)?\s++(?:-|iex|invoke)|powershell\.exe\b", 56, "PowerShell with options"),
    (
        "invoke iex",
        (
            r"\binvoke-(?:expression|webrequest|command|item|restmethod|wmimethod|cimmethod)\b|\biex\s*+\("
            r"|\|\s{0,3}iex\b"
        ),
        54,
        "PowerShell",
    ),
    ("sh bash zsh ksh dash ash", r"sh(?<=[\w\s/;|&(`'\"]sh)\s{1,3}-[ic]\b", 52, "an interpreter with a program"),
    *(
        (name, rf"{name}[\d.]{{0,6}}\s{{1,3}}-[cer]\s", 52.0, "an interpreter with a program")
        for name in ("python", "perl", "ruby", "php", "node")
    ),
    (
        "for",
        (
            r"for(?<![\w.]for)\s{0,40}(?:(?<=\s)|(?=/))(?:/[dflr](?![a-z])[^\n]{0,160}?)?\s{0,40}%{1,2}[^\s%]{0,30}"
            r"\s{1,40}in\s{0,40}\("
        ),
        66,
        "a loop of the shell of Windows",
    ),
    (
        "if",
        (
            rf"if{_BEGINS}\s{{1,40}}(?:not\s{{1,40}})?(?:/i\s|(?:exist|defined)\s{{1,40}}{_NO_ENGLISH}\S{{1,80}}\s{{1,40}}[a-z@(]"
            rf"|(?:errorlevel|cmdextversion)\s{{1,40}}\S|{_COMPARED})"
        ),
        54,
        "a condition of the shell of Windows",
    ),
    (
        "if",
        rf"if{_BEGINS}(?:/i)?\s{{1,40}}(?:not\s{{1,40}})?[\"'\[{{(]?%~?[\d*][^\s=]{{0,20}}\s{{0,9}}==",
        54,
        "a condition of the shell of Windows on an argument",
    ),
    ("if", rf"if{_BEGINS}/i\s{{1,9}}\S{{1,40}}==\S", 54, "a condition of the shell of Windows"),
    ("busybox", r"busybox(?<!\wbusybox)\s{1,3}-[a-z]", 52, "an interpreter with a program"),
    (
        "{",
        r"^[\s;|&]{0,3}[a-z]{1,6}\{[a-z]{1,9}(?:,[a-z]{0,9}){1,5}\}[a-z]{0,6}\s*+$",
        52,
        "a command with its letters in braces",
    ),
    ("\n", r"^\s{0,3}\n\s{0,3}(?:quit|stat|noop|rset|capa)\s*+$", 52, "a command of a mail protocol behind a line end"),
    ("-", POWERSHELL.pattern, 52, "a command of PowerShell"),
    ("nc ncat", r"nc(?<!\wnc)(?:at)?\s{1,3}(?:-[a-z]{1,5}\s{1,3}){1,4}", 54, "a connection to elsewhere"),
    (
        "{",
        r"^[\s;|&]{0,3}\{(?:,[^{},\s]{1,60}|[a-z]{1,12}(?:,[^{},\s]{1,60}){0,5},)(?:,[^{},\s]{0,60}){0,9}\}[a-z]{0,3}\s*+$",
        54,
        "words of a command in braces",
    ),
    ("{", r"^[\s;|&]{0,3}\{/[^{},\s]{1,60}(?:,[^{},\s]{0,60}){1,9}\}\s*+$", 54, "words of a command in braces"),
    ("{", r"\{[a-z]{1,12},[^{}\s]{1,80}\}\s*+$", 30, "words of a command in braces"),
    (
        "{",
        r"^[\s;|&]{0,3}\{(?:ls|cat|id|nc|curl|wget|sh|bash|ping|uname|l|c|n)[a-z]{0,9},[-/\w.]{1,60}",
        52,
        "words of a command in braces",
    ),
    ("${", r"\$\{jndi:|\$\{(?:lower|upper|env|sys|java|::-)[^}]{0,40}[}:]", 60, "a lookup that loads code"),
    ("<!--", r"<!--\s{0,3}#\s{0,3}exec\b", 95, "a directive that the server runs"),
    *(
        (name, rf"{name}(?<!\w{name})\s{{0,3}}\(\s{{0,3}}[\"'$)]", 45.0, "a call that runs a command")
        for name in (
            "system",
            "passthru",
            "shell_exec",
            "popen",
            "proc_open",
            "pcntl_exec",
            "phpinfo",
            "assert",
            "call_user_func",
        )
    ),
    (
        "system passthru shell_exec popen exec proc_open pcntl_exec",
        r"\b(?:system|passthru|shell_exec|popen|exec|proc_open|pcntl_exec)\s{0,3}\(\s{0,3}[\"'][^\"'()]{1,80}[\"']\s{0,3}\)\s{0,3};?$",
        22,
        "a call that runs a command",
    ),
    ("__import__", r"__import__\s{0,3}\(", 45, "a call that runs a command"),
    ("os.system os.popen", r"os\.(?:system|popen)\s{0,3}\(", 45, "a call that runs a command"),
    (
        "/etc/ /proc/ /var/ /root/ /home/",
        (
            r"\b(?:cat|type|more|less|tail|head|strings|nl|tac|od|xxd|grep|awk|sed|cp|z?s?t?d?cat|gunzip|tar)\s{1,5}"
            r"[^\n]{0,20}/(?:etc|proc|var|root|home)/"
        ),
        54,
        "a command that reads a file of the system",
    ),
    (
        "`",
        r"^[\s\"';|&]{0,5}`\s{0,3}(?:true|false|sleep\s{1,3}\d{1,4})\s{0,3}`[\s\"';|&]{0,5}$",
        54,
        "a command that tells by its end whether it ran",
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
    (
        "?",
        r"(?:^|[\s;|&`({,])/[a-z*]{0,6}\?[a-z?*]{0,6}/[a-z*]{0,6}\?[a-z?*]{0,6}",
        54,
        "the path of a command with its letters hidden",
    ),
    ("$@ $*", r"\$[@*1-9]?[a-z]{0,3}\$[@*]|[a-z]\$[@*][a-z]", 30, "a command with its letters hidden"),
    (
        ";$ &$ |$",
        r"(?:^|[;&|])\s{0,9}[a-z_]\w{0,30}=[^;&|\s]{1,60}[;&|]{1,2}\$\{?[a-z_]",
        56,
        "a variable of the shell that is run",
    ),
    ("~", r"^\s*+~[+-]\d{0,3}\s*+$", 52, "a folder that the shell puts in place"),
    ("!", r"^\s*+!(?:!|-?\d{1,4})(?::\S{0,9})?\s*+$", 52, "a command of the history"),
    (
        ";. ;\\n \n. \\n.",
        rf"(?:;|\n)\s{{0,9}}(?:\\{{1,2}}n\s{{0,3}})?\.(?:{_OF_SQLITE})(?:\s|$)",
        54,
        "a command of SQLite's shell",
    ),
    ("!", r"!(?<![\w!=]!)(?:sh|bash|whoami|id|ls|cat)\b", 52, "a command run by an editor or a client"),
    ("set", r"^set\s{1,9}[-+]o?\s{0,9}\w{1,12}", 52, "an option of the shell"),
    ("<<<", r"[a-z][\d.]{0,6}\s{0,3}<<<\s{0,3}[\w\"'$]", 52, "text handed to a command"),
    (
        "\n",
        rf"\n\s{{0,9}}[a-z]{{1,4}}\d{{1,5}}\s{{1,3}}{_IMAP}\b",
        54,
        "a command of a mail protocol behind a line end",
    ),
    (
        "\n",
        (
            r"\n\s{0,9}(?:(?:ehlo|helo|lhlo)\s{1,3}[\w.\[-]|mail\s{1,3}from\s{0,3}:|rcpt\s{1,3}to\s{0,3}:|expn\s|vrfy\s"
            r"|(?:retr|dele|uidl|top)\s{1,3}\d|starttls\b|auth\s{1,3}(?:plain|login|cram)|bdat\s\d|rset\s*+$)"
        ),
        54,
        "a command of a mail protocol behind a line end",
    ),
)

SHAPES = Clues(*(clue(gate, weight, what, pattern) for gate, pattern, weight, what in _TABLE))
