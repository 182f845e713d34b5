"""The slice's state: the telemetry store in the data directory, and what the page and the senses share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from steersman.contract.ports import Ports
from steersman.engine.telemetry import TelemetryEngine
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.store import StoreOptions, TelemetryStore
from steersman.services.telemetry.model import StoreSettings, TelemetrySettings


@dataclass(frozen=True, slots=True)
class OpenStore:
    """The store and the settings it was opened with."""

    store: TelemetryStore
    settings: TelemetrySettings


def options_of(settings: StoreSettings) -> StoreOptions:
    """Translate the settings into the store's options."""
    return StoreOptions(**settings.model_dump())


@asynccontextmanager
async def open_store(ports: Ports) -> AsyncIterator[OpenStore]:
    """Open the store and take requests; what the disk holds becomes readable once `restore` has run."""
    settings = ports.settings.section(TelemetrySettings)
    folder = ports.data_dir / "telemetry"
    disk = LocalDisk()
    store = TelemetryStore(folder, disk, TelemetryEngine(), ports.clock, options_of(settings.store))
    disk.sync_folder(ports.data_dir)
    await store.start()
    try:
        yield OpenStore(store, settings)
    finally:
        await store.stop()
