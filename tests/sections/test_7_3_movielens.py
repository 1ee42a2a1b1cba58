"""Sections 7.1, 7.3 and 8.1: the figures of full runs in the texts are those that were written down."""

import re

import pytest

from tools.notebooks import ENGLISH, ROOT, read_notebook

MEASURED = (ROOT / "docs/measured.md").read_text(encoding="utf-8")
LISTS = (ROOT / "benchmarks/movielens_lists.md").read_text(encoding="utf-8")
DATE = "30 November"
PARTS = {
    "7.3a": "3a_an_id_is_a_row",
    "7.3b": "3b_negatives",
    "7.3c": "3c_histories",
    "7.3e": "3e_features_that_act_together",
}


def cells(part: str) -> dict[str, str]:
    """Text of each prose cell, and what each code cell has printed, by id."""
    notebook = read_notebook(ENGLISH / f"{part}.ipynb")
    printed = {
        cell.id: "".join(output.get("text", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    return printed | {cell.id: cell.source for cell in notebook.cells if cell.cell_type == "markdown"}


def rows(text: str) -> dict[str, list[str]]:
    """The tables of a Markdown text: {first field of a row: the others}."""
    fields = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {first.strip(): [other.strip() for other in others] for first, *others in fields}


def means(fields: list[str]) -> list[str]:
    """The first number of each field, to two decimals; what is no number stays away."""
    found = [re.match(r"-?\d\.\d+", field) for field in fields]
    return [f"{float(number[0]) + 1e-9:.2f}" for number in found if number]


def measured(beginning: str) -> str:
    (row,) = [line for line in MEASURED.splitlines() if line.startswith(f"| {beginning}")]
    return row


def section(part: str) -> str:
    (text,) = re.findall(rf"^## {re.escape(part)}\n(.*?)(?=^## |\Z)", LISTS, re.MULTILINE | re.DOTALL)
    return text


# 7.1b


def test_the_ndcg_of_movielens_in_7_1b_is_the_one_measured():
    told = rows(cells("7_recommenders/1b_lists_instead_of_stars")["table-read"])
    row = measured("`7_recommenders/1b_lists_instead_of_stars`, full")
    ndcg = re.search(
        r"NDCG of popularity ([\d.]+), SVD\+\+ ([\d.]+), implicit ALS ([\d.]+), BPR ([\d.]+)", row
    )
    assert means(told["MovieLens"]) == means(list(ndcg.groups()))
    assert DATE in row
    assert f"a run on {DATE} 2026" in cells("7_recommenders/1b_lists_instead_of_stars")["table-read"]


def test_the_simulated_ndcg_beside_it_is_what_the_notebook_prints():
    told = cells("7_recommenders/1b_lists_instead_of_stars")
    names = ("most popular", "SVD++, stars", "implicit ALS", "BPR")
    lines = {line[:16].strip(): line[16:].split() for line in told["table-show"].splitlines()}
    assert means(rows(told["table-read"])["simulated"]) == [lines[name][4] for name in names]
    assert " ".join(lines[""]).replace("hit rate", "hit").split()[4] == "NDCG"


def test_the_errors_by_time_in_7_1b_are_those_measured():
    told = cells("7_recommenders/1b_lists_instead_of_stars")
    row = measured("`7_recommenders/1b_lists_instead_of_stars`, full")
    for name in ("biases", "ALS", "SVD++"):
        before, after = re.search(rf"{re.escape(name)} ([\d.]+), ([\d.]+)[;|]", row).groups()
        assert re.search(rf"{re.escape(name)} (?:go )?from {before} to {after}", told["time-read"]), name
    drift = re.search(r"SVD\+\+ and drift ([\d.]+), ([\d.]+);", row)
    plain = re.search(r"; SVD\+\+ ([\d.]+), ([\d.]+);", row)
    gains = {f"{float(a) - float(b):.3f}" for a, b in zip(plain.groups(), drift.groups(), strict=True)}
    assert gains == {"0.001"}
    assert "drift gains only 0.001" in told["time-read"]
    five, twenty = re.search(r"five ratings known ([\d.]+), with twenty ([\d.]+) ", row).groups()
    assert f"five leave the error at {five}, twenty bring it to {twenty}" in told["built"]


# 7.3


@pytest.mark.parametrize("part", PARTS)
def test_the_figures_of_movielens_are_those_of_the_benchmark(part):
    text = cells(f"7_recommenders/{PARTS[part]}")["movielens"]
    quoted, found = rows(text), rows(section(part))
    compared = [name for name in quoted if name in found and means(quoted[name])]
    assert len(compared) >= 3, "the names of the rows are those of the benchmark"
    for name in compared:
        numbers = means(quoted[name])
        assert numbers[-len(means(found[name])) :] == means(found[name]), name
    assert f"a run on {DATE} 2026" in text
    assert f"benchmarks/movielens_lists.py {part}" in text
    assert "Measured 2026-11-30" in section(part)


@pytest.mark.parametrize("part", PARTS)
def test_the_row_in_measured_is_that_of_the_benchmark(part):
    row = measured(f"`python benchmarks/movielens_lists.py {part}`")
    found = {name: fields for name, fields in rows(section(part)).items() if means(fields)}
    for name, fields in found.items():
        assert f"{name} {', '.join(means(fields))}" in row, name
    assert DATE in row


def test_what_7_3a_says_beside_the_planted_listeners_is_what_the_notebook_prints():
    told = cells("7_recommenders/3a_an_id_is_a_row")
    table, contest = rows(told["movielens"]), told["ncf-picture"]
    for name in ("popularity", "dot product", "NeuMF"):
        assert re.search(rf"^{name} +{table[name][0]} ", contest, re.MULTILINE), name
    solved = re.search(r"the equations of 7.1 ([\d.]+)", told["dot-rate"])[1]
    assert table["the equations of 7.1"][0] == solved
    found = {name: float(fields[0]) for name, fields in rows(section("7.3a")).items() if means(fields)}
    assert found["NeuMF"] < found["dot product"] < found["popularity"] + 0.01
    assert found["the equations of 7.1"] > 1.5 * found["dot product"]
    assert "brings the same dot product to 0.10" in told["movielens"]
    assert means(rows(section("7.3b"))["by popularity, corrected"])[0] == "0.10"


def test_what_7_3c_says_of_the_order_follows_from_the_benchmark():
    text, found = cells("7_recommenders/3c_histories")["movielens"], section("7.3c")
    table = {
        name: [float(field) for field in fields] for name, fields in rows(found).items() if means(fields)
    }
    kept = [a / b for a, b in zip(table["attention, history shuffled"], table["attention"], strict=True)]
    assert all(0.7 < share < 0.8 for share in kept)
    assert "a shuffled history costs a quarter of the hits" in text
    assert all(table["attention"][split] == max(row[split] for row in table.values()) for split in (0, 1))
    assert 1 - table["attention"][1] == pytest.approx(0.94, abs=0.005)
    tied = float(re.search(r"ratings (0\.\d+) bear the same second", found)[1])
    assert tied == pytest.approx(1 / 6, abs=0.01)


def test_what_7_3e_says_of_the_order_follows_from_the_benchmark():
    found = {name: [float(field[:5]) for field in fields] for name, fields in rows(section("7.3e")).items()
             if means(fields)}  # fmt: skip
    linear = found.pop("Linear")
    gains = [row[0] - linear[0] for row in found.values()]
    assert all(0.01 < gain < 0.025 for gain in gains)
    assert found["DIN"][0] == min(row[0] for row in found.values())
    assert all(row[1] < linear[1] - 0.01 for row in found.values())


# 8.1


def test_the_full_run_of_8_1_is_told_with_its_date_and_its_number():
    row = measured("`8_project/1a_blocks_and_training`, full")
    test, four, val = re.search(r"accuracy ([\d.]+) \((0\.\d{4})\), val ([\d.]+);", row).groups()
    assert "23 November" in row
    blocks, judging = (
        cells(f"8_project/{name}") for name in ("1a_blocks_and_training", "1b_judging_and_model_card")
    )
    assert "a run on 23 November 2026" in blocks["built"]
    assert f"right on {val} of val and {test} of test" in blocks["built"]
    (full,) = [text for text in judging.values() if "**The full profile**" in text]
    assert f"on 23 November 2026: {four} of the 10,000 test pictures" in full
    assert f"{float(four):.3f}" == test
