"""Looks for a path that leaves the folder it was meant for, or that names what only a system should read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from steersman.engine.threats.verdict import Kind, Sign

_UP = re.compile(r"(?:^|(?<=[/\\=:;,\"'\s(\w]))\.{2,}+(?:;[^/]{0,9})?[/\\]{1,4}")
#: An absolute path that climbs at once: nobody is above the root.
_ABOVE_ROOT = re.compile(r"[/\\]{1,9}(?:\.[/\\]{1,3}){0,40}+\.{2,}+[/\\{\w]")
_SYSTEM_FILE = (
    r"(?:etc/(?:passwd|shadow|group|gshadow|hosts|issue|motd|fstab|sudoers|crontab|mysql|apache2|nginx|ssh|ssl"
    r"|security|init\.d|rc\.d|resolv\.conf|master\.passwd|profile|environment)"
    r"|proc/(?:self|version|cmdline|net|mounts|\d++)|boot\.ini|win\.ini|system\.ini|web-?inf|meta-inf/"
    r"|windows[/\\]?(?:win\.ini|system32)|winnt/|web\.xml|\.htaccess|\.htpasswd|\.ssh/|id_[rd]sa|\.bash_history"
    r"|\.git/(?:config|head|index)|\.svn/|\.aws/|\.env\b|wp-config\.php|web\.config"
    r"|inetpub|var/log/|usr/local/|config\.inc\.php)"
)
#: Folders among these that honest paths lead through.
_PUBLIC = ("var/log/", "usr/local/")
_WHOLE = re.compile(rf"(?:file:)?[/\\.]{{0,9}}(?:[a-z]:[/\\]?)?(?:[\w.$-]{{1,30}}[/\\]{{1,3}}){{0,4}}{_SYSTEM_FILE}")
_ANYWHERE = re.compile(_SYSTEM_FILE)
_SQUASHED = re.compile(r"[/\\]{0,2}(?:\.{3,}+[/\\{]|\.{5,}+[a-z])")
_WRAPPER = re.compile(
    r"(?:^|[=\s\"'(])(php|phar|expect|zip|compress\.zlib|glob|ogg|ssh2|rar"
    r"|zlib|netdoc|jar|gopher|dict|file):/"
)
_STRONG_WRAPPERS = frozenset({"php", "phar", "expect", "gopher", "dict", "netdoc", "ssh2", "file"})


def path_signs(text: str, layers: tuple[str, ...], *, is_prose: bool = False) -> Iterator[Sign]:
    """Yield the evidence in a decoded value; a step upwards that was encoded counts more. Linear in its length."""
    lowered = text.lower()
    if "0x2" in lowered or "0x5c" in lowered:
        lowered = lowered.replace("0x2e", ".").replace("0x2f", "/").replace("0x5c", "/")
    ups = _UP.findall(lowered) if "../" in lowered or "..\\" in lowered or "..;" in lowered else ()
    if ups:
        hidden = 25 if layers else 0
        above_root = 20 if lowered.lstrip()[:1] in "/\\" and _ABOVE_ROOT.match(lowered.strip()) else 0
        weight: float = min(80, 32 + 24 * (len(ups) - 1)) + hidden + above_root
        if is_prose and not lowered.lstrip().startswith((".", "/", "\\")):
            weight *= 0.5
        yield Sign(Kind.PATH, weight, f"{len(ups)} steps out of a folder", ups[0].strip())
    if "." in lowered or "/" in lowered:
        yield from _files(lowered, with_steps=bool(ups))
    if ":/" in lowered and (wrapper := _WRAPPER.search(lowered)):
        strong = wrapper[1] in _STRONG_WRAPPERS and wrapper.start() == 0
        yield Sign(Kind.PATH, 56 if strong else 25, "an address that reads files", wrapper[0].strip())
    if "..." in lowered and (squashed := _SQUASHED.match(lowered)):
        yield Sign(Kind.PATH, 52, "steps out of a folder, torn", squashed[0][:20])


def _files(lowered: str, *, with_steps: bool) -> Iterator[Sign]:
    stripped = lowered.strip()
    if found := _WHOLE.match(stripped):
        yield Sign(Kind.PATH, 56, "the value begins with a file of the system", found[0])
    elif found := _ANYWHERE.search(lowered):
        # A sentence may name such a file; a value that is one path does so to read it.
        is_path = not any(letter.isspace() for letter in stripped) and not found[0].startswith(_PUBLIC)
        yield Sign(Kind.PATH, 52 if is_path else 45 if with_steps else 22, "a file of the system", found[0])
