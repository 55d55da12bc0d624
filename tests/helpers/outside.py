"""A package outside of the suite, as an installer leaves it: its modules, and what it tells of itself."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import methods
from methods import _outside


def install(
    site: Path,
    name: str,
    package: str,
    modules: Mapping[str, str],
    points: Mapping[str, str],
    group: str = "denoisebench.methods",
) -> None:
    """Write a package with these modules, and entry points of a group, into a folder for packages."""
    (site / package).mkdir(parents=True)
    (site / package / "__init__.py").write_text("")
    for module, text in modules.items():
        (site / package / f"{module}.py").write_text(text)
    info = site / f"{name.replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))


PROJECT = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "1.5"

[tool.setuptools]
packages = ["{package}"]

[project.entry-points."denoisebench.methods"]
{points}
"""


def pip_install(
    folder: Path, site: Path, name: str, package: str, modules: Mapping[str, str], points: Mapping[str, str]
) -> None:
    """Write a project with these modules and entry points into `folder`, and have pip build and install it into `site`."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text("")
    for module, text in modules.items():
        (folder / package / f"{module}.py").write_text(text)
    told = "\n".join(f'{point} = "{value}"' for point, value in points.items())
    (folder / "pyproject.toml").write_text(PROJECT.format(name=name, package=package, points=told))
    words = ("install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(site), str(folder))
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, timeout=300)


@contextmanager
def found(site: Path) -> Iterator[None]:
    """Have this process find what is in the folder, meanwhile."""

    def forget() -> None:
        importlib.invalidate_caches()
        for cached in (methods.catalogue, _outside.find_packaged, _outside.load_packaged):
            cached.cache_clear()

    before = set(sys.modules)
    sys.path.append(str(site))
    forget()
    try:
        yield
    finally:
        sys.path.remove(str(site))
        for module in set(sys.modules) - before:
            if module.startswith("outside_"):
                del sys.modules[module]
        forget()
