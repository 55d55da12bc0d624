"""Methods made up for a test, and doing the jobs of a run in this process."""

from __future__ import annotations

import dataclasses

from bench.cells.cell import do_job
from bench.plan.cells import make_cells, make_jobs
from bench.runs import store
from methods import Applicability, Method


def do(run, report=lambda cell, doing, share: None, key="images"):
    """Do all jobs of a run; returns the records by noise model, method and seed. `key`: the images' part of training keys."""
    cells = make_cells(run.settings, key)
    for job in make_jobs(cells):
        do_job(run, job, report)
    entries = [cell.entry for cell in cells if cell.entry.applicability != "no"]
    return {(entry.noise, entry.method, entry.seed): store.read_cell(run.directory, entry) for entry in entries}


@dataclasses.dataclass(frozen=True)
class Stub(Method):
    """Returns its input."""

    title = paper = assumptions = "test"

    def applicable(self, model):
        return Applicability("yes", "test")

    def denoise(self, network, y, model, generator):
        return y


def stub(denoise=None, loss=None, supervised=False, inverse=False):
    """A method with these functions of (network, y, generator) and (network, batch)."""
    functions = {"supervised": supervised, "wants_decorrelated": lambda self, model: inverse and model.convolution is not None}
    if denoise:
        functions["denoise"] = lambda self, network, y, model, generator: denoise(network, y, generator)
    if loss:
        functions["loss"] = lambda self, network, batch: loss(network, batch)
    return type("Stubbed", (Stub,), functions)


def raising(error):
    def function(*args):
        raise error

    return function


def stub_on_one_image(denoise=None, steps=30):
    """A method that learns from one image, for so many steps; `denoise` is of (network, y, generator)."""
    kind = dataclasses.make_dataclass("Lonely", [("steps", int, steps)], bases=(stub(denoise),), frozen=True)
    kind.one_image = True
    return kind
