"""The command line, derived from the commands that services declare.

Finding and listing commands imports no handler, no framework and no typer: help answers at once. A command's own
options come from the typed signature of its function. A wrong call ends with 2, a failure with 1, each with one
clear line; a traceback is for `--debug`.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from steersman import __version__
from steersman.contract.service import Command
from steersman.model.errors import InvalidInput, SteersmanError

GROUP = "steersman.commands"
_WRONG_CALL = 2
_FAILED = 1
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it

_INTRODUCTION = """\
Steersman: a self-hosted AI platform that operates itself.

Usage: steersman [--debug] COMMAND [OPTIONS]

Commands:
"""
_AFTERWORD = """
  --version  Print the version.
  --debug    Show the traceback of an error.

`steersman COMMAND --help` shows the options of a command.
"""


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    words = list(arguments)
    debug = words[:1] == ["--debug"]
    if debug:
        words.pop(0)
    try:
        return _dispatch(words, found_commands())
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough. Python flushes stdout once more at exit; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        return _complain(error)


def found_commands() -> dict[str, Command]:
    """Return every declared command by name; a plug-in that does not load costs only its own commands."""
    commands: dict[str, Command] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            declared: tuple[Command, ...] = point.load()
        except (ImportError, AttributeError) as error:
            _say(f"the commands {point.value} do not load and are left out: {error}")
            continue
        for command in declared:
            if command.name in commands:
                raise InvalidInput(f"two plug-ins declare the command {command.name!r}, one is {point.value}")
            commands[command.name] = command
    return commands


def _dispatch(words: list[str], commands: Mapping[str, Command]) -> int:
    if words == ["--version"]:
        sys.stdout.write(f"steersman {__version__}\n")
        return 0
    name, rest = _split(words, commands)
    if name in commands:
        return _invoke(commands[name], rest)
    if rest and rest[0] not in {"--help", "-h"}:
        raise InvalidInput(_unknown(f"{name} {rest[0]}".strip(), commands))
    sys.stdout.write(_overview(name, commands))
    return 0 if rest or not words else _WRONG_CALL


def _split(words: Sequence[str], commands: Mapping[str, Command]) -> tuple[str, list[str]]:
    """Take the longest run of leading words that is a command or a group."""
    known = {" ".join(name.split()[:depth]) for name in commands for depth in range(1, len(name.split()) + 1)}
    taken = 0
    while taken < len(words) and " ".join(words[: taken + 1]) in known:
        taken += 1
    return " ".join(words[:taken]), list(words[taken:])


def _overview(group: str, commands: Mapping[str, Command]) -> str:
    inside = [command for name, command in sorted(commands.items()) if not group or name.startswith(f"{group} ")]
    width = max((len(command.name) for command in inside), default=0)
    lines = [f"  {command.name:<{width}}  {command.help}\n" for command in inside]
    head = f"Usage: steersman {group} COMMAND [OPTIONS]\n\nCommands:\n" if group else _INTRODUCTION
    return head + "".join(lines) + ("" if group else _AFTERWORD)


def _unknown(given: str, commands: Mapping[str, Command]) -> str:
    close = difflib.get_close_matches(given, commands, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "see steersman --help"
    return f"there is no command {given!r}; {hint}"


def _invoke(command: Command, arguments: list[str]) -> int:
    """Build the options from the function's signature and call it; its integer result is the exit code."""
    import typer

    parser = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    parser.command(help=command.help)(target(command))
    result = typer.main.get_command(parser).main(arguments, f"steersman {command.name}", standalone_mode=False)
    return result if isinstance(result, int) else 0


def target(command: Command) -> Callable[..., Any]:
    """Import the function behind a command."""
    import importlib

    from steersman.runtime.kernels import use_cache

    # Before the command's module may import Numba, which reads only once where its cache is.
    use_cache()
    module, _, name = command.target.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def _complain(error: Exception) -> int:
    """Say in one line what is wrong, and return the exit code."""
    if isinstance(error, SteersmanError):
        _say(error.message)
        return _WRONG_CALL if isinstance(error, InvalidInput) else _FAILED
    # typer's own errors carry an exit code; importing typer only to name their class would slow every failure.
    code: int | None = getattr(error, "exit_code", None)
    if code is not None:
        describe: Callable[[], str] = getattr(error, "format_message", error.__str__)
        _say(describe() or "aborted")
        return code
    if isinstance(error, OSError):
        _say(str(error))
        return _FAILED
    _say(f"unexpected {type(error).__name__}: {error} (steersman --debug ... shows where)")
    return _FAILED


def _say(line: str) -> None:
    sys.stderr.write(f"steersman: {line}\n")


if __name__ == "__main__":
    main()
