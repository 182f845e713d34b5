"""Where compiled kernels are kept, and that only sound ones are loaded: a damaged one could crash the process.

Numba keeps its machine code in the folder that NUMBA_CACHE_DIR names. Beside it stands a list of hashes; before
Numba is imported every file that is not as listed is removed, and is then compiled again. Numba notices a changed file,
and not that a kernel of another file was built into this one; so each state of the sources has a folder of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import xxhash

#: Names the folder, for installations whose own folder cannot be written.
VARIABLE = "STEERSMAN_KERNEL_CACHE"
_LIST = "hashes.json"
_KINDS = ("*.nbi", "*.nbc")
_PACKAGE = Path(__file__).parent.parent
_KERNELS = ("engine", "runtime/telemetry")
#: Folders of other states of the sources that are kept, for a version that goes back and for two that share a place.
_OTHERS = 3


def cache_folder() -> Path:
    """Return the folder for these sources: in the configured place, else inside the installation, else the user's."""
    return _place() / _state_of_sources()


def _place() -> Path:
    if configured := os.environ.get(VARIABLE):
        return Path(configured)
    installed = Path(sys.prefix)
    if os.access(installed, os.W_OK):
        return installed / "var" / "cache" / "steersman" / "kernels"
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return user / "steersman" / "kernels"


def _state_of_sources() -> str:
    """Return a digest of every source file that may hold a kernel, or a constant that a kernel was built with."""
    digest = xxhash.xxh3_64()
    for folder in _KERNELS:
        for path in sorted((_PACKAGE / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _hashes(folder: Path) -> dict[str, str]:
    files = [path for kind in _KINDS for path in folder.rglob(kind)]
    return {str(path.relative_to(folder)): xxhash.xxh3_64_hexdigest(path.read_bytes()) for path in sorted(files)}


def _listed(folder: Path) -> dict[str, str]:
    try:
        listed = json.loads((folder / _LIST).read_bytes())
    except (OSError, ValueError):
        return {}
    return listed if isinstance(listed, dict) else {}


def use_cache(folder: Path | None = None) -> list[str]:
    """Point Numba, which must not be imported yet, at the cache. Returns the files that were damaged and are gone."""
    folder = folder or cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    listed = _listed(folder)
    damaged = [name for name, digest in _hashes(folder).items() if listed.get(name) != digest]
    for name in damaged:
        (folder / name).unlink(missing_ok=True)
    return damaged


def keep_cache(folder: Path | None = None) -> None:
    """List what the cache holds now, once everything that is needed has been compiled."""
    folder = folder or cache_folder()
    found = _hashes(folder)
    if found != _listed(folder):
        fresh = folder / f"{_LIST}.{os.getpid()}"
        fresh.write_text(json.dumps(found))
        fresh.replace(folder / _LIST)
        _forget_others(folder)


def _forget_others(folder: Path) -> None:
    """Remove the folders of states that were used longest ago."""
    others = [path.parent for path in folder.parent.glob(f"*/{_LIST}") if path.parent != folder]
    for old in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[_OTHERS:]:
        shutil.rmtree(old, ignore_errors=True)
