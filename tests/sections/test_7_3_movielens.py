"""Sections 7.1, 7.3 and 8.1: the figures of full runs in the texts are those that were written down."""

import re

import pytest

from tools.notebooks import ENGLISH, ROOT, read_notebook

MEASURED = (ROOT / "docs/measured.md").read_text(encoding="utf-8")
LISTS = (ROOT / "benchmarks/movielens_lists.md").read_text(encoding="utf-8")
DATE = "30 November"
PARTS = {  # a part, the section of the benchmark that it quotes, and the rows
    "3b_negatives": ("7.3b", ("popularity", "factors")),
    "3c_a_network_instead": ("7.3c", ("popularity", "dot product", "NeuMF", "the equations of 7.1")),
    "3d_negatives_in_training": ("7.3d", ("uniform", "by popularity", "by popularity, corrected")),
    "3f_attention_over_histories": (
        "7.3f",
        (
            "popularity",
            "popular lately",
            "matrix factorisation",
            "matrix factorisation, folded in",
            "attention",
            "attention, history shuffled",
        ),
    ),
    "3h_features_that_act_together": ("7.3h", ("Linear", "WideAndDeep", "DeepFM")),
    "3i_the_item_that_matters": ("7.3h", ("Linear", "WideAndDeep", "DeepFM", "DIN")),
}
SECTIONS = sorted({name for name, _ in PARTS.values()})


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


# 7.1

OF_7_1 = {
    part: f"7_recommenders/{name}"
    for part, name in {
        "a": "1a_a_table_with_holes",
        "b": "1b_two_tables_for_one",
        "c": "1c_lists_instead_of_stars",
        "d": "1d_learning_from_likes",
        "e": "1e_a_film_without_stars",
        "f": "1f_a_new_reader",
        "g": "1g_your_own_page",
    }.items()
}


def full_run(part: str) -> str:
    """The row of the full run of a part of 7.1."""
    return measured(f"`{OF_7_1[part]}`, full")


def day_of(row: str) -> str:
    """The day of the run, first named in a row: 30 November 2026."""
    return re.search(r"\d+ November", row)[0] + " 2026"


@pytest.mark.parametrize("part", "ab")
def test_the_errors_in_stars_of_7_1_are_those_measured_and_those_printed(part):
    told, table = cells(OF_7_1[part]), rows(cells(OF_7_1[part])["built"])
    names = table["RMSE on test"]
    found = dict(re.findall(r"(mean|biases|neighbours|descent|ALS|SVD\+\+) ([\d.]+)", full_run(part)))
    real = table[f"MovieLens (full profile, {day_of(full_run(part))})"]
    assert real == [found[name] for name in names]
    printed = dict(re.findall(r"^(\S+) +RMSE ([\d.]+)", "".join(told.values()), re.MULTILINE))
    assert table["simulated"] == [printed[{"descent": "SGD"}.get(name, name)] for name in names]


def test_the_ndcg_of_movielens_in_7_1c_is_the_one_measured():
    told = cells(OF_7_1["c"])["table-read"]
    ndcg = re.search(r"NDCG of popularity ([\d.]+), SVD\+\+ ([\d.]+), implicit ALS ([\d.]+)", full_run("c"))
    assert means(rows(told)["MovieLens"]) == means(list(ndcg.groups()))
    assert f"a run on {day_of(full_run('c'))}" in told


def test_the_simulated_ndcg_beside_it_is_what_the_notebook_prints():
    told = cells(OF_7_1["c"])
    names = ("most popular", "SVD++, stars", "implicit ALS")
    lines = {line[:16].strip(): line[16:].split() for line in told["table-show"].splitlines()}
    assert means(rows(told["table-read"])["simulated"]) == [lines[name][4] for name in names]
    assert " ".join(lines[""]).replace("hit rate", "hit").split()[4] == "NDCG"


def test_the_errors_by_time_in_7_1c_are_those_measured():
    told, row = cells(OF_7_1["c"]), full_run("c")
    for name in ("biases", "ALS", "SVD++"):
        before, after = re.search(rf"{re.escape(name)} ([\d.]+), ([\d.]+)[;|]", row).groups()
        assert re.search(rf"{re.escape(name)} (?:go )?from {before} to {after}", told["time-read"]), name
    drift = re.search(r"SVD\+\+ and drift ([\d.]+), ([\d.]+) ", row)
    plain = re.search(r"; SVD\+\+ ([\d.]+), ([\d.]+);", row)
    gains = {f"{float(a) - float(b):.3f}" for a, b in zip(plain.groups(), drift.groups(), strict=True)}
    assert gains == {"0.001"}
    assert "drift gains only 0.001" in told["time-read"]


def test_the_means_over_four_splits_in_7_1d_are_those_measured_and_those_printed():
    told = cells(OF_7_1["d"])
    table, printed = rows(told["both-read"]), told["both-run"]
    assert table["simulated"] == re.findall(r"mean ([\d.]+)", printed)
    found = re.search(r"popularity ([\d.]+), implicit ALS ([\d.]+), BPR ([\d.]+)", full_run("d"))
    assert table["MovieLens"] == list(found.groups())
    assert f"a run on {day_of(full_run('d'))}" in told["both-read"]
    splits = {
        line[:13].strip(): [float(x) for x in line[13:].split("mean")[0].split()]
        for line in printed.splitlines()
    }
    leads = [f"{b - a:.3f}" for a, b in zip(splits["implicit ALS"], splits["BPR"], strict=True)]
    assert leads[0] == "0.003"
    assert all(float(lead) < 0 for lead in leads[1:])


def test_the_table_of_new_films_in_7_1e_is_the_one_measured_and_the_one_printed():
    told = cells(OF_7_1["e"])
    lines = re.findall(r"^(\S.*?) +([\d.]+) +\(([\d.]+) to ([\d.]+)\)$", told["spread-show"], re.MULTILINE)
    printed = {name: mean for name, mean, _, _ in lines}
    found = dict(re.findall(r"(?:: |; )([^:;|]+?) ([\d.]+ \([\d.]+ to [\d.]+\))", full_run("e")))
    quoted = rows(told["movielens"])
    for name, fields in quoted.items():
        if not means(fields):
            continue
        key = name.removeprefix("RMSE, ")
        assert fields[0] == printed[key], name
        assert f"{fields[1]} ({fields[2]})" == found[key], name
    assert len(found) == len(printed) == 9
    assert f"a run on {day_of(full_run('e'))}" in told["movielens"]
    without = re.search(r"set to 0 instead of guessed, content has a mean of ([\d.]+) ", full_run("e"))[1]
    assert f"(without it content has {without})" in told["movielens"]


def test_what_7_1f_and_7_1g_say_of_movielens_is_what_was_measured():
    reader, page = cells(OF_7_1["f"]), cells(OF_7_1["g"])
    five, twenty = re.search(r"five ratings known ([\d.]+), with twenty ([\d.]+) ", full_run("f")).groups()
    assert f"five leave the error at {five}, twenty bring it to {twenty}" in reader["cold-read"]
    near, any_film = re.search(r"shares a genre in ([\d.]+), any film in ([\d.]+)", full_run("f")).groups()
    assert f"in {float(near):.0%} (by chance in {float(any_film):.0%})".replace("%", " %") in reader["built"]
    assert "from stars one of ten is of the favourite genre" in full_run("f")
    assert "one film of ten is of the favourite genre" in reader["fold-likes-text"]
    costs = dict(re.findall(r"weight (0(?:\.\d)?) (0\.\d+)", full_run("g")))
    assert costs["0"] == costs["0.3"] > costs["0.6"]
    assert "cost nothing up to weight 0.3" in page["project"]
    assert f"the full profile; {day_of(full_run('f'))}" in reader["built"]
    assert f"the full profile; {day_of(full_run('g'))}" in page["project"]


# 7.3


@pytest.mark.parametrize("part", PARTS)
def test_the_figures_of_movielens_are_those_of_the_benchmark(part):
    text, (name, names) = cells(f"7_recommenders/{part}")["movielens"], PARTS[part]
    quoted, found = rows(text), rows(section(name))
    assert tuple(row for row, fields in quoted.items() if means(fields)) == names
    for row in names:
        assert means(quoted[row]) == means(found[row]), row
    assert f"a run on {DATE} 2026" in text
    assert f"benchmarks/movielens_lists.py {name}" in text
    assert "Measured 2026-11-30" in section(name)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_row_in_measured_is_that_of_the_benchmark(name):
    row = measured(f"`python benchmarks/movielens_lists.py {name}`")
    found = {name: fields for name, fields in rows(section(name)).items() if means(fields)}
    for name, fields in found.items():
        assert f"{name} {', '.join(means(fields))}" in row, name
    assert DATE in row


def test_7_3c_quotes_the_range_over_three_seeds_to_the_last_digit():
    quoted = rows(cells("7_recommenders/3c_a_network_instead")["movielens"])
    found = rows(section("7.3c"))
    for name in PARTS["3c_a_network_instead"][1]:
        assert quoted[name] == found[name], name
    assert "of the seeds 0, 1, 2 (lowest to highest)" in LISTS
    assert "lowest to highest of three seeds" in cells("7_recommenders/3c_a_network_instead")["movielens"]


def test_what_7_3c_says_of_the_order_follows_from_the_benchmark():
    found = {name: [float(field[:5]) for field in fields] for name, fields in rows(section("7.3c")).items()
             if means(fields)}  # fmt: skip
    assert found["NeuMF"][0] < found["dot product"][0] < found["popularity"][0] + 0.01
    assert found["the equations of 7.1"][0] > 1.5 * found["dot product"][0]
    assert max(row[1] for row in found.values()) - min(row[1] for row in found.values()) < 0.001
    even, popular, corrected = (
        rows(section("7.3d"))[name][0][:5]
        for name in ("uniform", "by popularity", "by popularity, corrected")
    )
    told = cells("7_recommenders/3c_a_network_instead")["movielens"]
    assert f"Evenly drawn negatives then give {even}." in told
    assert f"drawn by popularity give {popular}, no gain, and with a correction {corrected}." in told
    assert float(popular) == found["dot product"][0]


def test_7_3c_says_on_how_many_seeds_neumf_is_behind():
    row, told = (
        measured("`7_recommenders/3c_a_network_instead`, full"),
        cells("7_recommenders/3c_a_network_instead"),
    )
    assert "NeuMF behind the dot product in all ten" in row
    assert DATE in row or "likewise" in row
    assert (
        f"on each of the five seeds, by 0.02 to 0.04, and on five more (full profile, a run on {DATE} 2026)"
        in told["ncf-read"]
    )
    leads = re.findall(r"[+-]\d\.\d+", told["ncf-claims"])
    assert len(leads) == 5
    assert all(0.02 <= -float(lead) < 0.045 for lead in leads)
    more = series(measured("of `7_recommenders/3c_a_network_instead`, seven more"), "dot product")
    assert sum(one < 0 for one in more) == 6
    assert len(more) == 7
    assert f"it is {-sum(more) / 7:.3f} behind in the mean" in told["ncf-read"]
    assert f"between {-min(more):.3f} behind and {max(more):.3f} ahead" in told["ncf-read"]


def test_a_hit_rate_of_0_45_is_three_quarters_of_the_way_to_the_ceiling():
    trained = re.search(r"dot product ([\d.]+)", cells("7_recommenders/3a_an_id_is_a_row")["dot-rate"])[1]
    told = cells("7_recommenders/3b_negatives")
    low, high = map(float, re.search(r"popularity ([\d.]+), ceiling ([\d.]+)", told["ends-code"]).groups())
    assert f"The {trained} of 7.3a is three quarters of the way" in told["ends-read"]
    assert (float(trained) - low) / (high - low) == pytest.approx(0.75, abs=0.05)


def test_the_first_numbers_of_7_3f_are_those_that_it_and_7_3e_print():
    found = cells("7_recommenders/3f_attention_over_histories")
    reached = re.search(r"hit rate ([\d.]+)", found["result-train"])[1]
    assert f"The hit rate is {reached}, where the LSTM of 7.3e had 0.55" in found["far-read"]
    notebook = read_notebook(ENGLISH / "7_recommenders/3e_histories.ipynb")
    (picture,) = [cell for cell in notebook.cells if cell.id == "result-picture"]
    assert "the LSTM 0.55" in picture.metadata["alt"]


def test_the_shares_of_the_gap_in_7_3i_are_those_printed():
    told = cells("7_recommenders/3i_the_item_that_matters")
    mean, weights = (
        float(re.search(rf"^{name} .* ([\d.]+) of the gap", told["clicks-run"], re.MULTILINE)[1])
        for name in ("ByMean", "DIN")
    )
    assert "closes about 0.7 of the gap" in told["clicks-read"]
    assert mean == pytest.approx(0.7, abs=0.05)
    assert "DIN reaches about 0.9 of the gap" in told["clicks-read"]
    assert weights == pytest.approx(0.9, abs=0.05)
    full = measured("`7_recommenders/3i_the_item_that_matters`, full")
    mean, weights = re.search(r"ByMean closes ([\d.]+), DIN ([\d.]+) \|", full).groups()
    assert (
        f"it closes {mean} of the gap and DIN {weights} (full profile, three seeds, a run on {DATE} 2026)"
        in told["clicks-read"]
    )
    assert DATE in full


def series(row: str, name: str) -> list[float]:
    """The numbers, one per seed, that follow a name in a row of docs/measured.md."""
    return [float(one) for one in re.search(rf"{re.escape(name)} ([-+\d. ]+\d)", row)[1].split()]


def test_what_7_3e_says_of_one_step_was_measured():
    found = series(measured("`OneStep` of `7_recommenders/3e_histories`"), "hit rate")
    quoted = f"{sum(found) / 3:.2f} (three seeds, {min(found):.2f} to {max(found):.2f})"
    assert f"`OneStep` reached {quoted}" in cells("7_recommenders/3e_histories")["one-step-why"]


def test_what_7_3i_says_of_ten_seeds_was_measured():
    told = cells("7_recommenders/3i_the_item_that_matters")
    row = measured("the models of `7_recommenders/3i_the_item_that_matters`, quick")
    assert DATE in row
    mean, din = series(row, "ByMean closes"), series(row, "DIN")
    assert len(mean) == len(din) == 10
    quoted = [f"{sum(one) / 10:.2f} ({min(one):.2f} to {max(one):.2f})" for one in (mean, din)]
    assert f"the mean closes {quoted[0]} and DIN {quoted[1]}" in told["clicks-read"]
    assert min(b - a for a, b in zip(mean, din, strict=True)) == pytest.approx(0.14, abs=0.005)
    trained, untrained = series(row, "kinds: trained"), series(row, "untrained")
    assert f"{min(trained):.2f} to {max(trained):.2f} for the trained" in told["din-weights-read"]
    assert f"{min(untrained):.2f} to {max(untrained):.2f} for untrained" in told["din-weights-read"]
    lowest, turned = series(row, "lowest kind"), series(row, "below 0.5:")
    assert sum(one < 0.6 for one in lowest) == 4
    assert "On four of the ten seeds there is a kind" in told["din-weights-read"]
    assert sum(1 < one < 15 for one in turned) == 3
    assert turned[5] == 11
    assert "with seed 5, 11 of the 16 kinds" in told["din-weights-read"]


def test_what_7_3f_says_of_the_order_follows_from_the_benchmark():
    text, found = cells("7_recommenders/3f_attention_over_histories")["movielens"], section("7.3f")
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


def test_what_7_3h_and_7_3i_say_of_the_order_follows_from_the_benchmark():
    found = {name: [float(field[:5]) for field in fields] for name, fields in rows(section("7.3h")).items()
             if means(fields)}  # fmt: skip
    linear = found.pop("Linear")
    gains = [row[0] - linear[0] for row in found.values()]
    assert all(0.01 < gain < 0.025 for gain in gains)
    assert found["DIN"][0] == min(row[0] for row in found.values())
    assert all(row[1] < linear[1] - 0.01 for row in found.values())


# 8.1


def test_the_full_run_of_8_1_is_told_with_its_date_and_its_number():
    row = measured("`8_project/1b_three_ingredients`, full")
    test, four, val = re.search(r"accuracy ([\d.]+) \((0\.\d{4})\), val ([\d.]+);", row).groups()
    assert "23 November" in row
    training, judging = (
        cells(f"8_project/{name}") for name in ("1b_three_ingredients", "1c_judging_a_network")
    )
    assert "a run on 23 November 2026" in training["built"]
    assert f"right on {val} of val and {test} of test" in training["built"]
    (full,) = [text for text in judging.values() if "**The full profile**" in text]
    assert f"on 23 November 2026: {four} of the 10,000 test pictures" in full
    assert f"{float(four):.3f}" == test
