"""Summaries as they are read: what is given down, labels across, many labels by the most probable, long groups folded."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import pgmlang
from pgmlang.cli.main import run
from pgmlang.diagnostics import PgmError
from pgmlang.results.summary_view import GLANCE, SCREEN, Budget, Summary, commands_for, summary_tables

RNG = np.random.default_rng(0)


def table_model(parents: int, labels: int) -> tuple[pgmlang.api.FittedModel, dict[str, list[str]]]:
    """A table of a variable with many labels, below parents of two."""
    rows = 40 * 2**parents
    data = {f"p{i}": RNG.choice(["no", "yes"], rows).tolist() for i in range(parents)}
    data["out"] = [f"k{RNG.integers(labels)}" for _ in range(rows)]
    data["out"][:labels] = [f"k{i}" for i in range(labels)]
    statements = "\n".join(f"  {name} : {{no, yes}} ~ Table()" for name in data if name != "out")
    given = "".join(f"{n}, " for n in data if n != "out")
    text = f"plate row {{\n{statements}\n  out : {{...}} ~ Table({given}prior = 1)\n}}"
    return pgmlang.compile(text).fit(data), data


@pytest.mark.parametrize(("parents", "labels"), [(0, 2), (0, 100), (1, 3), (3, 2), (5, 3), (2, 40)])
def test_tables_of_every_shape_fit_a_screen(parents: int, labels: int) -> None:
    fit, data = table_model(parents, labels)
    (table,) = summary_tables(fit.record, ["out"])
    text = table.text(100)
    assert all(len(line) <= 100 for line in text.split("\n"))
    given = [n for n in data if n != "out"]
    assert text.split("\n")[0] == f"P(out{' | ' + ', '.join(given) if given else ''})"
    columns = {c.name: c for c in table.columns}
    if parents:
        assert list(columns)[:parents] == given
        assert table.num_rows == 2**parents
        across = [f"k{i}" for i in range(labels)] if labels <= 12 else ["most probable"]
        assert [name for name in columns if name in across] == across
        # the counts beside a row are those of the data
        for row in range(table.num_rows):
            told = sum(all(data[n][i] == columns[n].values[row] for n in given) for i in range(len(data["out"])))
            assert columns["count"].texts[row] == f"{told:,}"
    else:
        assert list(columns) == ["out", "p", "sd", "count"]
        assert table.num_rows == labels
    screen = str(Summary(fit.record))
    assert len(screen.split("\n")) < 90
    if 2**parents > 18:
        assert '... and 20 more: fit.summary("out")' in screen


def test_each_number_has_the_digits_of_its_error() -> None:
    fit, _ = table_model(1, 3)
    for row in fit.summary("out"):
        shown = next(
            line.split() for line in str(fit.summary("out")).split("\n") if line.startswith(row["given"]["p0"])
        )
        text = shown[1 + int(row["label"][1:])]
        assert float(text) == pytest.approx(row["mean"], abs=0.051 * 10 ** np.floor(np.log10(row["sd"])))
        decimals = 1 - int(np.floor(np.log10(row["sd"])))
        assert len(text.split(".")[1]) == decimals


def test_topics_by_their_words() -> None:
    text = """
    dim word
    plate topic[3] { phi[word] ~ Dirichlet(0.5) }
    plate doc { theta[topic] ~ Dirichlet(1)
      plate token { z ~ Categorical(theta)
        w : word ~ Categorical(phi[z]) } }
    """
    words = [f"w{i:02d}" for i in range(30)]
    data = {"doc": np.repeat([f"d{i}" for i in range(8)], 40), "w": RNG.choice(words, 320)}
    options = {"chains": 2, "warmup": 5, "draws": 10}
    fit = pgmlang.compile(text).fit(data, method="gibbs", seed=1, options=options)
    brief = next(t for t in fit.summary().tables if t.title == "phi[topic, word]")
    mean = fit.draws["phi"].mean((0, 1))
    for k, line in enumerate(str(brief).split("\n")[2:]):
        listed = re.findall(r"w\d\d", line)
        assert listed == [words[i] for i in np.argsort(-mean[k], kind="stable")[: len(listed)]]
        assert len(listed) >= 5
    whole = str(fit.summary("phi"))
    best = int(np.argmax(mean[0]))
    assert f"{words[best]} ({mean[0, best]:.2g})" in whole
    theta = next(t for t in fit.summary().tables if t.title == "theta[doc, topic]")
    assert str(theta).split("\n")[1].split()[:4] == ["doc", "0", "1", "2"]
    assert str(theta).split("\n")[2].startswith("d0")


def test_groups_are_whole_or_folded() -> None:
    text = (
        "dim f\nw[f] ~ Normal(0, 1)\nb ~ Normal(0, 1)\nplate row { input x[f] : real\n y ~ Normal(w @ x + b, 1) }"
    )
    data = {"x": RNG.normal(size=(30, 70)), "y": RNG.normal(size=30)}
    fit = pgmlang.compile(text).fit(data, method="map", seed=1)
    screen = str(Summary(fit.record))
    assert re.search(r"^w +70 f +-?\d", screen, re.MULTILINE)
    assert re.search(r"^b +-?\d", screen, re.MULTILINE)
    assert "w[3]" not in screen
    assert 'to see one: fit.summary("w"); all: fit.summary().frame' in screen
    assert sum(line.startswith("w[") for line in str(fit.summary("w")).split("\n")) == 70
    every = summary_tables(fit.record, budget=None)
    assert sum(t.num_rows for t in every) == 71
    assert len(fit.summary().frame) == 71
    with pytest.raises(PgmError) as caught:
        fit.summary("v")
    assert caught.value.diagnostics[0].code == "PGM0607"


def test_budgets_hold_however_much_there_is() -> None:
    names = [f"x{i}" for i in range(150)]
    text = "plate row {\n" + "\n".join(f"  {n} : {{no, yes}} ~ Table()" for n in names) + "\n}"
    fit = pgmlang.compile(text).fit({n: ["no", "yes"] for n in names})
    for budget in (SCREEN, GLANCE, Budget(6, 2, 3)):
        lines = str(Summary(fit.record).text(budget)).split("\n")
        assert len(lines) <= 3 + 2 * budget.lines + budget.folded


def test_the_command_that_it_names_shows_it(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    fit, _ = table_model(5, 3)
    folder = tmp_path / "a fit"
    fit.save(folder)
    assert run(["summary", str(folder)]) == 0
    told = capsys.readouterr().out
    command = re.search(r"\.\.\. and \d+ more: pgmc (.*)", told)
    assert command is not None
    assert command[1] == f"summary '{folder}' out"
    assert run(["summary", str(folder), "out"]) == 0
    assert len([x for x in capsys.readouterr().out.split("\n") if x.startswith(("no ", "yes "))]) == 32
    assert run(["summary", str(folder), "uot"]) != 0
    assert "did you mean `out`" in capsys.readouterr().err
    assert commands_for("x").one == "pgmc summary x {name}"


def test_counts_that_are_expected_have_a_tenth(tmp_path) -> None:
    fit, _ = table_model(1, 2)
    parameters = {k: v * 1.07 if k.endswith("counts") else v for k, v in fit.record.parameters.items()}
    text = str(Summary(replace(fit.record, parameters=parameters), ("out",)))
    assert re.search(r"\d\.\d\n", text + "\n")


def test_elements_are_asked_for_by_their_printed_names() -> None:
    text = 'dim g = {a, "b c"}\nmu[g] ~ Normal(0, 5)\nplate row { input k : g\n  y ~ Normal(mu[k], 1) }'
    data = {"k": ["a", "b c"] * 10, "y": RNG.normal(size=20)}
    for method, options in (("hmc", {"chains": 2, "warmup": 20, "draws": 20}), ("map", {})):
        fit = pgmlang.compile(text).fit(data, method=method, seed=1, options=options)
        for row in fit.summary():
            assert [r["mean"] for r in fit.summary(row["name"])] == [row["mean"]]
            assert str(fit.summary(row["name"])).split("\n\n")[-1].count("\n") == 1
        with pytest.raises(PgmError) as caught:
            fit.summary("mu[z]")
        assert "mu[" in str(caught.value.diagnostics[0].help)


def test_cells_of_tables_are_asked_for_by_their_names() -> None:
    fit, _ = table_model(2, 3)
    name = "P(out = k1 | p0 = no, p1 = yes)"
    (row,) = fit.summary(name)
    assert row["label"] == "k1"
    assert row["given"] == {"p0": "no", "p1": "yes"}
    assert name in str(fit.summary(name))
    assert len(fit.summary("p0", name)) == 3


def test_every_table_shows_its_head_in_a_glance() -> None:
    fit, _ = table_model(4, 2)
    text = Summary(fit.record).text(GLANCE)
    assert "P(out | p0, p1, p2, p3)" in text
    assert "folded" not in text


def test_tables_of_both_ways_of_an_if_are_told_apart() -> None:
    text = "plate t = chain {\n  z : {a, b} ~ if first then Table(prior = 1) else Table(prev(z), prior = 1)\n}\n"
    fit = pgmlang.compile(text).fit({"z": list("abababba")})
    assert [t.title for t in summary_tables(fit.record)] == ["P(z), first rows", "P(z | prev(z))"]
    text = "plate row {\n  a : {no, yes} ~ Table()\n  b : {no, yes} ~ if a == no then Table(prior = 1) else Table(prior = 1)\n}\n"
    fit = pgmlang.compile(text).fit({"a": ["no", "yes"] * 4, "b": ["no", "no", "yes", "yes"] * 2})
    assert [t.title for t in summary_tables(fit.record, ["b"])] == ["P(b), table 1 of 2", "P(b), table 2 of 2"]


@pytest.mark.parametrize(
    "text", ["if first then Table() else Table(prev(z))", "if not first then Table(prev(z)) else Table()"]
)
def test_a_table_of_first_rows_says_so(text: str) -> None:
    fit = pgmlang.compile(f"plate t = chain {{\n  z : {{a, b}} ~ {text}\n}}").fit({"z": ["a", "b", "a", "a"]})
    titles = [table.title for table in summary_tables(fit.record, ["z"])]
    assert sorted(titles) == ["P(z | prev(z))", "P(z), first rows"]
