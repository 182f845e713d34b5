"""Slows down whoever guesses passwords, and locks nobody out.

An attempt that follows failures waits before it is looked at, and then the right password still opens. An address that
fails often waits for its own failures. An account that fails often, from wherever, makes addresses wait that it never
signed in from; where its owner usually sits, nothing changes. Only how many attempts of one address wait at a time is
bounded: more are told to come back. Failures are counted together with the other processes; who waits, and who came
from where since the start, each process knows for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from steersman.model.errors import Throttled
from steersman.runtime.identity.failures import Failures

#: Failures that cost nothing: a person mistypes, and an office has one address.
_FREE_OF_ACCOUNT, _FREE_OF_ADDRESS, _FREE_OF_FAILING = 5, 20, 3
_FIRST_SECONDS, _LONGEST_SECONDS = 0.25, 5.0
_WAITING_PER_ADDRESS = 8
#: Of addresses that failed lately no more than so many attempts wait at a time, all together.
_WAITING_OF_FAILING = 32
#: And of all addresses that nobody signed in from since the start.
_WAITING_OF_STRANGERS = 96
_REMEMBERED = 10_000


class Throttle:
    """Says how long an attempt waits, on the event loop only."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._waiting: dict[str, int] = {}
        self._waiting_of_failing = self._waiting_of_strangers = 0
        self._regular: OrderedDict[str, None] = OrderedDict()

    def is_regular(self, address: str) -> bool:
        """Tell whether somebody signed in from there since the start, and nobody guesses from there."""
        return address in self._regular and not self.fails(address)

    def fails(self, address: str) -> bool:
        """Tell whether attempts from there failed lately more often than a person mistypes."""
        return self._failures.now(_of_address(address)) > _FREE_OF_FAILING

    def seconds(self, account: str, address: str, *, known: bool) -> float:
        """Return how long an attempt waits; `known` says that the account signed in from there before."""
        of_address = _delay(self._failures.now(_of_address(address)) - _FREE_OF_ADDRESS)
        of_account = 0.0 if known else _delay(self._failures.now(_of_account(account)) - _FREE_OF_ACCOUNT)
        return max(of_address, of_account)

    def failed(self, account: str, address: str) -> None:
        self._failures.add(_of_account(account))
        self._failures.add(_of_address(address))

    def succeeded(self, account: str, address: str) -> None:
        """Forget an account's failures; an address keeps its own, or one account of the guesser's would clear them."""
        self._failures.clear(_of_account(account))
        self._regular[address] = None
        self._regular.move_to_end(address)
        if len(self._regular) > _REMEMBERED:
            self._regular.popitem(last=False)

    @contextmanager
    def waiting(self, address: str) -> Iterator[None]:
        """Hold a place among an address's attempts; raises `Throttled` when it has too many already."""
        held, failing = self._waiting.get(address, 0), self.fails(address)
        stranger = not self.is_regular(address)
        crowded = (failing and self._waiting_of_failing >= _WAITING_OF_FAILING) or (
            stranger and self._waiting_of_strangers >= _WAITING_OF_STRANGERS
        )
        if held >= _WAITING_PER_ADDRESS or crowded:
            raise Throttled("too many attempts to sign in at once from this address", retry_after=_LONGEST_SECONDS)
        self._waiting[address] = held + 1
        self._waiting_of_failing += failing
        self._waiting_of_strangers += stranger
        try:
            yield
        finally:
            self._waiting_of_failing -= failing
            self._waiting_of_strangers -= stranger
            left = self._waiting[address] - 1
            if left:
                self._waiting[address] = left
            else:
                del self._waiting[address]


def _of_account(name: str) -> str:
    return f"account:{name}"


def _of_address(address: str) -> str:
    return f"address:{address}"


def _delay(failures: float) -> float:
    if failures <= 0:
        return 0.0
    return min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** min(failures, 10))
