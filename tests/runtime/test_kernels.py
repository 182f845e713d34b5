"""The kernel cache: a damaged file is removed before it can be loaded, and compiled again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from steersman.runtime import kernels

_PROGRAM = """
from steersman.runtime.kernels import keep_cache, use_cache
damaged = use_cache()
from steersman.engine.series.key_table import KeyTable
table = KeyTable()
assert table.add_many([b"a", b"b", b"a"]).tolist() == [0, 1, 0]
keep_cache()
print(len(damaged))
"""


def _run(folder: Path) -> int:
    environment = {"STEERSMAN_KERNEL_CACHE": str(folder), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    return int(done.stdout)


@pytest.mark.slow
def test_a_damaged_kernel_is_compiled_again(tmp_path: Path) -> None:
    """A flipped byte in the machine code costs a compilation and nothing else."""
    assert _run(tmp_path) == 0
    code = sorted(tmp_path.rglob("*.nbc"))
    content = bytearray(code[0].read_bytes())
    content[len(content) // 2] ^= 0xFF
    code[0].write_bytes(content)
    assert _run(tmp_path) == 1
    assert _run(tmp_path) == 0


def test_a_file_that_is_not_listed_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that was cut off before its list was written is compiled again."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    (tmp_path / "half.nbc").write_bytes(b"machine code")
    assert kernels.use_cache(tmp_path) == ["half.nbc"]
    assert not (tmp_path / "half.nbc").exists()


def test_a_damaged_list_means_that_nothing_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a readable list every kernel is compiled again."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    (tmp_path / "one.nbi").write_bytes(b"index")
    kernels.keep_cache(tmp_path)
    assert kernels.use_cache(tmp_path) == []
    (tmp_path / "hashes.json").write_text("{")
    assert kernels.use_cache(tmp_path) == ["one.nbi"]


def test_the_folder_can_be_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that cannot be written to keeps its kernels where it is told."""
    monkeypatch.setenv(kernels.VARIABLE, str(tmp_path / "elsewhere"))
    assert kernels.cache_folder().parent == tmp_path / "elsewhere"


def test_a_changed_source_gets_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel of another file may be built into one whose own file has not changed: nothing old is loaded."""
    monkeypatch.setattr(kernels, "_PACKAGE", tmp_path)
    source = tmp_path / "engine" / "kernel.py"
    source.parent.mkdir()
    source.write_text("LIMIT = 1\n")
    before = kernels.cache_folder()
    source.write_text("LIMIT = 2\n")
    assert kernels.cache_folder() != before


def test_folders_of_old_states_are_removed(tmp_path: Path) -> None:
    """A few are kept, for a version that goes back."""
    for number in range(6):
        folder = tmp_path / f"state-{number}"
        folder.mkdir()
        (folder / "one.nbi").write_bytes(b"index")
        kernels.keep_cache(folder)
        os.utime(folder, (number, number))
    assert {path.name for path in tmp_path.iterdir()} == {"state-5", "state-4", "state-3", "state-2"}
