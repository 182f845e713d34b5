"""The documentation is true: links lead somewhere, examples load, and the reference says what the code declares."""

from __future__ import annotations

import json
import os
import re
import runpy
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from steersman.cli import found_commands
from steersman.contract.service import Service
from steersman.runtime.registry import GROUP, HOUSE_PATHS
from steersman.runtime.settings import load

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.fixture(scope="module")
def services() -> list[Service]:
    return [point.load() for point in entry_points(group=GROUP)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture of a page exists, and so does the heading that it names."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name} links {target}"
        if heading:
            assert heading in _headings(found), f"{page.name} links {target}"


def _headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_example_settings_load(services: list[Service]) -> None:
    """A person may start with the example as it is."""
    sections = {service.section_name: service.settings for service in services if service.settings}
    settings = load(ROOT / "docs" / "steersman.example.toml", {}, {}, sections)
    assert settings.house.listen == "127.0.0.1:7600"


def test_named_commands_exist() -> None:
    """Every `steersman ...` of the documentation is a declared command or a group of them."""
    known = set(found_commands())
    groups = {name.split()[0] for name in known}
    for page in PAGES:
        for words in re.findall(r"(?:`|bin/)steersman ((?:[a-z]+ ?)+)", page.read_text("utf-8")):
            first = words.split()[0]
            assert first in groups, f"{page.name} names steersman {first}"


def test_named_addresses_exist(services: list[Service]) -> None:
    """Every address of the READMEs and of the requirements is declared by somebody."""
    declared = {_shape(path) for path in HOUSE_PATHS}
    for service in services:
        declared |= {_shape(one.path) for one in (*service.routes, *service.raw_routes, *service.pages)}
    for page in ("README.md", "README.zh-CN.md", "docs/requirements.md"):
        text = (ROOT / page).read_text("utf-8")
        served = "\n".join(line for line in text.splitlines() if "| " not in line or "later issue" not in line)
        for path in re.findall(r"(?:7600|`)(/(?:api|v1|loki|healthz|readyz|metrics|openapi)[\w/.]*)", served):
            if path not in {"/api/ops", "/metrics"}:
                assert _shape(path) in declared, f"{page} names {path}"


def _shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_the_reference_is_current() -> None:
    """`docs/reference.md` is what `make reference` writes now: every setting, signal, action and permission is in it."""
    written = runpy.run_path(str(ROOT / "tools" / "reference.py"))["page"]()
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == written


def test_every_folder_is_explained() -> None:
    """The architecture has a row for each part of the package."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    parts = {path.name for path in (ROOT / "src" / "steersman").iterdir() if (path / "__init__.py").exists()}
    assert {part for part in parts if f"| `{part}/` |" not in text} == set()


def test_named_modules_exist() -> None:
    """A file that the architecture names is where it says."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    names = set(re.findall(r"`([a-z_/]+\.py)`", text)) - {"manifest.py"}
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("*.py")]
    assert {name for name in names if not any(file.endswith(name) for file in files)} == set()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A platform of its own: its folder and its address."""
    folder = tmp_path_factory.mktemp("readme")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [str(Path(sys.executable).with_name("steersman")), "up", "--data", "data", "--listen", address]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STEERSMAN_")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_until_ready(process, address, folder / "log")
        yield folder, address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{address}/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    pytest.fail(f"the platform did not become ready:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def _examples() -> list[str]:
    """Every curl of the README, with its continuation lines."""
    text = (ROOT / "README.md").read_text("utf-8").replace("\\\n", " ")
    return [
        line
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if "curl" in line
    ]


def _run(line: str, folder: Path, address: str) -> str:
    words = f"TOKEN=$(cat data/secrets/bootstrap-token)\n{line}".replace("127.0.0.1:7600", address)
    done = subprocess.run(
        ["bash", "-euc", words.replace("curl -s", "curl -sS --fail-with-body")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.needs("curl")
def test_every_curl_of_the_readme_succeeds(platform: tuple[Path, str]) -> None:
    """What a reader copies from the README is answered with success, and the answers are JSON."""
    examples = _examples()
    assert len(examples) >= 5
    for line in examples:
        answer = _run(line, *platform)
        assert not answer or json.loads(answer) is not None


@pytest.mark.needs("curl")
def test_the_log_line_of_the_readme_is_found(platform: tuple[Path, str]) -> None:
    """The line that the README sends is the line that its search finds, within the two seconds that are promised."""
    push, search = (next(line for line in _examples() if word in line) for word in ("loki", "logs/search"))
    _run(push, *platform)
    end = time.monotonic() + 2
    while "payment took 4.2 s" not in _run(search, *platform):
        assert time.monotonic() < end, "not searchable within 2 s"
