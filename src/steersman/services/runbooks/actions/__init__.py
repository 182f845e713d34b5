"""Run a declared command or webhook as a remedy: one action for each class of risk, as its owner declared it.

Under one key a command is run once. Where the platform was killed meanwhile, the check says whether there is still
something to do; without a check the run is not repeated, and a person is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from steersman.contract.ports import Context, Masking
from steersman.contract.service import Action, Preview
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict, InvalidInput, NotFound, Permanent, Temporary
from steersman.services.runbooks.actions.process import Ending, run, still_running
from steersman.services.runbooks.actions.revealing import revealed
from steersman.services.runbooks.actions.webhook import call
from steersman.services.runbooks.model import RISKS, Ran, RiskName, Run, Runbook, entity_of
from steersman.services.runbooks.store import Book, Runs

PERMISSION = "runbooks.commands.run"
#: Above the longest that a runbook may take, with the checks around it.
_TIMEOUT_SECONDS = 900.0


def _book(context: Context) -> Book:
    state: Runs | Book = context.state
    return state.looking if isinstance(state, Runs) else state


def _find(book: Book, risk: RiskName, args: Run) -> Runbook:
    """Return a runbook of this class; raises `NotFound`, or `InvalidInput` for another class or target."""
    found = book.runbooks.get(args.name)
    if found is None:
        raise NotFound(f"no runbook {args.name} is declared")
    if found.risk != risk:
        raise InvalidInput(f"the runbook {args.name} is {found.risk}: ask for run_{found.risk}")
    if found.target != args.target:
        raise InvalidInput(f"the runbook {args.name} is for {found.target}, not for {args.target}")
    return found


def _preview(risk: RiskName, context: Context, args: Run) -> Preview:
    runbook = _find(_book(context), risk, args)
    undo = f"run {' '.join(runbook.undo_command)}" if runbook.undo_command else "its owner declared no way back"
    changes = {"runbook": args.name, "target": runbook.target, "timeout_seconds": runbook.timeout_seconds}
    return Preview(f"run {runbook.words} for {runbook.target}", undo, changes)


def _apply(risk: RiskName, context: Context, key: str, args: Run) -> Ran:
    runs: Runs = context.state
    runbook = _find(runs.looking, risk, args)
    if (ended := runs.ended(key)) is not None:
        return _demand_success(ended)
    if runs.begun(key) and runbook.command:
        _demand_repeatable(runbook, args, key)
    if runbook.check_command and _run(context, runbook, runbook.check_command, args, key).code == 0:
        words = "the check says that there is nothing to do any more"
        return runs.end(key, Ran(args.name, 0, words, needed=runs.begun(key)))
    runs.begin(key, args.name)
    if runbook.webhook is not None:
        headers, body = revealed(context, runbook.webhook.headers), _body(context, args, key)
        ran = call(runbook.webhook, headers, body, runbook.timeout_seconds)
        return runs.end(key, replace(ran, output=_masking(context).text("logs", ran.output)))
    return _demand_success(runs.end(key, _told(args.name, _run(context, runbook, runbook.command, args, key), runbook)))


def _masking(context: Context) -> Masking:
    found: Masking = context.ports.provided[Masking]
    return found


def _body(context: Context, args: Run, key: str) -> dict[str, str]:
    """Say what is asked for. The key stays as it is: it is how the receiver knows a repetition."""
    return {"runbook": args.name, "target": _masking(context).text("notifications", args.target), "key": key}


def _demand_repeatable(runbook: Runbook, args: Run, key: str) -> None:
    """Refuse to run again what may have run to its end, or still does."""
    if still_running(f"STEERSMAN_KEY={key}"):
        raise Temporary(f"the runbook {args.name} is still running from before the platform was ended")
    if not runbook.check_command:
        raise Permanent(
            f"the runbook {args.name} was begun and its end was not seen; without a check_command it is not repeated"
        )


def _run(context: Context, runbook: Runbook, command: tuple[str, ...], args: Run, key: str) -> Ending:
    own = revealed(context, runbook.environment)
    environment = {
        **own.values,
        "STEERSMAN_KEY": key,
        "STEERSMAN_RUNBOOK": args.name,
        "STEERSMAN_TARGET": args.target,
    }
    ended = run(command, runbook.folder, environment, runbook.timeout_seconds)
    return Ending(ended.code, _masking(context).text("logs", own.without(ended.output)))


def _told(name: str, ending: Ending, runbook: Runbook) -> Ran:
    if ending.code is None:
        return Ran(name, -1, f"ended after {runbook.timeout_seconds} s: {ending.output}", failed=True)
    return Ran(name, ending.code, ending.output, failed=ending.code != 0)


def _demand_success(ran: Ran) -> Ran:
    """A command that failed is a failed action, also when its key is asked again."""
    if ran.failed:
        raise Permanent(f"the runbook {ran.name} ended with {ran.code}: {ran.output[-400:]}")
    return ran


def _undo(risk: RiskName, context: Context, key: str, args: Run, result: Ran) -> None:
    runs: Runs = context.state
    runbook = _find(runs.looking, risk, args)
    if not result.needed:
        return
    if not runbook.undo_command:
        raise Conflict(f"the runbook {args.name} declares no undo_command")
    ending = _run(context, runbook, runbook.undo_command, args, key)
    if ending.code != 0:
        raise Permanent(f"the undo of the runbook {args.name} ended with {ending.code}: {ending.output[-400:]}")


def _propose(risk: RiskName, context: Context, entity: Entity, cause: CauseKind) -> Iterator[Run]:
    for name, runbook in sorted(_book(context).runbooks.items()):
        if runbook.risk == risk and cause in runbook.helps and runbook.target == entity.ref:
            yield Run(name, runbook.target)


def _target(args: Run) -> Entity:
    try:
        return entity_of(args.target)
    except ValueError as error:
        raise InvalidInput(str(error)) from error


def _bound(function: Callable[..., Any], risk: RiskName) -> Callable[..., Any]:
    """Give a function its class of risk."""

    def with_risk(context: Context, *given: Any) -> Any:
        return function(risk, context, *given)

    return with_risk


def _action(risk: RiskName) -> Action:
    reverse = _bound(_undo, risk)
    return Action(
        name=f"run_{risk}",
        help=f"Run a declared runbook that its owner calls {risk}.",
        args=Run,
        result=Ran,
        permission=PERMISSION,
        risk=RISKS[risk],
        preview=_bound(_preview, risk),
        apply=_bound(_apply, risk),
        target_kind=EntityKind.SERVICE,
        target=_target,
        helps=frozenset(CauseKind),
        propose=_bound(_propose, risk),
        timeout_seconds=_TIMEOUT_SECONDS,
        undo=reverse if risk == "reversible" else None,
        compensate=None if risk == "reversible" else reverse,
    )


ACTIONS = tuple(_action(risk) for risk in RISKS)
