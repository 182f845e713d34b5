"""The command line: quick help, typed options, one clear line when something is wrong."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from steersman import __version__, cli
from steersman.contract.service import Command
from steersman.model.errors import InvalidInput, Temporary

STEERSMAN = Path(sys.executable).parent / "steersman"
#: What a person waits without noticing (DESIGN section 8); measured as the best of a few, because others share the machine.
HELP_SECONDS = 0.3


def greet(name: str, times: int = 1, fail: str = "") -> int | None:
    failures: dict[str, BaseException] = {
        "input": InvalidInput("that is no name"),
        "later": Temporary("come back"),
        "file": FileNotFoundError(2, "No such file or directory", "x.json"),
        "defect": RuntimeError("oops"),
        "interrupt": KeyboardInterrupt(),
    }
    if fail:
        raise failures[fail]
    print(f"hello {name} " * times)
    return 7 if name == "seven" else None


COMMANDS = (
    Command(name="greet", help="Say hello.", target=f"{__name__}:greet", permission="local"),
    Command(name="bench ingest", help="Measure intake.", target="nowhere:nothing", permission="local"),
    Command(name="bench query", help="Measure queries.", target="nowhere:nothing", permission="local"),
)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "found_commands", lambda: {command.name: command for command in COMMANDS})
    monkeypatch.setattr(cli, "target", lambda _command: greet)


def test_help_is_quick_and_imports_no_framework() -> None:
    """`steersman --help` answers before a person notices."""

    def once() -> float:
        began = time.perf_counter()
        subprocess.run([STEERSMAN, "--help"], check=True, capture_output=True)
        return time.perf_counter() - began

    assert min(once() for _ in range(5)) < HELP_SECONDS
    listing = "import sys; from steersman.cli import run; run(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", listing], check=True, capture_output=True, text=True).stderr
    for heavy in ("typer", "fastapi", "numpy", "pydantic", "sqlalchemy", "asyncio"):
        assert f"'{heavy}'" not in loaded


@pytest.mark.usefixtures("commands")
def test_every_command_is_listed_with_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the list is shown; asked for, that is a success."""
    assert cli.run([]) == 0
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "  bench ingest  Measure intake.\n" in shown
    assert "  greet         Say hello.\n" in shown


@pytest.mark.usefixtures("commands")
def test_a_group_lists_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A group alone is an incomplete call, and shows the way."""
    assert cli.run(["bench"]) == 2
    assert cli.run(["bench", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "bench query" in shown
    assert "greet" not in shown


@pytest.mark.usefixtures("commands")
def test_options_come_from_the_signature(capsys: pytest.CaptureFixture[str]) -> None:
    """Names, types and defaults are the function's own; its number is the exit code."""
    assert cli.run(["greet", "you", "--times", "2"]) == 0
    assert capsys.readouterr().out == "hello you hello you \n"
    assert cli.run(["greet", "seven"]) == 7
    assert cli.run(["greet", "--help"]) == 0
    assert "--times" in capsys.readouterr().out


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["gret"], 2, "there is no command 'gret'; did you mean 'greet'?"),
        (["bench", "ingst"], 2, "there is no command 'bench ingst'; did you mean 'bench ingest'?"),
        (["zzz"], 2, "there is no command 'zzz'; see steersman --help"),
        (["greet"], 2, "Missing argument 'name'"),
        (["greet", "a", "--nope"], 2, "No such option: --nope"),
        (["greet", "a", "--times", "many"], 2, "Invalid value for '--times': "),
        (["greet", "a", "--fail", "input"], 2, "that is no name"),
        (["greet", "a", "--fail", "later"], 1, "come back"),
        (["greet", "a", "--fail", "file"], 1, "No such file or directory: 'x.json'"),
        (["greet", "a", "--fail", "defect"], 1, "unexpected RuntimeError: oops"),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: list[str], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong call ends with 2, a failure with 1, and neither with a traceback."""
    assert cli.run(arguments) == code
    told = capsys.readouterr().err
    assert told.startswith("steersman: ")
    assert line in told
    assert told.count("\n") == 1


@pytest.mark.usefixtures("commands")
def test_debug_shows_the_traceback() -> None:
    """Who asks for it gets the error itself."""
    with pytest.raises(RuntimeError, match="oops"):
        cli.run(["--debug", "greet", "a", "--fail", "defect"])


@pytest.mark.usefixtures("commands")
def test_an_interrupt_ends_as_shells_expect() -> None:
    """Ctrl-C is 128 plus the number of SIGINT."""
    assert cli.run(["greet", "a", "--fail", "interrupt"]) == 130


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    """One number, in one place."""
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"steersman {__version__}\n"


def test_a_plugin_that_does_not_load_costs_only_its_own_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others still work, and the broken one is named."""
    points: Any = [
        EntryPoint("house", "steersman.runtime.commands:COMMANDS", cli.GROUP),
        EntryPoint("broken", "steersman.nowhere:COMMANDS", cli.GROUP),
    ]
    monkeypatch.setattr(cli, "entry_points", lambda group: points)
    assert "up" in cli.found_commands()
    assert "steersman.nowhere:COMMANDS do not load" in capsys.readouterr().err


def test_two_plugins_cannot_have_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one would run must not depend on a name's order."""
    points: Any = [EntryPoint(name, "steersman.runtime.commands:COMMANDS", cli.GROUP) for name in ("one", "two")]
    monkeypatch.setattr(cli, "entry_points", lambda group: points)
    with pytest.raises(InvalidInput, match="two plug-ins declare the command"):
        cli.found_commands()


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    """`steersman --help | head -1` ends quietly."""
    command = f"{STEERSMAN} --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("command", cli.found_commands().values(), ids=lambda command: command.name)
def test_every_installed_command_leads_to_a_function(command: Command) -> None:
    """What help lists can be run."""
    assert callable(cli.target(command))
