"""Lets people record what the loop is told: each listener gets every round as the bytes of a recording.

A recording begins with everything that the loop knew then, so that it decides the same again. A listener that does not
read in time loses the recording, not the loop its pace.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from steersman.engine.recording.frames import FIRST_LINE, frame
from steersman.model.errors import Temporary
from steersman.model.rounds import NewSeries, Round

#: Rounds that may wait for a slow listener: half a minute.
_WAITING = 30


class Recorder:
    """Hands rounds to listeners. `beginning` returns the snapshot frame; it and `note` run between two rounds."""

    def __init__(self, beginning: Callable[[], bytes]) -> None:
        self._beginning = beginning
        self._listeners: dict[asyncio.Queue[bytes | None], bool] = {}
        self._series: list[NewSeries] = []

    def note(self, round: Round) -> None:
        """Hand a round to every listener; the first one of each names all series that are known."""
        self._learn(round.telemetry.new_series)
        if not self._listeners:
            return
        usual = frame(round)
        for queue, begun in list(self._listeners.items()):
            content = usual
            if not begun:
                telemetry = replace(round.telemetry, new_series=tuple(self._series))
                content = self._beginning() + frame(replace(round, telemetry=telemetry))
                self._listeners[queue] = True
            if queue.full():
                self._end(queue)
            else:
                queue.put_nowait(content)

    def _learn(self, new: tuple[NewSeries, ...]) -> None:
        for one in new:
            if one.first == 0:
                self._series.clear()
            self._series.append(one)

    def _end(self, queue: asyncio.Queue[bytes | None]) -> None:
        """Drop a listener that is too slow; it finds out by the end of its stream."""
        del self._listeners[queue]
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    async def listen(self) -> AsyncIterator[bytes]:
        """Yield the bytes of a recording, for as long as somebody reads."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)
        self._listeners[queue] = False
        try:
            yield FIRST_LINE
            while (content := await queue.get()) is not None:
                yield content
            raise Temporary("the recording was not read fast enough and ended")
        finally:
            with contextlib.suppress(KeyError):
                del self._listeners[queue]
