"""With what a campaign was made: revision, Python, packages."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess

from tests.helpers.harness import ROOT


def revision() -> str:
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return f"denoisebench {found.stdout.strip() or 'of unknown revision'}"


def versions(executor: str) -> str:
    packages = ("torch", "safetensors", "pebble", *(() if executor == "local" else (executor,)))
    return ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {importlib.metadata.version(name)}" for name in packages)]
    )
