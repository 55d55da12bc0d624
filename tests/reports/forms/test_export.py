"""Scores as CSV, Markdown and LaTeX: right numbers, right marks, and no name that becomes markup."""

from __future__ import annotations

import csv
import io
import json
import re
import statistics
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt

import reports
from reports.forms.export import PAGE_ROWS, as_csv
from reports.forms.markup import markdown
from reports.forms.paperform import Table, paper_tables
from reports.numbers.significance import significance
from reports.numbers.tables import Scores
from tests.helpers.run_fixture import HOSTILE, METHODS, make_run

FEW = ("gaussian", "gaussian-conv", "rayleigh")
#: Every printable ASCII character, accents, Greek, signs, other scripts, and what TeX or a spreadsheet would take for its own.
NASTY = (
    "".join(map(chr, range(32, 127)))
    + " \u00e9\u00ed\u00e7\u00df\u00f8\u0142\u0105\u03c3\u03a9 \u2212\u00d7\u2026 -- '' ,, \u96d1\n\\end{table}"
)


def tables_of(run: Path) -> tuple[Table, ...]:
    scores = Scores(reports.load(run))
    return paper_tables(scores, significance(scores))


def means_of(run: Path) -> pd.Series:
    """(noise, method, data set, metric) -> mean, by pandas alone; "" for the mean of the data sets."""
    table = pd.read_parquet(run / "results.parquet")
    means = table[table["status"] == "done"].groupby(["noise", "method", "dataset", "metric"])["value"].mean()
    overall = means.groupby(level=["noise", "method", "metric"]).mean().reset_index().assign(dataset="")
    return pd.concat([means, overall.set_index(["noise", "method", "dataset", "metric"])["value"]])


def rename(run: Path, methods: dict[str, str]) -> None:
    info = json.loads((run / "run.json").read_text())
    for method in info["methods"]:
        method["title"] = methods.get(method["slug"], method["title"])
    (run / "run.json").write_text(json.dumps(info))


def markdown_tables(text: str) -> list[list[list[list[tuple[str, str]]]]]:
    """Tables, rows, cells; a cell as its pieces of (text, "" | "strong" | "ins"), by a parser that lets HTML through."""
    found: list[list[list[list[tuple[str, str]]]]] = []
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(text):
        assert token.type != "html_block"
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline":
            pieces, mark = [], ""
            for child in token.children or []:
                opens = {"strong_open": "strong", "<ins>": "ins"}.get(child.content or child.type, "")
                if child.type in ("strong_open", "strong_close", "html_inline"):
                    assert child.type != "html_inline" or child.content in ("<ins>", "</ins>")
                    mark = opens
                else:
                    assert child.type == "text", child
                    pieces.append((child.content, mark))
            if token.level == 4:  # inside a cell
                found[-1][-1].append(pieces)
    return found


def latex_rows(environment: str) -> list[list[str]]:
    """The cells of every row of a tabular, split at each & that is not escaped; a \\multicolumn counts for what it spans."""
    inside = environment[environment.index(r"\toprule") : environment.index(r"\end{tabular}")]
    rows = []
    for line in re.sub(r"\\(top|mid|bottom)rule\n", "", inside).strip().splitlines():
        assert line.endswith(r" \\")
        cells = re.split(r"(?<!\\)&", line[:-3])
        span = re.match(r"\\multicolumn\{(\d+)\}", cells[0])
        rows.append([cell.strip() for cell in cells] + [""] * (int(span[1]) - 1 if span else 0))
    return rows


def printed(means: pd.Series, protocol: str, noise: str, method: str, columns: tuple[str, ...]) -> list[str]:
    """What a method's cells must say, marked ** and __ among the unsupervised."""
    suffix = "" if protocol == "standard" else "_paper"
    cells = []
    for dataset in columns:
        parts = []
        for metric, digits in ((f"psnr{suffix}", 2), (f"ssim{suffix}", 3)):
            here = {
                m: f"{means[noise, m, dataset, metric]:.{digits}f}"
                for m in METHODS
                if (noise, m, dataset, metric) in means.index
            }
            rivals = sorted({float(here[m]) for m in here if m not in ("noisy", "supervised")}, reverse=True)
            place = rivals.index(float(here[method])) if method not in ("noisy", "supervised") else 2
            mark = ("**", "__", "")[min(place, 2)]
            parts.append(f"{mark}{here[method]}{mark}")
        cells.append("/".join(parts))
    return cells


def test_the_long_csv_has_the_means_of_the_results_table(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW, seeds=2, failed={(1, "supervised", 0)})
    rows = list(csv.DictReader(io.StringIO(reports.export(reports.load(tmp_path), "csv"))))
    table = pd.read_parquet(tmp_path / "results.parquet")
    done = table[table["status"] == "done"]
    means = done.groupby(["noise", "method", "seed", "dataset", "metric"])["value"].mean()
    finished = [row for row in rows if row["Status"] == "done"]
    for row in finished:
        for metric in ("psnr", "ssim", "psnr_paper", "ssim_paper"):
            expected = means[row["Noise"], row["Method"], int(row["Seed"]), row["Data set"], metric]
            assert float(row[metric]) == pytest.approx(expected, rel=1e-12)
    assert 4 * len(finished) == len(means)
    assert {row["Status"] for row in rows if not row["psnr"]} == {"failed", "not applicable"}
    assert len(rows) == len(finished) + table[table["status"] != "done"].shape[0]


def test_a_table_as_csv_has_the_means_too(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW)
    means = means_of(tmp_path)
    metrics = {"standard": ("psnr", "ssim"), "paper": ("psnr_paper", "ssim_paper")}
    count = 0
    for table in tables_of(tmp_path):
        rows = list(csv.reader(io.StringIO(as_csv(table))))
        assert rows[0][3:9] == ["kodak24 PSNR", "kodak24 SSIM", "cbsd68 PSNR", "cbsd68 SSIM", "mean PSNR", "mean SSIM"]
        pairs = [(block.noise.slug, row.method.slug) for block in table.blocks for row in block.rows]
        for (noise, method), row in zip(pairs, rows[1:], strict=True):
            places = [(dataset, metric) for dataset in ("kodak24", "cbsd68", "") for metric in metrics[table.protocol]]
            for (dataset, metric), value in zip(places, row[3:9], strict=True):
                known = (noise, method, dataset, metric) in means.index
                assert bool(value) == known
                if known:
                    assert float(value) == pytest.approx(means[noise, method, dataset, metric], rel=1e-12)
                    count += 1
    assert count == len(means)


def test_markdown_and_latex_have_the_printed_means_with_their_marks(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW)
    run = reports.load(tmp_path)
    means, tables = means_of(tmp_path), tables_of(tmp_path)
    assert [(table.key, table.protocol) for table in tables] == [
        *(("additive", "standard"), ("multiplicative", "standard"), ("additive", "paper"), ("multiplicative", "paper"))
    ]
    written = markdown_tables(reports.export(run, "markdown"))
    environments = reports.export(run, "latex").split(r"\begin{table}")[1:]
    done = 0
    for table, rows, environment in zip(tables, written, environments, strict=True):
        bare = re.sub(r"\\textsuperscript\{.*?\}+", "", environment)
        latex_body = [row for row in latex_rows(bare)[1:] if not row[0].startswith(r"\multicolumn")]
        pairs = [(block.noise.slug, row.method.slug) for block in table.blocks for row in block.rows]
        for (noise, method), in_markdown, in_latex in zip(pairs, rows[1:], latex_body, strict=True):
            if (noise, method, "", "psnr") not in means.index:
                assert [cell[0][0] for cell in in_markdown[3:]] == ["\u2014"] * 3
                assert in_latex[1:] == ["---"] * 3
                continue
            expected = printed(means, table.protocol, noise, method, ("kodak24", "cbsd68", ""))
            signs = {"": "", "strong": "**", "ins": "__"}
            assert ["".join(f"{signs[mark]}{text}{signs[mark]}" for text, mark in cell) for cell in in_markdown[3:]] == expected
            as_marks = [
                re.sub(r"\\underline\{(.*?)\}", r"__\1__", re.sub(r"\\textbf\{(.*?)\}", r"**\1**", cell))
                for cell in in_latex[1:]
            ]
            assert as_marks == expected
            done += 1
    assert done == len(means) / 12 * 2


def test_the_spread_over_seeds_and_a_missing_value_are_told(tmp_path: Path) -> None:
    def value(number: int, method: str, seed: int, dataset: str, image: int, metric: str) -> float | None:
        return None if method == "supervised" and image == 0 else 20.0 + seed**2 + image + len(method)

    make_run(tmp_path, noises=FEW[:1], seeds=3, datasets=("kodak24",), value=value, crops=0)
    text = reports.export(reports.load(tmp_path), "markdown")
    spread = f"±{statistics.stdev([0, 1, 4]):.2f}/"
    noisy = next(line for line in text.splitlines() if "Noisy input |" in line)
    assert f"27.67{spread}" in noisy
    assert "\u2020" in next(line for line in text.splitlines() if "Supervised |" in line)
    assert "\u2020: some values are missing" in text
    assert "3 seeds, ± standard deviation of the PSNR" in text
    assert r"27.67{\tiny$\pm$2.08}/" in reports.export(reports.load(tmp_path), "latex")


def test_what_is_not_distinguishable_from_the_best_is_marked(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW, images=12)
    scores = Scores(reports.load(tmp_path))
    tied = significance(scores).tied
    assert tied
    text = reports.export(scores.run, "markdown")
    assert sum(line.endswith("\u2248 |") for line in text.splitlines()) == len(tied)
    assert "\u2248: not distinguishable from the best" in text


def test_a_table_longer_than_a_page_is_divided(tmp_path: Path) -> None:
    methods = ("noisy", "supervised", *(f"method-{index:02d}" for index in range(14)))
    make_run(tmp_path, methods=methods, datasets=("kodak24",), images=1, crops=0)
    text = reports.export(reports.load(tmp_path), "latex")
    environments = text.split(r"\begin{table}")[1:]
    assert all(len(latex_rows(environment)) <= PAGE_ROWS + 1 for environment in environments)
    assert sorted(map(int, re.findall(r"\\multicolumn\{2\}\{l\}\{No\. (\d+) ", text))) == sorted([*range(1, 17)] * 2)
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(labels) == len(set(labels)) == len(environments)


def test_a_mean_over_fewer_sets_than_the_others_is_left_out(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW[:2], datasets=("kodak24", "cset9", "cbsd68"))
    table = pd.read_parquet(tmp_path / "results.parquet")
    table[(table["noise"] == FEW[0]) | (table["dataset"] != "cbsd68")].to_parquet(tmp_path / "results.parquet")
    header, *rows = markdown_tables(reports.export(reports.load(tmp_path), "markdown"))[0]
    assert [cell[0][0] for cell in header[3:]] == ["kodak24", "cset9", "cbsd68", "Mean"]
    whole, part = rows[0], rows[len(METHODS)]
    assert all("/" in cell[0][0] for cell in (*whole[3:], *part[3:5]))
    assert [cell[0][0] for cell in part[5:]] == ["n/a", "n/a"]


@pytest.mark.parametrize("hostile", [HOSTILE, NASTY], ids=["hostile", "nasty"])
def test_no_name_becomes_markup(tmp_path: Path, hostile: str) -> None:
    make_run(tmp_path, noises=FEW, images=1, hostile=hostile, failed={(1, "supervised", 0)}, crops=0)
    rename(tmp_path, {"noisy": "[1ex] " + hostile, "supervised": "*" + hostile, "noise2score": "=1+1" + hostile})
    run = reports.load(tmp_path)
    for rows in markdown_tables(reports.export(run, "markdown")):  # itself refuses all HTML but <ins>
        assert {len(row) for row in rows} == {6}
        names = ["".join(text for text, _ in row[2]) for row in rows[1:]]
        assert names[:2] == [" ".join(f"{start}{hostile}".split()) for start in ("[1ex] ", "*")]
    text = reports.export(run, "latex")
    assert text.isascii()
    for environment in text.split(r"\begin{table}")[1:]:
        assert {len(row) for row in latex_rows(environment)} == {4}
        assert not re.search(r"\\\\\s*[\[*]", environment)
    commands = set(re.findall(r"\\([a-zA-Z]+)", text))
    assert commands <= {
        *(
            "begin",
            "end",
            "centering",
            "caption",
            "label",
            "par",
            "medskip",
            "smallskip",
            "footnotesize",
            "parbox",
            "linewidth",
        ),
        *("toprule", "midrule", "bottomrule", "multicolumn", "textbf", "underline", "textsuperscript", "times", "usepackage"),
        *("textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar", "symbol", "texttt"),
        *("i", "c", "ss", "o", "l", "sigma", "Omega", "ldots", "approx", "dag"),
    }
    assert set(re.findall(r"\\(?:begin|end)\{(.*?)\}", text)) == {"table", "tabular"}
    unescaped = re.sub(r"\\[{}]", "", text)
    depths = [unescaped[:at].count("{") - unescaped[:at].count("}") for at in (*range(0, len(unescaped), 97), len(unescaped))]
    assert min(depths) >= 0 and depths[-1] == 0
    assert "'=1+1" in as_csv(tables_of(tmp_path)[0])


def test_a_spreadsheet_runs_no_name_and_numbers_stay_numbers(tmp_path: Path) -> None:
    rows = ["noise_no,noise,method,seed,status,applicability,reason,dataset,image,metric,value"]
    rows += [f'1,{name},+m,0,done,yes,,"@set,1",a,psnr,-3.5' for name in ("=1+1", "-x", "plain")]
    (tmp_path / "results.csv").write_text("\n".join(rows) + "\n")
    found = list(csv.DictReader(io.StringIO(reports.export(reports.load(tmp_path), "csv"))))
    assert [row["Noise"] for row in found] == ["'=1+1", "'-x", "plain"]
    assert {(row["Method"], row["Data set"], row["psnr"]) for row in found} == {("'+m", "'@set,1", "-3.5")}


def test_text_as_markdown() -> None:
    assert markdown("a|b <i>`c`</i> *d*_e_ [f](g) ~h~\n& $i$ #1") == (
        r"a\|b &lt;i&gt;\`c\`&lt;/i&gt; \*d\*\_e\_ \[f\](g) \~h\~ &amp; \$i\$ \#1"
    )


@pytest.mark.parametrize("name", ["results.parquet", "results.csv"])
def test_a_bare_table(tmp_path: Path, name: str) -> None:
    make_run(tmp_path / "run", noises=FEW, images=2)
    whole = reports.load(tmp_path / "run")
    bare = reports.load(tmp_path / "run" / name)
    assert reports.export(bare, "csv") == reports.export(whole, "csv")
    named, slugs = (markdown_tables(reports.export(run, "markdown")) for run in (whole, bare))
    assert [[row[3:] for row in rows[1:]] for rows in named] == [[row[3:] for row in rows[1:]] for rows in slugs]


def test_no_finished_cell(tmp_path: Path) -> None:
    make_run(tmp_path, noises=FEW, images=1, pending={(n, m, 0) for n in (1, 2, 9) for m in METHODS})
    run = reports.load(tmp_path)
    rows = markdown_tables(reports.export(run, "markdown"))[0]
    assert [cell[0][0] for cell in rows[0]] == ["No.", "Noise model", "Method", "Score"]
    assert {row[3][0][0] for row in rows[1:]} == {"pending"}
    assert {len(row) for row in latex_rows(reports.export(run, "latex"))} == {2}
    lines = list(csv.DictReader(io.StringIO(reports.export(run, "csv"))))
    assert len(lines) == 18
    assert {line["Status"] for line in lines} == {"pending", "not applicable"}
