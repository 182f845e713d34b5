"""The commands of privacy. Only names and help texts: `steersman --help` imports this and nothing behind it."""

from __future__ import annotations

from steersman.contract.service import Command

_TARGETS = (
    ("privacy record", "record", "Print what a running platform keeps about persons, why and for how long."),
    ("privacy export", "export", "Write all that is kept about somebody, as JSON or with --zip FILE as files."),
    ("privacy erase", "erase", "Take away what is kept about somebody, for good: --reason says why."),
    ("privacy erasures", "erasures", "List the erasures and how far each is."),
    (
        "privacy hold",
        "hold",
        "Keep all there is about somebody, whoever asks and however old it is: --reason says why.",
    ),
    ("privacy release", "release", "Lift a legal hold: --reason says why."),
    ("privacy holds", "holds", "List who is under a legal hold, and why."),
)

_BENCH = Command(
    name="bench personal",
    help="Measure how fast log lines are masked, and what of numbers with check digits is recognised.",
    target=f"{__name__}.bench_personal:personal",
    permission="local",
)
COMMANDS: tuple[Command, ...] = (
    *(
        Command(name=name, help=text, target=f"{__name__}.persons:{target}", permission="local")
        for name, target, text in _TARGETS
    ),
    _BENCH,
)
