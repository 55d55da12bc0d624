"""The rules between folders and files, held against docs/architecture.md: the map cannot lie."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.helpers.harness import ROOT

PACKAGES = ("noise", "methods", "bench", "reports")
MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
#: Rows of the first table: (place, files, sentence).
ROWS = re.findall(r"(?m)^\| `([^`]+)` \| (.*?) ?\| (.*?) \|$", MAP.split("## The way of a noise model")[0])
PLACES = [place for place, _, _ in ROWS]
#: Folders that may have more than 14 modules, and whose files the map does not list one by one.
OPEN = ("methods/", "noise/", "bench/commands/")


def modules() -> Iterator[tuple[str, Path]]:
    """(dotted name, file) of every module of the suite."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


FILES = dict(modules())


def imported(path: Path) -> set[str]:
    """The suite's modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in FILES else str(node.module) for name in inside]
        found |= {name for name in names if name in FILES}
    return found


IMPORTS = {name: imported(path) for name, path in FILES.items()}


def place(name: str) -> str:
    """The place on the map of a module: a file's own, else its folder's."""
    path = FILES[name].relative_to(ROOT)
    return path.as_posix() if path.as_posix() in PLACES else path.parent.as_posix() + "/"


#: A package's face hands on what is below it, and is no place of its own.
FACES = ("reports", "bench", "bench.__main__")


def test_every_folder_and_file_is_on_the_map() -> None:
    assert {place(name) for name in FILES if name not in FACES} == set(PLACES) and len(PLACES) > 15
    for folder, files, _ in ROWS:
        there = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"} if folder.endswith("/") else set()
        named = {word for word in re.findall(r"`([^`]+)`", files) if not word.endswith("/")}
        assert named == there or (folder in OPEN and named <= there), folder


def test_every_folder_says_what_lives_there() -> None:
    for where, _, sentence in ROWS:
        file = ROOT / where / "__init__.py" if where.endswith("/") else ROOT / where
        told = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
        assert told is not None and told.split("\n\n")[0] == sentence, where


@pytest.mark.parametrize("name", [name for name in FILES if name not in FACES])
def test_imports_go_from_a_line_of_the_map_to_lines_above_it(name: str) -> None:
    for other in IMPORTS[name] - {"reports"}:
        assert PLACES.index(place(other)) <= PLACES.index(place(name)), f"{name} imports {other}"


def test_no_circle_between_files() -> None:
    """A package's face is imported after what it hands on, so it counts as a file like any other."""
    assert len(list(TopologicalSorter(IMPORTS).static_order())) == len(FILES)


def test_packages_keep_apart() -> None:
    allowed = {"noise": {"noise"}, "methods": {"noise", "methods"}, "reports": {"reports"}, "bench": set(PACKAGES)}
    for name, others in IMPORTS.items():
        assert {other.split(".")[0] for other in others} <= allowed[name.split(".")[0]], name
        if any(other.split(".")[0] == "reports" for other in others) and not name.startswith("reports"):
            assert name.startswith("bench.commands."), name


def test_names_are_resolved_in_the_plan() -> None:
    """What comes after the plan is given noise models and methods, and looks up none."""
    for name, path in FILES.items():
        if re.match(r"bench\.(data|training|cells|executors|files|runs\.(?!record))", name):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"\b(method_of|model_of|models_of|(noise|methods)\.(get|catalogue))\b", text), name


def test_folders_and_files_can_be_read_in_a_sitting() -> None:
    for folder in {path.parent for path in FILES.values()}:
        if folder.relative_to(ROOT).as_posix() + "/" not in OPEN:
            assert len([path for path in folder.glob("*.py") if path.stem != "__init__"]) <= 14, folder
    sources = [path for path in ROOT.rglob("*") if path.suffix in (".py", ".html", ".css", ".js")]
    inside = {"bench", "methods", "noise", "reports", "tests"}
    for path in sources:
        if path.relative_to(ROOT).parts[0] in inside:
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path
    for path in (ROOT / "methods").glob("[a-z]*.py"):  # each reads like its paper
        most = 220 if path.stem == "nl_ridge" else 120
        assert len(path.read_text(encoding="utf-8").splitlines()) <= most, path


def test_faces_of_inner_folders_hand_on_nothing() -> None:
    for name, path in FILES.items():
        if path.stem == "__init__" and name not in (*PACKAGES,):
            assert len(ast.parse(path.read_text(encoding="utf-8")).body) == 1, name


def test_every_path_on_the_map_is_there() -> None:
    for path in re.findall(r"`((?:bench|methods|noise|reports|tests)/[\w/.]*)`", MAP):
        assert (ROOT / path).exists(), path
