"""A Slurm of one machine, enough for submitit: arrays with a cap, states, cancelling, requeueing. Tests put it on the path.

It keeps its state in the folder FAKE_SLURM: STATE-<job id> for each task, and `events`, a line for each thing that happened.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = ("sbatch", "srun", "sacct", "scancel", "scontrol")
HOME = Path(os.environ.get("FAKE_SLURM", "."))


def install(folder: Path) -> dict[str, str]:
    """Make the commands in the folder; returns the environment in which they are found."""
    folder.mkdir()
    for name in COMMANDS:
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" {name} "$@"\n')
        path.chmod(0o755)
    return {"FAKE_SLURM": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}


def note(event: str, job: str) -> None:
    with (HOME / "events").open("a") as file:
        file.write(f"{event} {job}\n")


def state(job: str, new: str | None = None) -> str:
    path = HOME / f"STATE-{job}"
    if new:
        path.write_text(new)
        note(new, job)
    return path.read_text()


def sbatch(script: str) -> None:
    number = 100 + len(list(HOME.glob("script-*")))
    text = Path(script).read_text()
    (HOME / f"script-{number}").write_text(text)
    found = re.search(r"--array=0-(\d+)%(\d+)", text)
    names = [f"{number}_{index}" for index in range(int(found[1]) + 1)] if found else [str(number)]
    for name in names:
        state(name, "PENDING")
    command = [sys.executable, __file__, "schedule", str(HOME / f"script-{number}"), found[2] if found else "1", *names]
    quiet = subprocess.DEVNULL
    subprocess.Popen(command, start_new_session=True, stdin=quiet, stdout=quiet, stderr=quiet)
    print(f"Submitted batch job {number}")


def schedule(script: str, cap: str, *names: str) -> None:
    """Run the tasks, so many at a time; those that are pending again afterwards once more."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    while running or any(state(name) == "PENDING" for name in names):
        for name in names:
            if state(name) == "PENDING" and name not in running and len(running) < int(cap):
                main, _, index = name.partition("_")
                known = {"SLURM_JOB_ID": main, "SLURM_NTASKS": "1", "SLURM_JOB_NUM_NODES": "1", "SLURM_NODEID": "0"}
                known |= {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_JOB_NODELIST": "localhost"}
                known |= {"SLURM_ARRAY_JOB_ID": main, "SLURM_ARRAY_TASK_ID": index} if index else {}
                state(name, "RUNNING")
                running[name] = subprocess.Popen(["bash", script], env=os.environ | known, start_new_session=True)
                (HOME / f"PID-{name}").write_text(str(running[name].pid))
        for name, process in list(running.items()):
            if process.poll() is not None:
                del running[name]
                note("END", name)
                if state(name) == "RUNNING":
                    state(name, "FAILED" if process.returncode else "COMPLETED")
        time.sleep(0.05)


def srun(*arguments: str) -> None:
    options = list(arguments)
    paths = {}
    while options[0].startswith("-"):
        name = options.pop(0)
        if name in ("--output", "--error"):
            paths[name] = options.pop(0)
    for descriptor, name in ((1, "--output"), (2, "--error")):
        array, task = (os.environ.get(f"SLURM_ARRAY_{part}_ID", "") for part in ("JOB", "TASK"))
        words = {"%A": array, "%a": task, "%j": os.environ["SLURM_JOB_ID"], "%t": "0"}
        path = Path(re.sub("%[Aajt]", lambda match, words=words: words[match[0]], paths[name]))
        path.parent.mkdir(parents=True, exist_ok=True)
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.execvp(options[0], options)


def sacct(*arguments: str) -> None:
    print("JobID|State|NodeList")
    for path in sorted(HOME.glob("STATE-*")):
        print(f"{path.name.removeprefix('STATE-')}|{path.read_text()}|localhost")


def scancel(*jobs: str) -> None:
    for path in HOME.glob("STATE-*"):
        name = path.name.removeprefix("STATE-")
        if (name in jobs or name.split("_")[0] in jobs) and state(name) in ("PENDING", "RUNNING"):
            before = state(name)
            state(name, "CANCELLED")
            if before == "RUNNING":
                os.killpg(int((HOME / f"PID-{name}").read_text()), signal.SIGKILL)


def scontrol(verb: str, job: str) -> None:
    assert verb == "requeue"
    note("REQUEUE", job)
    state(job, "PENDING")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
