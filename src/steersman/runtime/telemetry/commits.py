"""Changes of the manifest, one after the other, from whichever step has something to commit.

A change is a function of the manifest as it is at that moment, so a step that took long (a merge) and one that came
meanwhile (a checkpoint) do not undo each other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from steersman.runtime.telemetry import manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steersman.runtime.telemetry.disk import Disk
    from steersman.runtime.telemetry.manifest import Manifest

Result = TypeVar("Result")


async def to_the_end(function: Callable[..., Result], *arguments: object) -> Result:
    """Run a function on a thread and wait for it even when cancelled: half a commit must not go unnoticed."""
    work = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    cancelled = False
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled and (task := asyncio.current_task()) is not None:
        # Delivered at the next await, after the caller has taken note of the result.
        task.cancel()
    return work.result()


class Commits:
    """The manifest of a folder and the lock under which it changes. Lives on one event loop."""

    def __init__(self, folder: Path, disk: Disk, current: Manifest) -> None:
        self._folder, self._disk = folder, disk
        self.current = current
        self.lock = asyncio.Lock()

    async def change(
        self, change: Callable[[Manifest], Manifest], *folders: str, then: Callable[[Manifest], None]
    ) -> None:
        """Sync the folders and make the changed manifest the truth; `then` tells the readers before anybody else runs.

        Files that the manifest no longer names are removed last. Raises `OSError`, and then nothing has changed.
        """
        async with self.lock:
            before = self.current
            fresh = change(before)
            await to_the_end(self._write, fresh, folders)
            self.current = fresh
            then(fresh)
            for name in before.file_names() - fresh.file_names():
                self._disk.remove(self._folder / name)

    def _write(self, fresh: Manifest, folders: tuple[str, ...]) -> None:
        for folder in folders:
            self._disk.sync_folder(self._folder / folder)
        manifest.commit(self._folder, self._disk, fresh)
