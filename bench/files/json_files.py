"""JSON files, with a hash of their contents where they must be told from damaged ones."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from bench.files.writing import write_atomically


def write_json(path: Path, value: Any) -> None:
    text = json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in the file, or None where there is no such file or it does not hold a JSON object."""
    try:
        if not path.is_file():  # to open a pipe may take for ever
            return None
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def finite(value: Any) -> Any:
    """The value with null in the place of nan and infinities, which JSON has not."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_hashed(path: Path, record: dict[str, Any]) -> None:
    """Store a record with a hash of its contents."""
    record = finite(record)
    write_json(path, record | {"sha256": record_sha256(record)})


def record_sha256(record: dict[str, Any]) -> str:
    """Of everything in a record but the hash itself."""
    rest = {key: value for key, value in record.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def read_again(value: dict[str, Any]) -> dict[str, Any]:
    """The value as it comes back from a file, to be compared with what does."""
    return dict(json.loads(json.dumps(finite(value))))
