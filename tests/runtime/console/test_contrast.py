"""Every colour that carries text or a line can be told from what lies behind it (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steersman.runtime.console import assets

SHEET = (Path(assets.__file__).parent / "static" / "console.css").read_text("utf-8")
TOKENS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\);", SHEET)
}
TEXT = 4.5
GRAPHIC = 3.0


def _luminance(color: str) -> float:
    digits = color[1:] if len(color) > 4 else "".join(digit * 2 for digit in color[1:])
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        *[(front, back, TEXT) for front in ("ink", "muted", "accent") for back in ("card", "bg", "well")],
        *[(state, f"{state}-veil", TEXT) for state in ("good", "warn", "bad")],
        ("bad", "card", TEXT),
        ("card", "accent", TEXT),
        ("focus", "bg", GRAPHIC),
        *[(line, "card", GRAPHIC) for line in ("a", "b", "c", "d", "f", "good", "warn", "bad")],
    ],
)
def test_the_contrast_is_enough(theme: str, front: str, back: str, least: float) -> None:
    """4.5 to 1 for text, 3 to 1 for lines and marks, in both themes."""
    assert _contrast(TOKENS[front][theme], TOKENS[back][theme]) >= least
