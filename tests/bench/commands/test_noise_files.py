"""Noise of one's own on the command line: `--noise-file`, `matrix --noise`, `list noise`, `test-noise`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import noise
from bench.cli import main
from bench.runs.laws import noise_record
from tests.noise.test_outside import LAPLACE


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "outside_laplace.py"
    path.write_text(LAPLACE)
    return str(path)


def test_the_matrix_shows_any_noise_with_its_reasons(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", "--json", "--noise-file", file, "--noise", "outside-laplace(size=20)-conv,rician,1"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["noise"] for row in rows[:: len(rows) // 3]] == ["gaussian", "outside-laplace(size=20)-conv", "rician"]
    found = {(row["noise"], row["method"]): row["applicability"] for row in rows}
    assert found["outside-laplace(size=20)-conv", "neighbor2neighbor"] == "indirect"
    assert found["outside-laplace(size=20)-conv", "score-solver"] == "no" and found["rician", "score-solver"] == "yes"
    assert main(["matrix", "--noise", "rician,rows"]) == 0
    assert "neighbor2neighbor-unbiased\n  no on rician: E[y|x] is not x times a gain" in capsys.readouterr().out


def test_all_noise_is_listed(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "noise", "--noise-file", file]) == 0
    told = capsys.readouterr().out
    for words in (
        "16    rayleigh-conv+gaussian",
        "–     rician ",
        "y = x + r, r ~ N(0, σ²), one a row",
        "–     outside-laplace ",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["matrix", "--noise-file", "nowhere.py"], "nowhere.py: No such file or directory: expected a Python file"),
        (["matrix", "--noise", "bernoulli(keep=1)"], "keep=1 of bernoulli: expected a finite number, above 0, below 1"),
        (["matrix", "--noise", "speckle(looks=3)"], "unknown parameter 'looks' of speckle: expected conv"),
        (["matrix", "--noise", "outside-laplace"], "unknown noise model 'outside-laplace': expected 1 to 16 or a slug"),
        (["test-noise", "specle"], "unknown noise 'specle' (nearest: speckle): expected a file, or of bernoulli"),
        (["test-noise", "nowhere.py"], "nowhere.py: there is no such file"),
    ],
)
def test_bad_words_are_one_line(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert told in error and len(error.splitlines()) == 1


def test_a_base_is_checked_by_name_or_file(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test-noise", "uniform"]) == 0 and "uniform: 8 checks, no faults" in capsys.readouterr().out
    assert main(["test-noise", file]) == 0 and "outside-laplace: 8 checks, no faults" in capsys.readouterr().out
    Path(file).write_text(LAPLACE.replace("2 * self.size**2", "self.size**2"))
    assert main(["test-noise", file]) == 1
    assert "fault  mean, variance     at 10 the variance is" in capsys.readouterr().out
    Path(file).write_text("1 +* 2")
    assert main(["test-noise", file]) == 1 and "line 1: SyntaxError" in capsys.readouterr().out
    assert "outside-laplace" not in noise.bases()


def test_a_run_tells_where_its_noise_comes_from(file: str) -> None:
    with noise.with_files([file]):
        told = noise_record(noise.get("outside-laplace"))["origin"]
    assert told["kind"] == "file" and told["where"] == file and len(told["version"]) == 64
    assert "origin" not in noise_record(noise.get("rician"))
