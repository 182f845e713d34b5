"""The commands of operations. Only names and help texts: `steersman --help` imports this and nothing behind it."""

from __future__ import annotations

from steersman.contract.service import Command

_TARGETS: tuple[tuple[str, str, str], ...] = (
    ("follow", "follow:follow", "Follow what the loop of a running platform finds, decides, does and learns."),
    ("record", "record:record", "Record what the loop of a running platform is told, to decide upon it again."),
    ("replay", "replay:replay", "Decide upon a recording again, the same every time; compare with another policy."),
    ("approval list", "approvals:show", "List what waits for a second person."),
    ("approval confirm", "approvals:confirm", "Be the second person who wants something."),
    ("approval reject", "approvals:reject", "Say no to what somebody else wants: --reason says why."),
    ("approval withdraw", "approvals:withdraw", "Take back what you asked for."),
    ("bench api", "bench_api:api", "Measure the API with ten thousand incidents stored, and a flood of alerts."),
    ("bench loop", "bench_loop:loop", "Measure what detection, correlation and decision cost over many series."),
    ("drill", "drill.command:drill", "Break a real mesh on purpose and see what the platform makes of it."),
)

COMMANDS: tuple[Command, ...] = tuple(
    Command(name=name, help=text, target=f"{__name__}.{target}", permission="local") for name, target, text in _TARGETS
)
