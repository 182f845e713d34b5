"""What a tree of processes has cost so far, read from the kernel's own accounts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a process tree. PSS counts a page that n processes share as 1/n in each."""

    rss: int
    pss: int


def tree(pid: int) -> list[psutil.Process]:
    """The process and its living descendants; one that ends meanwhile is left out."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pid: int) -> float:
    """User and system seconds of the tree, with those of children that have ended and been waited for."""
    total = 0.0
    for process in tree(pid):
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system + used.children_user + used.children_system
    return total


def memory(pid: int) -> Memory:
    rss = pss = 0
    for process in tree(pid):
        try:
            used = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        rss, pss = rss + used.rss, pss + used.pss
    return Memory(rss, pss)


def children(pid: int) -> int:
    """How many descendants live now: a compaction that runs shows up here."""
    return max(0, len(tree(pid)) - 1)


def disk_bytes(folder: Path) -> int:
    """Blocks that the folder's files occupy, in bytes; a file that disappears meanwhile counts as nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        total += status.st_blocks * 512
    return total
