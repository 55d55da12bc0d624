"""A fault campaign: random `kill -9` of the workers and of the parent of tiny runs, each gone on with by the same command.

    python -m tests.campaigns.campaign --kills 200 --log docs/fault-campaign.log

After every process and at the end of every run: no finished cell was done again or lost, the tables and all weights are those
of an undisturbed run, no process is left, and no temporary file. Exit status 1 where one of these is not so.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch
import torch

from tests.helpers.harness import copy_sources, finish, start, tiny
from tests.helpers.made_with import revision, versions
from tests.helpers.victims import MARK, killed_twice, marked, notes, phase_of, records, wait_for_write, workers_of

#: Seconds between two checkpoints in the disturbed runs, so that trainings of seconds have some (the suite's own: 30).
CHECKPOINTS = 0.3

#: Seconds between two kills, at most.
LONGEST = 6.0

#: Share of the kills that hit the parent, for which all begins again.
PARENT = 0.3

#: Share of the kills that are left in before any worker has a cell in hand: starting takes longer than what follows.
STARTING = 0.1

#: Seconds after which something hangs.
PATIENCE = 900.0


@dataclass
class Campaign:
    """What is done again and again, and what came of it."""

    command: tuple[str, ...]
    folder: Path
    say: Callable[[str], None]
    undisturbed: Path
    source: Path
    idle: float  # seconds without a worker after which it hangs
    span: float  # seconds within which the next victim is looked for
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    longest: float = 0.0  # seconds that a process outlived its parent

    def fault(self, text: str) -> None:
        self.faults.append(text)
        self.say(f"FAULT {text}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--executor", default="local", help="passed on to the runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="also written there")
    options = parser.parse_args()
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        faults = campaign(Path(folder), options.kills, options.executor, options.seed, say)
    if options.log:
        options.log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if faults else 0


def campaign(
    folder: Path,
    kills: int,
    executor: str = "local",
    seed: int = 1,
    say: Callable[[str], None] = print,
    noise: str = "1,14",
    steps: int = 120,
) -> list[str]:
    """So many kills in tiny runs below `folder`; returns the faults that were found, in words."""
    methods = "supervised,neighbor2neighbor,noise2score,score-solver"
    command = ("run", "--noise", noise, "--methods", methods, *tiny(f"steps={steps}", "checks=2"), "--workers", "2")
    command += () if executor == "local" else ("--executor", executor)
    say(f"Fault campaign: {kills} times SIGKILL, executor {executor}, seed {seed}, checkpoints every {CHECKPOINTS:g} s")
    say(f"{revision()}, {versions(executor)}, {platform.system()} {platform.machine()}")
    say(f"python -m bench {' '.join(command)}")
    began = time.monotonic()
    status, output, error = finish(start(*command, "--out", folder / "undisturbed"), PATIENCE)
    if status or error:
        return [f"the undisturbed run ended with status {status}: {output}{error}"]
    seconds = time.monotonic() - began
    say(f"undisturbed: {seconds:.0f} s\n\nkill  run  second  victim  moment    done  checkpoints  in hand")
    source, span = frequent_checkpoints(folder / "source"), min(seconds / 2, LONGEST)
    here = Campaign(command, folder, say, folder / "undisturbed", source, 3 * seconds + 120, span, random.Random(seed))
    while here.counts["kills"] < kills and not here.faults:
        _disturbed_run(here, kills)
    _summary(here, time.monotonic() - began)
    return here.faults


def frequent_checkpoints(root: Path) -> Path:
    """A copy of the sources with checkpoints more often, and nothing else changed."""
    copy_sources(root)
    path = root / "bench" / "training" / "loop.py"
    text = path.read_text(encoding="utf-8")
    assert text.count("CHECKPOINT_SECONDS = 30.0\n") == 1
    path.write_text(text.replace("CHECKPOINT_SECONDS = 30.0\n", f"CHECKPOINT_SECONDS = {CHECKPOINTS}\n"), encoding="utf-8")
    compileall.compile_dir(root, quiet=1)
    return root


def _disturbed_run(here: Campaign, kills: int) -> None:
    """One run to its end, however often it is killed on the way; afterwards its directory is compared."""
    here.counts["runs"] += 1
    number = here.counts["runs"]
    out = here.folder / f"run{number}"
    began = time.monotonic()
    finished: dict[str, tuple[bytes, int]] = {}
    retry: tuple[str, ...] = ()
    marks: list[str] = []
    while not here.faults:
        here.counts["launches"] += 1
        mark = f"{os.getpid()}-{here.counts['launches']}"
        process = start(*here.command, "--out", out, *retry, root=here.source, **{MARK: mark, "PYTHONFAULTHANDLER": "1"})
        ended = _disturbed_launch(here, process, out, began, kills, finished)
        _check_finished(here, out, finished)
        marks.append(mark)
        if ended or here.dice.random() < 0.5:  # else beside the workers that do not know yet
            while marks:
                _check_gone(here, marks.pop())
        if not ended:
            continue
        if here.faults:
            break
        status, output, error = finish(process, PATIENCE)
        if status == -signal.SIGKILL:
            here.counts["foreign"] += 1
            here.say("      the parent was killed by somebody else, which does not count")
            continue
        if "Traceback" in output or error:
            here.fault(f"run {number}: {output}{error}")
        if status == 0:
            break
        if status != 1 or not all(killed_twice(record) for record in records(out).values() if record["status"] != "done"):
            here.fault(f"run {number}: status {status}: {output}")
        here.counts["given up"] += sum(record["status"] != "done" for record in records(out).values())
        retry = ("--retry", "failed")
    if here.faults:
        process.kill()
        return
    _check_results(here, out)


def _disturbed_launch(
    here: Campaign,
    process: subprocess.Popen[str],
    out: Path,
    began: float,
    kills: int,
    finished: dict[str, tuple[bytes, int]],
) -> bool:
    """Kill workers until it is the parent's turn (False), or until the process ends by itself (True)."""
    seen = time.monotonic()
    while True:
        left = here.counts["kills"] < kills
        try:
            process.wait(here.dice.uniform(0, here.span) if left else PATIENCE)
            return True
        except subprocess.TimeoutExpired:
            if not left:
                here.fault(f"{out.name} hangs")
                process.kill()
                return True
        parent = here.dice.random() < PARENT
        workers = workers_of(process.pid, out)
        seen = time.monotonic() if workers else seen
        if time.monotonic() > seen + here.idle:
            process.send_signal(signal.SIGABRT)  # whereupon Python says where it is
            here.fault(f"{out.name} hangs: it has had no worker for {here.idle:.0f} s: {finish(process)[2]}")
            return True
        if (not any(notes(out)) and here.dice.random() > STARTING) or not (parent or workers):
            continue
        victim = process.pid if parent else here.dice.choice(workers)
        moment = "in a write" if here.dice.random() < 0.5 and wait_for_write(out) else "any"
        phase, count = phase_of(out, victim, parent), sum(record["status"] == "done" for record in records(out).values())
        checkpoints = len(list(out.glob("checkpoints/[!.]*")))
        _check_finished(here, out, finished)
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:  # it ended in this moment
            continue
        here.counts["kills"] += 1
        here.counts[f"{'parent' if parent else 'worker'} {moment}"] += 1
        here.say(
            f"{here.counts['kills']:4}  {here.counts['runs']:3}  {time.monotonic() - began:6.1f}  "
            f"{'parent' if parent else 'worker'}  {moment:<10} {count:3}  {checkpoints:11}  {phase}"
        )
        if parent:
            return False


def _check_finished(here: Campaign, out: Path, finished: dict[str, tuple[bytes, int]]) -> None:
    """Every cell that was seen done is the same file still; remember those that are new."""
    for name, before in finished.items():
        path = out / "cells" / name
        if not path.exists():
            here.fault(f"{out.name}: {name} was lost")
        elif before != (path.read_bytes(), path.stat().st_mtime_ns):
            here.fault(f"{out.name}: {name} was done again")
    for path in out.glob("cells/[!.]*.json"):
        if path.name not in finished:
            content = path.read_bytes()
            if json.loads(content)["status"] == "done":
                finished[path.name] = (content, path.stat().st_mtime_ns)


def _check_gone(here: Campaign, mark: str) -> None:
    """No process of that launch is left, some time after its parent: a worker notices once it has been started."""
    began = time.monotonic()
    while left := list(marked(mark)):
        if time.monotonic() > began + PATIENCE:
            here.fault(f"{len(left)} processes are left")
            for process in left:
                process.kill()
            return
        time.sleep(0.05)
    here.longest = max(here.longest, time.monotonic() - began)


def _check_results(here: Campaign, out: Path) -> None:
    """The finished run's files are those of the undisturbed one, and no other file is left."""
    for name in ("results.csv", "results.parquet"):
        if (out / name).read_bytes() != (here.undisturbed / name).read_bytes():
            here.fault(f"{out.name}: {name} differs from the undisturbed one")
    for name in ("weights", "cells"):
        if {path.name for path in out.glob(f"{name}/*")} != {path.name for path in here.undisturbed.glob(f"{name}/*")}:
            here.fault(f"{out.name}: other files in {name}/ than in the undisturbed run")
    for path in (here.undisturbed / "weights").iterdir():
        if not (out / "weights" / path.name).exists():
            continue
        one, two = (safetensors.torch.load_file(file) for file in (path, out / "weights" / path.name))
        if one.keys() != two.keys() or not all(torch.equal(one[name], two[name]) for name in one):
            here.fault(f"{out.name}: weights/{path.name} differ from the undisturbed ones")
    found = {path for folder in ("checkpoints", "progress", "set-aside") for path in (out / folder).glob("*")}
    left = sorted(path.relative_to(out).as_posix() for path in found | set(out.rglob(".*.tmp")))
    if left:
        here.fault(f"{out.name}: files are left: {', '.join(left)}")


def _summary(here: Campaign, seconds: float) -> None:
    counts = here.counts
    ways = ", ".join(
        f"{counts[f'{who} any'] + counts[f'{who} in a write']} of {who}s ({counts[f'{who} in a write']} in a write)"
        for who in ("worker", "parent")
    )
    here.say(
        f"\n{counts['kills']} kills: {ways}; {counts['runs']} runs in {counts['launches']} launches, {seconds / 60:.0f} min. "
        f"Cells given up after two kills of their worker, and done by --retry failed: {counts['given up']}."
    )
    here.say(
        "No finished cell was done again or lost; tables and weights are those of the undisturbed run; no temporary file was "
        f"left, and no process: the last was gone {here.longest:.0f} s after its parent at most."
        if not here.faults
        else f"{len(here.faults)} faults: {'; '.join(here.faults)}"
    )


if __name__ == "__main__":
    sys.exit(main())
