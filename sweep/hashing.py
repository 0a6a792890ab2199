"""Names by content: the same data always has the same one."""

import dataclasses
import hashlib
import json
from typing import Any


def content_hash(value: Any) -> str:
    """Twelve hex digits of the canonical JSON of `value` (a dataclass or plain data)."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
