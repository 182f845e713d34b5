"""Looks for a path that leaves the folder it was meant for, or that names what only a system should read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from steersman.engine.threats.verdict import Kind, Sign

_UP = re.compile(r"(?:^|(?<=[/\\=:;,\"'\s(\w]))\.{2,}+(?:;[^/]{0,9})?[/\\]{1,4}")
#: An absolute path that climbs at once: nobody is above the root.
_ABOVE_ROOT = re.compile(r"[/\\]{1,9}(?:\.[/\\]{1,3}){0,40}+\.{2,}+[/\\{\w]")
#: Files that only a system, a server or a tool of developers reads, by a word that stands in each.
_FILES_BY_WORD = {
    "etc": (
        r"etc/(?:passwd|shadow|group|gshadow|hosts|issue|motd|fstab|sudoers|crontab|mysql|apache2|httpd|nginx|ssh|ssl"
        r"|security|init\.d|rc\.d|rc\.local|resolv\.conf|master\.passwd|profile|environment|hostname|os-release|cron\.\w"
        r"|kubernetes|docker|ld\.so|exports|krb5|pam\.d|php|postgresql|redis|samba|inittab|networks?|services)"
    ),
    "proc": (
        r"proc/(?:self|version|cmdline|net|mounts|cpuinfo|meminfo|interrupts|iomem|kcore|kallsyms|modules|sched_debug"
        r"|\d++)"
    ),
    "sys": r"sys/(?<![\w.]sys/)(?:class|devices|kernel|module|firmware|fs|block|bus|hypervisor|power)\b",
    "dev": r"dev/(?:mem|kmem|port|shm|tcp|udp|fd/\d|[sh]d[a-z]\b|nvme)",
    "boot": r"boot\.ini|boot/(?:grub|vmlinuz|config-)",
    "win": r"win\.ini",
    "system": r"system\.ini|system/currentcontrolset",
    "web": r"web-inf|web\.xml|web\.config",
    "meta": r"meta-inf/",
    "windows": r"windows[/\\]?(?:win\.ini|system32|system\.ini|repair|debug|panther|temp)",
    "winnt": r"winnt/",
    "inetpub": r"inetpub",
    "config": r"config\.inc\.php|wp-config\.php",
    "var": r"var/(?:log|run|spool|lib/(?:mysql|docker|kubelet|postgresql)|www|mail|backups)/",
    "usr": r"usr/local/",
    "run": r"run/secrets/",
    "root": r"/root/(?<![\w.]/root/)\.?\w",
    "id_rsa": r"id_rsa",
    "id_dsa": r"id_dsa",
    "id_ed25519": r"id_ed25519",
    "ssh": r"\.ssh/",
    "git": r"\.git/(?:config|head|index|logs|objects|refs|hooks)",
    "svn": r"\.svn/",
    "aws": r"\.aws/",
    "kube": r"\.kube/",
    "docker": r"\.docker/config|docker\.sock",
    "env": r"\.env(?<![\w.]\.env)\b",
    "htaccess": r"\.htaccess",
    "htpasswd": r"\.htpasswd",
    "bash_history": r"\.bash_history",
    "netrc": r"\.netrc",
    "npmrc": r"\.npmrc",
    "pgpass": r"\.pgpass",
}
_SYSTEM_FILE = f"(?:{'|'.join(_FILES_BY_WORD.values())})"
_BY_WORD = {word: re.compile(pattern) for word, pattern in _FILES_BY_WORD.items()}
KEYS = frozenset(_BY_WORD)
#: Folders among these that honest paths lead through.
_PUBLIC = ("var/log/", "usr/local/", "/sys/", "sys/", "/root/", "var/run/")
_WHOLE = re.compile(rf"(?:file:)?[/\\.]{{0,9}}(?:[a-z]:[/\\]?)?(?:[\w.$-]{{1,30}}[/\\]{{1,3}}){{0,4}}{_SYSTEM_FILE}")
#: A hidden folder or file in the path of a request. `.well-known` is what RFC 8615 gives to everybody.
_HIDDEN = re.compile(r"/\.(?!\.|/|well-known/|$)[\w~-]")
#: What servers and editors leave behind where a page should be.
_LEFT_BEHIND = re.compile(
    r"\.(?:bak|old|orig|save|sw[nop]|tmp~?|sql(?:\.gz)?|dump|rdb|kdbx?|pfx|p12|pem|ppk|mdb|ldf|mdf|php[3457s~]?|phtml"
    r"|aspx?|jspx?|cgi|cfm)$|(?:^|/)(?:errors?|access|debug|php_errors?|catalina)[._-]?(?:log|txt)$|~$"
)
_FUZZED = re.compile(r"^[/\\](?:[^\s{}]{0,9000}\{file\}|(?:\.{1,2}[/\\]{1,3}){4})")
_DRIVE = re.compile(
    r"^[a-z]:[/\\]{0,3}(?:windows|winnt|inetpub|boot\.ini|program files|users[/\\]|documents and settings)"
)
_SQUASHED = re.compile(r"^[/\\]{0,2}(?:\.{3,}+[/\\{]|\.{5,}+[a-z])")
_NAMES_OF_WRAPPERS = (
    "php phar expect zip compress.zlib compress.bzip2 glob ogg ssh2 rar zlib netdoc jar gopher dict file ldap tftp sftp"
)
_WRAPPER = re.compile(rf"(?:^|[=\s\"'(])({'|'.join(map(re.escape, _NAMES_OF_WRAPPERS.split()))}):/")
_WORDS_OF_WRAPPERS = frozenset(_NAMES_OF_WRAPPERS.replace(".", " ").split())
_STRONG_WRAPPERS = frozenset(
    {"php", "phar", "expect", "gopher", "dict", "netdoc", "ssh2", "file", "compress.zlib", "compress.bzip2", "glob"}
)

#: Pieces of text of which one has to be there, a pattern, its weight and what it means; targets have more of them.
_OF_VALUES = (
    (("/./", "{file}"), _FUZZED, 52, "a path as tools write them that try paths"),
    ((":",), _DRIVE, 52, "a folder of the system on a drive of Windows"),
    (("...",), _SQUASHED, 52, "steps out of a folder, torn"),
)
_OF_TARGETS = (
    *_OF_VALUES,
    (("/.",), _HIDDEN, 54, "a hidden file or folder in the path"),
    ((".", "~"), _LEFT_BEHIND, 50, "a file that servers and editors leave behind"),
)


def path_signs(
    text: str,
    present: frozenset[str],
    layers: tuple[str, ...],
    *,
    is_prose: bool = False,
    is_target: bool = False,
) -> Iterator[Sign]:
    """Yield the evidence in a decoded value, whose words are `present`. Linear in its length.

    A step upwards that was encoded counts more. The target of a request (`is_target`) leads to no hidden file.
    """
    lowered = text.lower()
    if "0x2" in lowered or "0x5c" in lowered:
        lowered = lowered.replace("0x2e", ".").replace("0x2f", "/").replace("0x5c", "/")
    ups = _UP.findall(lowered) if "../" in lowered or "..\\" in lowered or "..;" in lowered else ()
    if ups:
        yield _steps(ups, lowered, is_hidden=bool(layers), is_prose=is_prose)
    if not present.isdisjoint(KEYS) and ("." in lowered or "/" in lowered or "\\" in lowered):
        yield from _files(lowered, present, with_steps=bool(ups))
    if ":/" in lowered and not present.isdisjoint(_WORDS_OF_WRAPPERS) and (wrapper := _WRAPPER.search(lowered)):
        strong = wrapper[1] in _STRONG_WRAPPERS and wrapper.start() == 0
        yield Sign(Kind.PATH, 56 if strong else 25, "an address that reads files", wrapper[0].strip())
    for gates, pattern, weight, what in _OF_TARGETS if is_target else _OF_VALUES:
        if any(gate in lowered for gate in gates) and (found := pattern.search(lowered)):
            yield Sign(Kind.PATH, weight, what, found[0][:40])


def _steps(ups: Sequence[str], lowered: str, *, is_hidden: bool, is_prose: bool) -> Sign:
    begins = lowered.lstrip()[:1]
    above_root = 20 if begins in "/\\" and _ABOVE_ROOT.match(lowered.strip()) else 0
    weight: float = min(80, 32 + 24 * (len(ups) - 1)) + above_root + (25 if is_hidden else 0)
    if is_prose and begins not in "./\\":
        weight *= 0.5
    return Sign(Kind.PATH, weight, f"{len(ups)} steps out of a folder", ups[0].strip())


def _files(lowered: str, present: frozenset[str], *, with_steps: bool) -> Iterator[Sign]:
    stripped = lowered.strip()
    if found := _WHOLE.match(stripped):
        yield Sign(Kind.PATH, 56, "the value begins with a file of the system", found[0])
    elif seen := _anywhere(lowered, present):
        # A sentence may name such a file; a value that is one path does so to read it.
        is_path = not any(letter.isspace() for letter in stripped) and not seen.startswith(_PUBLIC)
        yield Sign(Kind.PATH, 52 if is_path else 45 if with_steps else 22, "a file of the system", seen)


def _anywhere(lowered: str, present: frozenset[str]) -> str:
    searched = (_BY_WORD[word].search(lowered) for word in sorted(KEYS.intersection(present)))
    return next((found[0] for found in searched if found), "")
