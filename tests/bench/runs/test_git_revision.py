"""The revision in run.json is that of this project, and of nothing that it happens to lie in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bench.runs.record import git_revision
from tests.helpers.harness import copy_sources

PROJECT = '[project]\nname = "denoisebench"\n'


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *identity, *words], cwd=folder, env=alone, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository of this project."""
    root = tmp_path / "project"
    root.mkdir()
    copy_sources(root)
    (root / "pyproject.toml").write_text(PROJECT)
    (root / ".gitignore").write_text("__pycache__/\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    return root


def test_its_own_and_whether_its_packages_were_changed(project: Path) -> None:
    short = git(project, "rev-parse", "--short", "HEAD")
    assert git_revision(project) == short
    (project / "README.md").write_text("no part of the packages")
    (project / "methods" / "__pycache__").mkdir(exist_ok=True)
    (project / "methods" / "__pycache__" / "x.pyc").write_text("")
    assert git_revision(project) == short
    (project / "methods" / "mine.py").write_text("")  # a method that nobody has committed
    assert git_revision(project) == f"{short}+"
    git(project, "config", "status.showUntrackedFiles", "no")
    assert git_revision(project) == f"{short}+"
    (project / ".git" / "info" / "exclude").write_text("mine.py\n*.swp\n")
    assert git_revision(project) == f"{short}+"
    (project / "methods" / "mine.py").unlink()
    (project / "methods" / ".model.py.swp").write_text("")
    assert git_revision(project) == short
    (project / "noise" / "model.py").write_text("")
    assert git_revision(project) == f"{short}+"


def test_nothing_of_another_repository(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    inside = other / ".venv" / "lib" / "site-packages"
    inside.mkdir(parents=True)
    copy_sources(inside)
    git(other, "init", "-q")
    git(other, "add", "-f", ".")
    git(other, "commit", "-qm", "everything, packages too")
    assert git_revision(inside) is None  # installed in an environment of that repository
    (inside / "pyproject.toml").write_text(PROJECT)
    assert git_revision(inside) is None  # or unpacked somewhere below it
    (other / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert git_revision(other) is None
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))  # as in a hook of that repository
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert git_revision(project) == git(project, "rev-parse", "--short", "HEAD")


def test_nothing_where_the_sources_are_not_tracked_or_there_is_no_commit(project: Path, tmp_path: Path) -> None:
    git(project, "rm", "-rq", "--cached", "bench")
    git(project, "commit", "-qm", "without")
    assert git_revision(project) is None
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    copy_sources(fresh)
    for text in (PROJECT, "project = 3", "[project", ""):
        (fresh / "pyproject.toml").write_text(text)
        assert git_revision(fresh) is None
    git(fresh, "init", "-q")
    (fresh / "pyproject.toml").write_text(PROJECT)
    git(fresh, "add", ".")
    assert git_revision(fresh) is None
