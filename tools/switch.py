"""Put a release in place beside the old one, and go back by itself when it does not become ready.

Two folders, blue and green, take turns; `current` points at the one that runs. The data directory has one writer, so
between stopping the one and starting the other nobody is answered for some seconds. `--back` goes to the other colour.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

COLOURS = ("blue", "green")
_WAIT_SECONDS = 0.25


def running(root: Path) -> str | None:
    """Return the colour that `current` points at, None before the first release."""
    link = root / "current"
    return link.readlink().name if link.is_symlink() else None


def idle(root: Path) -> str:
    """Return the colour that may be overwritten."""
    return COLOURS[1] if running(root) == COLOURS[0] else COLOURS[0]


def point(root: Path, colour: str) -> None:
    """Let `current` point at a colour in one step: a kill leaves the old or the new, never nothing."""
    fresh = root / f".current-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(colour)
    fresh.replace(root / "current")


def switch(root: Path, colour: str, restart: Callable[[], None], ready: Callable[[], bool]) -> bool:
    """Run a colour. If it does not become ready, run what ran before, and return False."""
    before = running(root)
    if not (root / colour / "bin/steersman").is_file():
        raise SystemExit(f"{root / colour} holds no release; {root / 'current'} was left as it is")
    point(root, colour)
    try:
        restart()
        good = ready()
    except subprocess.CalledProcessError:
        good = False
    if good or before is None or before == colour:
        return good
    point(root, before)
    restart()
    return False


def becomes_ready(url: str, seconds: float) -> bool:
    """Ask until the platform says that it is ready, or the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - an administrator names it
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(_WAIT_SECONDS)
    return False


def main(argv: Sequence[str] | None = None) -> int:
    """Switch; ends with 1 when the old release had to be put back."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path("/opt/steersman"))
    parser.add_argument("--idle", action="store_true", help="print the colour to install into, and change nothing")
    parser.add_argument("--back", action="store_true", help="run the other colour again")
    parser.add_argument("--restart", nargs="+", default=["systemctl", "restart", "steersman"], metavar="WORD")
    parser.add_argument("--ready", default="http://127.0.0.1:7600/readyz", metavar="URL")
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args(argv)
    if given.idle:
        print(idle(given.root))
        return 0
    good = switch(
        given.root,
        idle(given.root),
        lambda: subprocess.run(given.restart, check=True) and None,
        lambda: becomes_ready(given.ready, given.seconds),
    )
    print(f"{running(given.root)} runs" + ("" if good else "; the other one did not become ready and was taken back"))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
