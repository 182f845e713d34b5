"""A process that a test kills: it runs one piece of durable work, which leaves a line for every attempt."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from steersman.runtime.clock import SystemClock
from steersman.runtime.durable.dbos import DbosWork

folder, mode = Path(sys.argv[1]), sys.argv[2]


def effect(key: str, args: list[str]) -> str:
    with (folder / "attempts").open("a") as attempts:
        attempts.write(f"{key} {mode}\n")
    if mode == "hang":
        print("in the middle", flush=True)
        threading.Event().wait()
    return f"{args[0]} by {mode}"


work = DbosWork(folder, SystemClock())
work.register("effect", effect)
work.open()
if mode == "hang":
    work.start("effect", "key-1", ["done"])
    threading.Event().wait()
