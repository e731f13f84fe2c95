"""What is said to other programs: plain data, fit for JSON in any language."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any


def as_data(value: object) -> Any:
    """Dataclasses as dictionaries, ids as strings (they exceed what JavaScript and jq can count), times as ISO 8601."""
    if is_dataclass(value):
        return {part.name: _field(part.name, getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _field(str(name), item) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [as_data(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _field(name: str, value: object) -> Any:
    return str(value) if name.endswith("_id") and isinstance(value, int) else as_data(value)
