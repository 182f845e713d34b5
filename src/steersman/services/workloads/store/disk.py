"""Small files and links that are replaced whole: after a kill there is the old or the new one, never half."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file, keep its mode, and have it on disk when this returns."""
    draft = path.with_name(f".{path.name}.steersman")
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o644
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def replace_link(path: Path, target: str) -> None:
    """Point a link elsewhere in one step."""
    draft = path.with_name(f".{path.name}.steersman")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have renames inside a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file holds; nothing when there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found


def write_json(path: Path, value: dict[str, Any]) -> None:
    replace_file(path, json.dumps(value, indent=1, sort_keys=True).encode())


def read_link(path: str | None) -> str:
    """Return where a link points; empty when it is none, or when no path is given."""
    if not path:
        return ""
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def read_number(path: str, otherwise: float) -> float:
    """Return the number that a file holds; `otherwise` where there is none."""
    content = read_bytes(Path(path))
    try:
        return otherwise if content is None else float(content)
    except ValueError:
        return otherwise


def number_text(value: float) -> str:
    """Write a number as a person would: without a point where it is whole."""
    return str(int(value) if value.is_integer() else value)


def write_number(path: str, value: float) -> None:
    replace_file(Path(path), f"{number_text(value)}\n".encode())


def read_text(path: str) -> str:
    """Return the one line that a file holds; empty when there is no file."""
    return (read_bytes(Path(path)) or b"").decode("utf-8", "replace").strip()


def read_bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
