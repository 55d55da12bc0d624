"""Writing the page to disk."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from reports.page.render import render
from reports.read.load import load


def write(run_directory: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of a run directory to `out` (default: report.html inside it) and return its path.

    The file is replaced in one step, so that a reader never meets half a page, even when the run is killed. A link that `out`
    names is followed; one inside a run directory is replaced, as that directory may be another's.
    Raises ValueError, one line, for a directory that holds no run; OSError where `out` cannot be written.
    """
    run = load(run_directory)
    target = run.directory / "report.html" if out is None else Path(os.path.realpath(out))
    page = render(run).encode("utf-8")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return target
