"""The repository keeps its own promises: one-word targets, reasoned rules, linked decisions, two equal languages."""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import subprocess
import sys
import tomllib
import urllib.request
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")


def _rows(page: str) -> dict[str, list[str]]:
    """The cells of a requirements table by row id."""
    lines = (ROOT / "docs" / page).read_text("utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| S\d-\d\d \|", line)
    ]
    return {row[0]: row[1:] for row in cells}


def _shell_blocks(page: str) -> list[str]:
    text = (ROOT / page).read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [re.sub(r"\s+#.*", "", block) for block in blocks]


def test_every_ignored_rule_has_its_reason() -> None:
    """A rule is switched off only with the reason beside it."""
    config = PYPROJECT[PYPROJECT.index("[tool.ruff.lint]") : PYPROJECT.index("[tool.mypy]")]
    entries = re.findall(r'^    "[A-Z]+\d*",.*$', config, re.MULTILINE)
    assert len(entries) > 20
    assert [entry for entry in entries if not re.search(r"# \S.{3,}", entry)] == []


def test_every_silenced_line_has_its_reason() -> None:
    """A `noqa` names its rule and says why."""
    silent = []
    for path in (ROOT / "src").rglob("*.py"):
        if path.name.endswith("_pb2.py"):
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            if "# noqa" in line and not re.search(r"# noqa: [A-Z]+\d+(, ?[A-Z]+\d+)* +\S.{5,}", line):
                silent.append(f"{path.relative_to(ROOT)}:{number}")
    assert silent == []


def test_every_decision_is_listed() -> None:
    """The list of decisions links every page in the folder, and only those."""
    listed = set(re.findall(r"\((\d{4}-[a-z0-9-]+\.md)\)", (ROOT / "docs/adr/README.md").read_text("utf-8")))
    assert listed == {path.name for path in (ROOT / "docs" / "adr").glob("0*.md")}


def test_every_decision_names_its_price() -> None:
    """A decision without an alternative and a price is an advertisement."""
    for path in (ROOT / "docs" / "adr").glob("0*.md"):
        text = path.read_text("utf-8")
        for part in ("**Situation.**", "**Decision.**", "**Instead of.**", "**Price.**"):
            assert part in text, f"{path.name} lacks {part}"


def test_requirements_are_equal_in_both_languages() -> None:
    """Both tables have the same rows, served by the same things and waiting for the same."""
    english, chinese = _rows("requirements.md"), _rows("zh/需求对照表.md")
    assert len(english) > 150
    assert list(english) == list(chinese)
    for row, cells in english.items():
        translated = chinese[row]
        assert cells[2:5] == translated[2:5], row
        assert bool(cells[5]) == bool(translated[5]), row
        assert re.findall(r"issue (\d+)", cells[5]) == re.findall(r"议题 (\d+)", translated[5]), row


def test_every_requirement_is_served_or_waits() -> None:
    """No row is empty: something serves it, or it names what it waits for."""
    for row, cells in _rows("requirements.md").items():
        assert any(cells[1:]), row


def test_no_row_rests_on_a_missing_test() -> None:
    """A test that a requirement names exists."""
    named = {cell.strip("`") for cells in _rows("requirements.md").values() for cell in cells[4].split(", ") if cell}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_both_readmes_show_the_same_commands() -> None:
    """A reader of either language types the same."""
    assert _shell_blocks("README.md") == _shell_blocks("README.zh-CN.md")


def test_readme_names_only_targets_that_exist() -> None:
    """Every `make` word of the documentation is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {
        word for page in pages for word in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    }
    assert {"up", "down", "test"} <= named <= targets


@pytest.mark.parametrize("script", [".ci/run", "tools/make_venv.sh", "tools/peers.sh"])
def test_shell_scripts_are_well_formed(script: str) -> None:
    """A script is read to its end by the shell that will run it."""
    shell = (ROOT / script).read_text("utf-8").splitlines()[0].removeprefix("#!").split()[-1]
    subprocess.run([shell, "-n", ROOT / script], check=True)


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    """Without a fitting Python, `make up` says which one it needs."""
    done = _make_venv(tmp_path, "exit 1")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


def test_a_missing_venv_package_is_named(tmp_path: Path) -> None:
    """Without Debian's python3-venv, the message names the package and nothing is left behind."""
    done = _make_venv(tmp_path, 'case "$2" in *ensurepip*) exit 1;; *version_info\\[*) echo 3.11;; esac; exit 0')
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def _make_venv(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    """Run the script where every Python is the given few words of shell."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("python", "python3", *(f"python3.{minor}" for minor in range(11, 15))):
        (programs / name).write_text(f"#!/bin/sh\n{python}\n", "utf-8")
        (programs / name).chmod(0o755)
    return subprocess.run(
        ["/bin/sh", ROOT / "tools" / "make_venv.sh"],
        cwd=folder,
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_licence_is_named_once_and_present() -> None:
    """The package says Apache-2.0, and the text lies beside it."""
    assert tomllib.loads(PYPROJECT)["project"]["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")[:100]


def test_every_dependency_is_bounded() -> None:
    """A dependency has a lower and an upper bound."""
    project = tomllib.loads(PYPROJECT)["project"]
    assert [one for one in project["dependencies"] if not re.fullmatch(r"[a-z0-9\[\]-]+>=[\d.]+,<[\d.]+", one)] == []


def test_every_import_is_a_declared_dependency() -> None:
    """What the source imports is what an installation brings; nothing rests on a package that happens to be there."""
    project = tomllib.loads(PYPROJECT)["project"]
    # What an extra brings is imported where it is asked for, and its absence is told in words.
    extras = [one for name, found in project["optional-dependencies"].items() if name != "dev" for one in found]
    declared = {re.split(r"[>\[]", one)[0] for one in [*project["dependencies"], *extras]}
    owners = packages_distributions()
    missing = set()
    for name in _imported() - sys.stdlib_module_names - {"steersman"}:
        brought_by = {owner.lower().replace("_", "-") for owner in owners[name]}
        if not brought_by & declared:
            missing.add(name)
    assert missing == set()


def _imported() -> set[str]:
    names: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names


def _service(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the script behind `make up` and `make down`."""
    command = [sys.executable, ROOT / "tools" / "service.py", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_down_never_stops_a_stranger(tmp_path: Path) -> None:
    """A pid file from before a reboot names a pid that now belongs to somebody else: it is left alone."""
    with subprocess.Popen(["sleep", "60"]) as stranger:
        note = {"pid": stranger.pid, "start_time": "1", "listen": "127.0.0.1:1"}
        (tmp_path / "data.pid").write_text(json.dumps(note), "utf-8")
        done = _service("down", "--data", str(tmp_path / "data"))
        assert (done.returncode, done.stdout.strip()) == (0, "It does not run.")
        assert stranger.poll() is None
        stranger.kill()


def test_up_shows_why_it_could_not_start(tmp_path: Path) -> None:
    """When the port is taken, `make up` fails and shows the end of the log."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = _service("up", "--data", str(tmp_path / "data"), "--listen", address)
    assert done.returncode == 1
    assert "before it was ready" in done.stdout
    assert not (tmp_path / "data.pid").exists()


@pytest.mark.slow
def test_a_fresh_clone_starts_and_stops(tmp_path: Path) -> None:
    """`make up` in a fresh clone installs, starts and says where; twice is once; `make down` stops it."""
    clone, address = tmp_path / "clone", _free_address()
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    try:
        first, second = (_make(clone, "up", f"LISTEN={address}") for _ in range(2))
        assert f"http://{address}/" in first
        assert "already runs" in second
        assert (clone / "data" / "secrets" / "bootstrap-token").stat().st_mode & 0o777 == 0o600
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=5) as answer:
            assert answer.status == 200
    finally:
        last = _make(clone, "down")
    assert "Stopped." in last


def _make(folder: Path, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("STEERSMAN", "MAKE"))}
    done = subprocess.run(
        ["make", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
