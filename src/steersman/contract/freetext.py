"""How a service says that a field holds prose, a query or a document, in which an attack is only observed.

Written into the schema of the field, `Field(json_schema_extra=FREE_TEXT)`, so that readers of the API see it too.
"""

from __future__ import annotations

from typing import Any, Final

FREE_TEXT_MARK: Final = "x-free-text"
FREE_TEXT: Final[dict[str, Any]] = {FREE_TEXT_MARK: True}
