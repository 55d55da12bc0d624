"""What each training was given, read back from the page and computed again from the records; old and odd ones too."""

from __future__ import annotations

import math
import random
from pathlib import Path
from statistics import median
from typing import Any

import pytest

import reports
from tests.helpers.run_fixture import METHODS, make_run
from tests.reports.page.test_cost import FEW, cells_of, change_cells, rows_of, value


def test_what_a_training_was_given_is_that_of_its_record(tmp_path: Path) -> None:
    """Medians of a method's own trainings, each counted once; the share is of supervised training's operations."""

    def given(cell: dict[str, Any]) -> None:
        own = random.Random(f"{cell['noise']} {cell['method']}")
        cell["passes"] = own.uniform(1, 8)
        if cell["training"]:
            own = random.Random(cell["training"]["key"])
            cell["training"] |= {"operations": own.uniform(0.9, 1.0) * 1e15, "budget_operations": 1e15}
            cell["training"] |= {"steps": own.randrange(9999)}
            cell["training"] |= {"passes_with_gradient": own.uniform(0.2, 2), "passes_without_gradient": own.uniform(0, 1)}
            cell["training"] |= {"pixels": own.uniform(1e6, 9e7), "patch": 96, "patches_per_step": own.randrange(1, 9)}

    directory = change_cells(make_run(tmp_path, noises=FEW, images=1, crops=0), given)
    rows = rows_of(reports.write(directory).read_text(encoding="utf-8"), "budget")
    assert list(rows) == list(METHODS[1:])
    for method, row in rows.items():
        own = [cell for cell in cells_of(directory) if cell["method"] == method]
        networks = list({cell["training"]["key"]: cell["training"] for cell in own}.values())

        def middle(name: str, networks: list[dict[str, Any]] = networks) -> float:
            return median(training[name] for training in networks)

        expected = [middle("operations") / 1e13, middle("passes_with_gradient"), middle("passes_without_gradient")]
        expected += [middle("steps"), middle("patches_per_step"), 96, middle("pixels") / 1e6, middle("seconds")]
        found = [value(row, column) for column in range(1, 10)]
        assert found == pytest.approx([*expected, median(cell["passes"] for cell in own)], rel=1e-12)
        share = row.cells[1]
        assert share.text.split(" ")[0] == f"{expected[0]:.1f}"
        assert float(share.attrs["data-operations"]) == middle("operations")
        assert share.attrs["title"] == f"{middle('operations'):,.0f} operations".replace(",", "\u202f")


@pytest.mark.parametrize("budget", [None, 0, -1.0, "much", math.inf])
def test_records_that_do_not_tell_the_budget(tmp_path: Path, budget: object) -> None:
    def given(cell: dict[str, Any]) -> None:
        if cell["training"] and budget is not None:
            cell["training"] |= {"operations": 1e15, "budget_operations": budget}

    run = change_cells(make_run(tmp_path, noises=FEW[:1], images=1, crops=0), given)
    rows = rows_of(reports.write(run).read_text(encoding="utf-8"), "budget")
    assert {row.cells[1].text for row in rows.values()} == {"n/a"}
