"""The command line."""

from __future__ import annotations

import argparse
import errno
import json
import shlex
import sys
from collections.abc import Callable, Sequence

from rich.console import Console

from bench.commands.arguments import (
    default_directory,
    output_of,
    parse_duration,
    parse_place,
    parse_settings,
    parse_tuning,
    path_of,
    source_of,
    whole_number,
)
from bench.commands.check_method import check_method, refuse_settings
from bench.commands.check_noise import check_noise
from bench.commands.compare import print_comparison
from bench.commands.data import add_data, data
from bench.commands.disturbance import parse_rates
from bench.commands.doctor import doctor
from bench.commands.estimate import dry_run
from bench.commands.estimate_noise import add_estimate, estimate
from bench.commands.listing import list_things, print_matrix, tell_broken, whole_matrix
from bench.commands.merge import merge
from bench.commands.names import METHODS_HELP, NOISE_HELP, from_files, parse_rows
from bench.commands.new_method import new_method
from bench.commands.parser import Parser, Version, add_files, add_images
from bench.commands.report import add_report, report
from bench.commands.robustness import robustness
from bench.commands.run import run
from bench.commands.scannable import USUAL
from bench.commands.status import print_status
from bench.commands.tune import tune
from bench.errors import UsageError, not_text, one_line
from bench.executors.place import EXECUTORS, SLURM
from bench.plan.settings import PRESETS
from bench.process.interrupts import heeded
from bench.runs.inputs import with_laws
from noise.names import nearest

Command = Callable[[argparse.Namespace, Console, list[str]], int]

#: What a command has kept, where it is stopped before its end.
_CELLS = "all finished cells are stored, {}the same command goes on from there"
_SOLVED = "what was solved is kept, {}the same command goes on from there"
_TRIALS = "what was trained is kept, {}the same command goes on from there"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    0: all is done; 1: some cell failed or has no finite result, or data are not as published; 2: bad usage, one line on
    standard error, before any work; 130: interrupted.
    """
    given, kept = list(sys.argv[1:] if arguments is None else arguments), ""
    with heeded():
        try:
            _refuse_bytes(given)
            try:
                options = _parser().parse_args(given)
            except SystemExit:  # --help, --version
                return 0
            command: Command = options.command
            kept = "" if vars(options).get("dry_run") else options.kept
            with from_files(*(vars(options).get(name, ()) for name in ("method_file", "noise_file"))):
                return command(options, make_console(), given)
        except UsageError as error:
            return _ended(2, one_line(error))
        except KeyboardInterrupt as error:  # Interrupted, too
            return _ended(130, f"interrupted ({str(error) or 'SIGINT'})", kept.format(""))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return _ended(1, "the disk is full", kept.format("with space "))


def _ended(status: int, *words: str) -> int:
    """Say in one line why the command ends; returns the status."""
    print(f"denoisebench: {'; '.join(filter(None, words))}", file=sys.stderr)
    return status


def _refuse_bytes(given: Sequence[str]) -> None:
    """Raise UsageError for a word that is not text: it could be neither printed nor stored."""
    for word in given:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{word!r}: {not_text()}; expected words that are UTF-8") from None


def make_console() -> Console:
    """Standard output; wide where it is no terminal, so that nothing is cut in a log."""
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False, soft_wrap=False)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m bench", description="Compare unsupervised image denoisers on 16 noise models.")
    parser.add_argument("--version", action=Version, nargs=0, help="print the versions of denoisebench, Python and torch")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    def add(name: str, command: Command, text: str, kept: str = "") -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command, kept=kept)
        return sub

    sub = add("run", _run, "Train, denoise, score and report; an interrupted run goes on by the same command.", _CELLS)
    sub.add_argument("--methods", default="all", metavar="all|a,b", help=METHODS_HELP)
    sub.add_argument("--noise", default="all", metavar="all|1,5-8|name", help=NOISE_HELP)
    _add_computing(sub, "quick")
    sub.add_argument("--recipe", default="best", help="how to train: best, or as the paper did (default: best)")
    sub.add_argument(
        "--equal",
        metavar="compute|steps",
        help="what all methods have equally much of: compute, that of supervised training, or steps (default: compute; steps "
        "for --recipe paper)",
    )
    sub.add_argument("--seeds", default="1", metavar="K", help="repeat everything with K seeds (default: 1)")
    sub.add_argument("--executor", default="local", help=f"where: {', '.join(EXECUTORS)} (default: local)")
    sub.add_argument("--ray-address", metavar="HOST:PORT", help="a running Ray cluster, or auto (default: start Ray here)")
    sub.add_argument("--slurm", action="append", default=[], metavar="NAME=VALUE,..", help=f"of {', '.join(SLURM)}")
    sub.add_argument("--self-ensemble", action="store_true", help="average over the 8 flips and turns of each test image")
    sub.add_argument("--budget", metavar="30m", help="stop before this time is over (s, m or h); the same command goes on")
    sub.add_argument("--cell-timeout", metavar="20m", help="give up a cell that takes longer (s, m or h)")
    sub.add_argument("--retry", metavar="failed,timeout", default="", help="do cells with these statuses again")
    sub.add_argument("--out", type=output_of, metavar="DIR", help="run directory (default: below runs/, named by the settings)")
    sub.add_argument("--dry-run", action="store_true", help="print cells, trainings and an estimate of the time, and stop")
    add_files(sub)

    sub = add("matrix", _matrix, "Which method suits which noise model (the paper's Table 1), with reasons.")
    sub.add_argument("--methods", default="everything", metavar="a,b|tag", help="methods (default: every one there is)")
    sub.add_argument("--noise", default="all", metavar="1,5-8|slug", help="noise models (default: all, those of Table 1)")
    sub.add_argument("--data", type=source_of, default="sample", metavar="sample|DIR", help="where sets of measured noise are")
    add_images(sub)
    sub.add_argument("--json", action="store_true", help="a list of {noise_no, noise, method, applicability, reason}")
    add_files(sub)

    sub = add("list", _list, "What there is: methods, noise models or data sets.")
    sub.add_argument("what", metavar="methods|noise|data")
    sub.add_argument("name", nargs="?", metavar="NAME", help="a method, of which all is told")
    sub.add_argument("--cards", action="store_true", help="all that is to be told of all methods, as Markdown")
    sub.add_argument("--against", metavar="DIR", help="with --cards: published distances beside those of this run")
    sub.add_argument("--data", type=source_of, default="sample", metavar="sample|DIR", help="the images of `list data`")
    add_files(sub)

    add_data(add("data", data, "The public data sets of the paper: what they are, get them, check them."))

    sub = add("tune", _tune, "Try a method's settings by the rule that is the same for all methods.", _TRIALS)
    sub.add_argument("methods", metavar="METHOD", help="a method that is trained")
    sub.add_argument("--noise", default="1,3", metavar="1,5-8|slug", help="noise models to try them on (default: 1,3)")
    sub.add_argument("--trials", default="6", metavar="N", help="settings to try, the default among them (default: 6)")
    _add_computing(sub, "small")
    sub.add_argument("--out", type=output_of, metavar="DIR", help="a folder (default: runs/tune-METHOD-PRESET-DATA)")
    add_files(sub)

    sub = add("status", _status, "Where a run stands, also one in progress or another machine's.")
    sub.add_argument("directory", type=path_of)
    sub.add_argument("--json", action="store_true", help="cells, counts, workers, who runs it, seconds left for one worker")

    add_report(
        add("report", _report, "The scores of a run, anew from its files: as a page, or tables and figures for a paper.")
    )

    sub = add("merge", _merge, "Join runs of equal settings into one run directory; cells of several must agree.")
    sub.add_argument("directories", type=path_of, nargs="+", metavar="DIR")
    sub.add_argument("--out", type=output_of, required=True, metavar="DIR", help="a new folder")

    sub = add("robustness", _robustness, "What inexact noise parameters cost: solve again with a run's networks.", _SOLVED)
    sub.add_argument("directory", type=path_of)
    sub.add_argument("--noise", default=USUAL, metavar="1,5-8|slug", help=f"noise models of the run (default: {USUAL})")
    sub.add_argument("--rates", default="0,0.05,0.1,0.2,0.3", metavar="R,R", help="standard deviations of the relative error")
    sub.add_argument("--draws", default="10", metavar="N", help="disturbed noise models a rate (default: 10)")
    sub.add_argument("--method", default="score-solver", help="a method that learns a score (default: score-solver)")
    sub.add_argument("--data", type=source_of, metavar="DIR", help="where the run's images are now, if not where they were")
    add_files(sub)

    sub = add("compare", _compare, "Pair two runs (or results tables) image by image: do their scores agree?")
    sub.add_argument("first", type=path_of, metavar="A", help="run directory, results.parquet or results.csv")
    sub.add_argument("second", type=path_of, metavar="B", help="the other one; differences are B - A")
    sub.add_argument("--per-set", action="store_true", help="each data set on its own, too")
    sub.add_argument(
        "--csv", type=output_of, metavar="FILE", help="write all of it: every metric, each data set (-: to standard output)"
    )
    sub.add_argument(
        "--html", type=output_of, metavar="FILE", help="write it as a page like the report's (-: to standard output)"
    )

    add_estimate(add("estimate", estimate, "The law of the noise in images without clean ones, as --noise takes it."))

    sub = add("new-method", _new_method, "Write a file with a method that works, to be made yours, and its test.")
    sub.add_argument("name", metavar="NAME", help="the method's name: a-z, 0-9 and -")
    sub.add_argument("--path", type=output_of, metavar="FILE", help="where to (default: NAME.py here)")

    told = "Check a {} against the contract that all keep. Exit status 1: it has a fault."
    sub = add("test-method", lambda options, console, given: check_method(options.method, console), told.format("method"))
    sub.add_argument("method", type=source_of, metavar="NAME|FILE", help="a method's name, or a file as --method-file takes it")

    sub = add("test-noise", lambda options, console, given: check_noise(options.base, console), told.format("base of noise"))
    sub.add_argument("base", type=source_of, metavar="NAME|FILE", help="a base's name, or a file as --noise-file takes it")

    add("doctor", lambda options, console, given: doctor(console), "Check that this machine can run the suite.")
    return parser


def _add_computing(parser: argparse.ArgumentParser, preset: str) -> None:
    """What `run` and `tune` ask alike: how large, on what images, by what."""
    parser.add_argument("--preset", default=preset, help=f"size of the run: {', '.join(PRESETS)} (default: {preset})")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change one setting of the preset")
    parser.add_argument("--data", type=source_of, default="sample", metavar="sample|DIR", help="images (default: sample)")
    add_images(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--workers",
        metavar="N",
        help="cells at a time (default: one for each core, fewer where memory is short, or for each GPU)",
    )
    parser.add_argument("--threads", default="1", metavar="N", help="threads a worker (default: 1)")
    parser.add_argument("--gpu-share", metavar="0.25", default="1", help="share of a GPU that a worker gets (default: 1)")


def _run(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    settings = parse_settings(options)
    tell_broken()
    place = parse_place(options, settings)
    directory = options.out or default_directory(settings)
    retry = [word for word in options.retry.split(",") if word]
    for word in retry:
        if word not in ("failed", "timeout"):
            raise UsageError(f"--retry {word!r}: expected failed, timeout or both{nearest(word, ('failed', 'timeout'))}")
    budget, cell_timeout = parse_duration("--budget", options.budget), parse_duration("--cell-timeout", options.cell_timeout)
    refuse_settings(settings.named)  # which takes longer than all before
    if options.dry_run:
        dry_run(settings, directory, place, console, retry)
        return 0
    return run(settings, directory, place, "python -m bench " + shlex.join(given), console, retry, budget, cell_timeout)


def _tune(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    settings, place, directory = parse_tuning(options)
    trials = whole_number("--trials", options.trials)
    return tune(settings, trials, directory, place, "python -m bench " + shlex.join(given), console)


def _matrix(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    tell_broken()
    models = parse_rows(options.noise, "best", options.data)
    models = with_laws(models, options.data, options.colour, options.white)
    if options.json:
        print(json.dumps(whole_matrix(models, options.methods), indent=1))
    else:
        print_matrix(console, models, options.methods)
    return 0


def _list(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    list_things(options.what, options.data, console, options.name, options.cards, options.against)
    return 0


def _status(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    print_status(options.directory, console, options.json)
    return 0


def _report(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    report(options.directory, options.format, options.output, options.open, console, options.figures)
    return 0


def _new_method(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    new_method(options.name, options.path, console)
    return 0


def _merge(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    merge(options.directories, options.out, console)
    return 0


def _robustness(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    rates, draws = parse_rates(options.rates), whole_number("--draws", options.draws)
    robustness(options.directory, options.noise, rates, draws, options.method, console, options.data)
    return 0


def _compare(options: argparse.Namespace, console: Console, given: list[str]) -> int:
    print_comparison(options.first, options.second, console, options.csv, options.html, options.per_set)
    return 0
