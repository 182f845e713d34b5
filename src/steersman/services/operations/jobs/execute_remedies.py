"""Asks the installed actions what they could do. None can hold up the others, and one that fails is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import structlog

from steersman.contract.ports import Caller, Context
from steersman.contract.service import Action, Service
from steersman.model.incidents import Hypothesis
from steersman.model.plans import Remedy
from steersman.runtime.actions import Actions, Overdue, begun, plain
from steersman.runtime.house import House

_log = structlog.get_logger(__name__)

#: All of them are asked at once, and answer by then.
_SECONDS = 1.5
#: How long an effect may take where the action names no signal that it expects back.
_WITHIN_SECONDS = 30.0
#: A plug-in that proposes more than this for one cause has not understood the question.
_MOST = 20
_ASKING = Caller("operations", permissions=frozenset({"*"}))


@dataclass(frozen=True, slots=True)
class Offer:
    """An action that declares to help against the cause of a hypothesis."""

    service: Service
    action: Action
    hypothesis: Hypothesis

    @property
    def name(self) -> str:
        return f"{self.service.name}.{self.action.name}"


def proposed(house: House, actions: Actions, hypotheses: Sequence[Hypothesis]) -> list[Remedy]:
    """Return what could be done, in the order of the hypotheses, then of services and of their declarations."""
    offers = list(_offers(house, hypotheses))
    asked = [
        (offer, begun(f"the proposal of {offer.name}", partial(_answer, house, actions, offer))) for offer in offers
    ]
    clock = house.ports.clock
    deadline = clock.monotonic() + _SECONDS
    found: list[Remedy] = []
    for offer, answer in asked:
        try:
            found += answer.result(max(0.0, deadline - clock.monotonic()))
        except Overdue as late:
            _log.warning("no proposal in time", action=offer.name, reason=late.message)
        except Exception as error:  # noqa: BLE001 - whatever a plug-in raises, the others are heard
            _log.warning("a proposal failed", action=offer.name, reason=f"{type(error).__name__}: {error}")
    return found


def _offers(house: House, hypotheses: Sequence[Hypothesis]) -> Iterator[Offer]:
    services = sorted((one for one in house.services if house.started(one)), key=lambda service: service.name)
    for hypothesis in hypotheses:
        for service in services:
            for action in service.actions:
                if action.propose is not None and hypothesis.cause in action.helps:
                    yield Offer(service, action, hypothesis)


def _answer(house: House, actions: Actions, offer: Offer) -> list[Remedy]:
    action, hypothesis = offer.action, offer.hypothesis
    context = house.context(offer.service, _ASKING)
    wishes = action.propose(context, hypothesis.entity, hypothesis.cause) if action.propose else ()
    return [_remedy(actions, context, offer, args) for args in islice(wishes, _MOST)]


def _remedy(actions: Actions, context: Context, offer: Offer, args: Any) -> Remedy:
    action = offer.action
    preview = actions.preview(context, action, args)
    return Remedy(
        action=offer.name,
        args=plain(action.args, args),
        target=action.target(args),
        cause=offer.hypothesis.cause,
        risk=action.risk,
        summary=preview.summary,
        undo=preview.undo,
        reversible=action.undo is not None,
        gain=action.gain,
        within_seconds=max((one.within_seconds for one in action.expects), default=_WITHIN_SECONDS),
        expects=tuple(one.signal for one in action.expects),
        two_people=actions.asks_two_people(offer.service, action),
    )
