"""Asks disks for their SMART data through smartctl, where it is installed and devices are configured."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

from steersman.services.maintenance.logic.kernel_lines import disk_of
from steersman.services.maintenance.logic.smart import signs_of
from steersman.services.maintenance.model.hazard import ComponentKey, Part, Sign
from steersman.services.maintenance.model.settings import MaintenanceSettings

#: A disk that sleeps needs some seconds to wake; one that does not answer is not waited for.
_PATIENCE_SECONDS = 30.0
_HOUR_MS = 3_600_000


@dataclass(slots=True)
class SmartDisks:
    """The configured disks. Between two questions the last answer holds; `trouble` says which could not be asked."""

    settings: MaintenanceSettings
    trouble: dict[str, str] = field(default_factory=dict)
    _signs: dict[ComponentKey, list[Sign]] = field(default_factory=dict)
    _asked_ms: int | None = None

    def signs(self, now_ms: int) -> Iterator[tuple[ComponentKey, Sign | None]]:
        """Yield each disk with each of its signs, or with None where nothing is wrong."""
        due = self._asked_ms is None or now_ms - self._asked_ms >= self.settings.smart_hours * _HOUR_MS
        if self.settings.smart_devices and due:
            self._asked_ms = now_ms
            for device in self.settings.smart_devices:
                self._ask(device, now_ms)
        for key, signs in self._signs.items():
            yield from ((key, sign) for sign in signs) if signs else ((key, None),)

    def _ask(self, device: str, now_ms: int) -> None:
        key = ComponentKey(Part.DISK, socket.gethostname(), disk_of(device))
        self._signs.pop(key, None)
        program = shutil.which(self.settings.smartctl)
        if program is None:
            self.trouble[device] = f"{self.settings.smartctl} is not installed"
            return
        command = [program, "--json", "-a", device]
        try:
            # Its exit status is a mask of bits of which some only say that the disk is unwell.
            done = subprocess.run(command, capture_output=True, check=False, timeout=_PATIENCE_SECONDS)
            report = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            self.trouble[device] = f"smartctl gave no answer: {error}"
            return
        if not isinstance(report, dict) or "smart_status" not in report:
            self.trouble[device] = "the device tells no SMART status"
            return
        self.trouble.pop(device, None)
        self._signs[key] = [
            Sign(rule, rule.words.format(value=value), f"smartctl -a {device}", now_ms)
            for rule, value in signs_of(report)
        ]
