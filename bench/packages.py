"""The suite's own packages come first, whatever else has their names."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

#: Where this package lies, and the others beside it.
ROOT = Path(__file__).parents[1]
NAMES = ("noise", "methods", "reports")
#: Stands in the first lines of each of them: an installer may have put another package's files over ours.
MARK = "denoisebench"


class InTheWay(ImportError):
    """Something else is where one of the suite's packages ought to be: one line that names it."""


class _Beside:
    """Finds the packages beside `bench`, however `sys.path` goes: the working directory may hold a folder of that name."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in NAMES:
            return None
        spec = PathFinder.find_spec(name, [str(ROOT)])
        origin = Path((spec and spec.origin) or ROOT / name)
        if not origin.is_file() or MARK not in origin.read_text(encoding="utf-8", errors="replace")[:2000]:
            raise InTheWay(f"{origin}: is not the suite's package {name!r}: expected that; install denoisebench anew, alone")
        return spec


def working_directory_last() -> None:
    """Have what is installed win over what lies in the working directory, in this process and those that it starts.

    `python -m` looks there first: a file random.py, or a folder numpy, would be imported by whatever asks for that name.
    """
    first = sys.path[0] if sys.path else ""
    with suppress(OSError):  # a working directory that is gone
        if not first or Path(first) == ROOT or not Path(first).samefile("."):
            return
        beside = [str(ROOT)] if str(ROOT) not in sys.path else []  # an editable install, which a folder bench/ here would hide
        sys.path[:] = [*sys.path[1:], *beside, first]
        os.environ["PYTHONSAFEPATH"] = "1"  # of workers; that path is told to them


def claim() -> None:
    """Have `import noise` and the like mean the packages beside `bench` from now on, in this process.

    One of another place that was imported before is forgotten; who holds it keeps it.
    """
    if _Beside not in sys.meta_path:
        sys.meta_path.insert(0, _Beside)
    for name in NAMES:
        origin = getattr(getattr(sys.modules.get(name), "__spec__", None), "origin", None)
        if name in sys.modules and (origin is None or Path(origin).resolve().parents[1] != ROOT.resolve()):
            for module in [other for other in sys.modules if other == name or other.startswith(f"{name}.")]:
                del sys.modules[module]
