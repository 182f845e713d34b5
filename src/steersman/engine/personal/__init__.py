"""Recognition of personal data and secrets in text, by their checksums and their surroundings, and their masking.

`recognise` says what stands where and why; `mask` hides it and keeps the form. Both are pure, bounded by the length of
the text, and know no language: what has a check digit is believed, what has none needs a word beside it.
"""

from __future__ import annotations

from steersman.engine.personal.kinds import SECRETS, Found, Kind
from steersman.engine.personal.masking import mask, masked
from steersman.engine.personal.recognising import recognise

__all__ = ["SECRETS", "Found", "Kind", "mask", "masked", "recognise"]
