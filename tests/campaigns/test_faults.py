"""Whole runs under faults: workers that are killed, methods that misbehave, files that are damaged, two runs at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.harness import bench, copy_sources, finish, here, start, tiny
from tests.helpers.victims import kill_worker, records

pytestmark = pytest.mark.slow(100)

#: Bodies of `denoise` of methods that no suite should meet.
BAD = {
    "raises": "raise ArithmeticError('no <script>alert(1)</script>\\nluck')",
    "hangs": "import time\n        time.sleep(3600)",
    "exits": "import os\n        os._exit(7)",
    "ends": "import os\n        os._exit(0)",
    "odd": "raise type('Odd', (BaseException,), {'__str__': lambda self: 1 / 0})",
    "hungry": "kept = []\n        while True:\n            kept.append(torch.empty(2**29))",
    "nan": "return y * float('nan')",
    "shape": "return y[..., :-1]",
    "prints": "print('<b>loud</b>')\n        return y",
    "wanders": "import os\n        os.chdir('/')\n        return y",
}
METHOD = """
from dataclasses import dataclass
import torch
from methods._api import Applicability, Method

@dataclass(frozen=True)
class Bad(Method):
    title = "<i>Bad</i> & 'worse'"
    paper = assumptions = "none"
    def applicable(self, model):
        return Applicability("yes", "<b>always</b>")
    def denoise(self, network, y, model, generator):
        {body}
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the bad methods."""
    root = tmp_path_factory.mktemp("source")
    copy_sources(root)
    for name, body in BAD.items():
        (root / "methods" / f"{name}.py").write_text(METHOD.format(body=body), encoding="utf-8")
    return root


def test_each_bad_method_costs_its_own_cells(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ("run", "--methods", ",".join(("paper", *BAD)), "--noise", "1", *tiny(), "--out", out)
    status, output, error = bench(*arguments, "--cell-timeout", "10s", root=source)
    assert (status, error) == (1, ""), output
    found = {name.split("--")[1]: record for name, record in records(out).items()}
    wrong = {name: found.pop(name) for name in BAD}
    assert {record["status"] for record in found.values()} == {"done"} and len(found) == 6
    assert {name: record["status"] for name, record in wrong.items()} == {
        **dict.fromkeys(("raises", "exits", "ends", "odd", "hungry", "shape"), "failed"),
        **{"hangs": "timeout", "nan": "done", "prints": "done", "wanders": "done"},
    }
    assert "ArithmeticError" in wrong["raises"]["message"] and "Traceback" in wrong["raises"]["traceback"]
    assert wrong["exits"]["message"] == "the worker died with exit code 7"
    assert wrong["ends"]["message"] == "the worker died with exit code 0"
    assert wrong["odd"]["message"] == "Odd"
    assert "memory" in wrong["hungry"]["message"].lower() or "killed" in wrong["hungry"]["message"]
    assert "--cell-timeout" in wrong["hangs"]["message"]
    assert "(1, 3, 64, 63)" in wrong["shape"]["message"]
    assert any("not finite" in warning for warning in wrong["nan"]["warnings"])
    assert "01-gaussian--nan--s0: done, and none of its results is finite" in output
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<i>Bad" not in page and "<script>alert" not in page
    before = {path: path.stat().st_mtime_ns for path in (out / "cells").iterdir()}
    status, _, _ = bench(*arguments, "--retry", "timeout", "--cell-timeout", "2s", root=source)
    assert status == 1
    changed = {path.stem for path, then in before.items() if path.stat().st_mtime_ns != then}
    assert changed == {"01-gaussian--hangs--s0"}


#: A run whose workers are killed.
KILLED = ("run", "--noise", "1,3", "--methods", "supervised,score-solver", *tiny("steps=15"), "--workers", "1")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table of that run where nobody is killed."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    status, output, _ = here(*KILLED, "--out", out)
    assert status == 0, output
    return (out / "results.parquet").read_bytes()


@pytest.mark.parametrize("kills", [1, 2])
def test_killed_workers_cost_a_cell_at_most(kills: int, undisturbed: bytes, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(*KILLED, "--out", out)
    for _ in range(kills):
        kill_worker(out)
        time.sleep(0.3)
    status, output, _ = finish(process)
    statuses = [record["status"] for record in records(out).values()]
    assert len(statuses) == 6 and statuses.count("done") >= 5 and status == (1 if "failed" in statuses else 0), output
    if "failed" in statuses:
        assert kills == 2 and "killed by SIGKILL" in output
        status, output, _ = here(*KILLED, "--out", out, "--retry", "failed")
        assert status == 0, output
    assert (out / "results.parquet").read_bytes() == undisturbed


def test_damaged_files_are_named_set_aside_and_made_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ("run", "--noise", "1", "--methods", "supervised,score-solver", *tiny(), "--workers", "1", "--out", out)
    assert here(*arguments)[0] == 0
    good = (out / "results.parquet").read_bytes()
    (crop,) = out.glob("crops/gaussian/noisy--*.png")
    crop.write_bytes(crop.read_bytes()[:-7] + b"damaged")
    cell = out / "cells" / "01-gaussian--supervised--s0.json"
    weights = out / "weights" / (json.loads(cell.read_text())["training"]["key"] + ".safetensors")
    cell.write_bytes(cell.read_bytes()[:200])
    content = bytearray(weights.read_bytes())
    content[-8] ^= 1
    weights.write_bytes(content)
    (out / "cells" / "99-foreign--cell--s0.json").write_text("{}")
    (out / "cells" / ".abc.tmp").write_text("half")
    (out / "results.parquet").write_bytes(b"x")
    status, output, error = here(*arguments)
    assert (status, error) == (0, ""), output
    assert f"cells/01-gaussian--noisy--s0.json has a damaged crop, {crop.relative_to(out).as_posix()}: moved to" in output
    assert "cells/01-gaussian--supervised--s0.json is damaged: moved to" in output
    assert "cells/99-foreign--cell--s0.json is no cell of this run" in output
    assert len(list((out / "set-aside").iterdir())) == 4
    assert (out / "results.parquet").read_bytes() == good
    assert not list(out.rglob(".*.tmp"))
    assert any("was damaged" in warning for record in records(out).values() for warning in record["warnings"])


def test_a_second_run_in_the_same_directory_is_refused_while_the_first_works(tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = (
        "run",
        "--noise",
        "1",
        "--methods",
        "supervised,score-solver",
        *tiny("steps=10"),
        "--workers",
        "1",
        "--out",
        out,
    )
    first = start(*arguments)
    while first.poll() is None and not (out / "run.json").exists():
        time.sleep(0.02)
    status, _, error = here(*arguments)
    assert status == 2 and f"process {first.pid} on" in error and len(error.strip().splitlines()) == 1
    first.send_signal(signal.SIGKILL)
    finish(first)
    status, output, _ = here(*arguments)  # the lock went with the process
    assert status == 0, output
    assert set(pd.read_parquet(out / "results.parquet").status) == {"done"}


FILLS = """
try:
            with open({path!r}, "xb") as file:
                while True:
                    file.write(bytes(2**16))
        except OSError:
            return y
"""
FULL = """
mount -t tmpfs -o size=24m none "$0" || exit 99
"$@"; echo "status $?"
echo $(find "$0/run")
echo > "$0/filler"
"$@"; echo "status $?"
cp -r "$0/run" "$0.kept"
"""


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("unshare"), reason="needs Linux's unshare, for a small disk")
def test_a_disk_that_is_full_ends_the_run_which_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk, source = tmp_path / "disk", tmp_path / "source"
    disk.mkdir()
    copy_sources(source)
    body = FILLS.format(path=str(disk / "filler")).strip()
    (source / "methods" / "filling.py").write_text(METHOD.format(body=body), encoding="utf-8")
    arguments = ("run", "--noise", "1", "--methods", "filling,supervised", *tiny(), "--workers", "1")
    command = ["unshare", "-rm", "sh", "-c", FULL, str(disk), sys.executable, "-m", "bench", *arguments]
    environment = os.environ | {"PYTHONPATH": str(source)}
    found = subprocess.run(
        [*command, "--out", str(disk / "run")], cwd=source, env=environment, capture_output=True, text=True, timeout=300
    )
    if found.returncode == 99 or "unshare" in found.stderr:
        pytest.skip("no small disk can be had here: unshare may not mount one")
    first, then = found.stdout.split("status 1\n")
    listing, second = then.split("\n", 1)
    assert "the disk is full; all finished cells are stored" in found.stderr and len(found.stderr.splitlines()) == 1
    assert "status" not in first and ".tmp" not in listing and "cells" in listing
    assert "status 0" in second
    told = records(Path(f"{disk}.kept"))
    assert {record["status"] for record in told.values()} == {"done"} and len(told) == 3
