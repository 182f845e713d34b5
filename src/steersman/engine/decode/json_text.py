"""The one way in which attributes become text: compact JSON with sorted keys, so that equal sets are equal strings."""

from __future__ import annotations

import json

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)

#: Return the JSON text of a value that holds strings, finite numbers, booleans, None, lists and string-keyed dicts.
json_text = _ENCODER.encode
