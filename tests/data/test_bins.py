"""Numbers cut into labels: where, how they are called, and that new numbers find them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pgmlang
from pgmlang.data import read_frame, sort_labels
from pgmlang.data.cuts import quantile_cuts, roundest, supervised_cuts, width_cuts
from pgmlang.data.intervals import codes_of_numbers, interval_labels, intervals_of, label_of_number
from pgmlang.diagnostics import PgmError


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_equal_up_to_ties(seed: int) -> None:
    r = np.random.default_rng(seed)
    values = np.sort(r.normal(size=1000))
    cuts = quantile_cuts(values, 5)
    counts = np.bincount(np.searchsorted(cuts, values, side="right"))
    assert counts.tolist() == [200] * 5


def test_ties_are_never_parted() -> None:
    values = np.sort(np.repeat([1.0, 2.0, 3.0], [90, 5, 5]))
    assert quantile_cuts(values, 4) == (2.0,)


@pytest.mark.parametrize(
    ("low", "high", "cut"),
    [
        (29, 30, 30),
        (0.123, 0.131, 0.13),
        (-5, -3, -3),
        (99.2, 100.7, 100),
        (-0.5, 0.5, 0),
        (1e6, 1e6 + 1, 1e6 + 1),
    ],
)
def test_cuts_are_round(low: float, high: float, cut: float) -> None:
    assert roundest(low, high) == pytest.approx(cut)
    assert low < roundest(low, high) <= high


def test_widths_are_multiples() -> None:
    assert width_cuts(np.array([3.0, 47.0]), 10) == (10, 20, 30, 40)
    assert width_cuts(np.array([0.0, 0.35]), 0.1) == (0.1, 0.2, 0.3)


def entropy(classes: np.ndarray) -> float:
    p = np.bincount(classes) / len(classes)
    return -sum(x * math.log2(x) for x in p if x)


def accepts(classes: np.ndarray, cut: int) -> tuple[float, bool]:
    """Fayyad and Irani's criterion, as the paper writes it: the gain of a cut, and whether it is accepted."""
    left, right, n = classes[:cut], classes[cut:], len(classes)
    gain = entropy(classes) - len(left) / n * entropy(left) - len(right) / n * entropy(right)
    k, k1, k2 = (len(set(c.tolist())) for c in (classes, left, right))
    delta = math.log2(3**k - 2) - (k * entropy(classes) - k1 * entropy(left) - k2 * entropy(right))
    return gain, gain > math.log2(n - 1) / n + delta / n


@pytest.mark.parametrize("seed", range(8))
def test_supervised_cuts_are_those_of_the_paper(seed: int) -> None:
    """Against the recursion written out: every cut between different values is tried, the best kept where it is accepted."""
    r = np.random.default_rng(seed)
    values = np.sort(r.integers(0, 40, 150).astype(float))
    classes = np.where(r.random(150) < 0.15, r.integers(0, 3, 150), np.digitize(values, [12, 28])).astype(np.int64)

    def recursive(first: int, last: int) -> list[float]:
        tried = [i for i in range(first + 1, last) if values[i] > values[i - 1]]
        if not tried:
            return []
        gains = [accepts(classes[first:last], i - first)[0] for i in tried]
        best = tried[int(np.argmax(np.round(gains, 12)))]
        if not accepts(classes[first:last], best - first)[1]:
            return []
        return [*recursive(first, best), roundest(values[best - 1], values[best]), *recursive(best, last)]

    assert supervised_cuts(values, classes) == tuple(recursive(0, len(values)))


def test_noise_is_not_cut() -> None:
    r = np.random.default_rng(1)
    frame = {"x": r.normal(size=300).tolist(), "y": list(r.choice(["a", "b"], 300))}
    with pytest.raises(PgmError, match="no cut of `x`"):
        read_frame(frame, bins={"x": "supervised:y"})


def test_every_number_has_its_bin() -> None:
    labels = interval_labels((18, 30, 65))
    assert labels == ("< 18", "[18, 30)", "[30, 65)", ">= 65")
    values = np.array([-1e9, 17.999, 18, 29.9, 30, 64, 65, 1e9, np.nan])
    intervals = intervals_of(labels)
    assert intervals is not None
    assert codes_of_numbers(values, intervals, -2).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, -1]
    assert sort_labels(sorted(labels)) == labels


@pytest.mark.parametrize("labels", [("0-5 cm", "more"), ("[1, 2)", "[1.5, 3)"), ("< 3", "other"), ()])
def test_other_labels_are_no_bins(labels: tuple[str, ...]) -> None:
    assert intervals_of(labels) is None
    assert label_of_number("2", labels) is None


TEXT = """
plate row {
  age : {...} ~ Table(prior = 1)
  ill : {no, yes} ~ Table(age, prior = 1)
}
"""


def rows() -> dict[str, list]:
    r = np.random.default_rng(2)
    age = r.integers(18, 90, 400)
    return {
        "age": age.tolist(),
        "ill": np.where(r.random(400) < np.where(age < 50, 0.1, 0.7), "yes", "no").tolist(),
    }


@pytest.mark.parametrize("how", [3, "width:20", "[30,60]", "supervised:ill"])
def test_a_fit_keeps_its_bins(how, tmp_path) -> None:
    fit = pgmlang.compile(TEXT).fit(rows(), bins={"age": how})
    fit.save(tmp_path / "a.fit")
    loaded = pgmlang.load(tmp_path / "a.fit")
    labels = loaded.model.labels_of(loaded.model.by_name["age"].type)
    inside = label_of_number("42", labels)
    by_number, by_label = loaded.query("P(ill | age = 42)"), loaded.query(f'P(ill | age = "{inside}")')
    assert by_number.table == by_label.table
    far = loaded.predict_columns({"age": [-5, 300]}, targets=["ill"]).columns
    assert far["P(ill = yes)"][0] == pytest.approx(
        loaded.query(f'P(ill = yes | age = "{labels[0]}")').table[0]["p"]
    )
    assert far["P(ill = yes)"][1] == pytest.approx(
        loaded.query(f'P(ill = yes | age = "{labels[-1]}")').table[0]["p"]
    )
    np.testing.assert_allclose(
        loaded.score({"age": ["42"], "ill": ["yes"]}), loaded.score({"age": [inside], "ill": ["yes"]})
    )


def test_bins_written_in_a_model_need_no_option() -> None:
    text = TEXT.replace("{...}", '{"< 30", "[30, 60)", ">= 60"}')
    fit = pgmlang.compile(text).fit(rows())
    binned = pgmlang.compile(TEXT).fit(rows(), bins={"age": [30, 60]})
    assert fit.query("P(ill | age = 59.5)").table == binned.query("P(ill | age = 59.5)").table


def test_numbers_of_bins_are_refused() -> None:
    with pytest.raises(PgmError, match="cut into bins"):
        pgmlang.compile("plate row { age ~ Normal(0, 1) }").bind({"age": [1.0, 2.0, 3.0]}, bins={"age": 2})


def test_blocks_need_cut_points(tmp_path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("age,ill\n" + "".join(f"{a},{i}\n" for a, i in zip(*rows().values(), strict=True)))
    model = pgmlang.compile(TEXT)
    with pytest.raises(PgmError, match="cut points"):
        model.fit_stream(path, bins={"age": 3})
    streamed = model.fit_stream(path, bins={"age": [30, 60]}, batch_rows=64)
    whole = model.fit(path, bins={"age": [30, 60]})
    assert streamed.query("P(ill | age = 42)").table == whole.query("P(ill | age = 42)").table


def test_a_constant_column_has_no_cuts_to_advise() -> None:
    with pytest.raises(PgmError, match="one value tells nothing"):
        pgmlang.compile("plate row { y ~ Normal(0, 1) }").bind({"y": [1.0, 2.0], "c": [3, 3]}, bins={"c": 3})


@pytest.mark.parametrize("width", [1, 0.1, 0.3, 2.5, 7, 1e-3])
@pytest.mark.parametrize("seed", range(3))
def test_cuts_of_a_width_are_all_its_multiples_above_the_lowest(width: float, seed: int) -> None:
    r = np.random.default_rng(seed)
    steps = np.sort(r.integers(-12, 40, 30))
    values = np.array([float(f"{k * width:.12g}") for k in steps])
    cuts = width_cuts(values, width)
    assert cuts == tuple(float(f"{k * width:.12g}") for k in range(steps[0] + 1, steps[-1] + 1))
    # whole multiples, so that each has a bin of its own
    assert np.searchsorted(cuts, values, side="right").tolist() == (steps - steps[0]).tolist()


def test_a_die_has_six_bins() -> None:
    column = read_frame({"die": [1, 2, 3, 4, 5, 6]}, bins={"die": "width:1"}).columns["die"]
    assert column.codes.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("values", [[1.0, 2.0], [1e300, 2e300], [-1e308, 1e308]])
def test_a_width_that_is_far_too_small_is_refused(values: list[float]) -> None:
    with pytest.raises(PgmError, match="more than 1,000 bins"):
        read_frame({"x": values}, bins={"x": "width:1e-320"})
