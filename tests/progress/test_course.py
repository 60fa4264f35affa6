"""What is told of a run: its pace, its course in a line, and figures that cost nothing."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmlang.progress import course as course_module
from pgmlang.progress.course import BARS, MOST, Course, clock, duration, ended, sparkline, told_figures
from pgmlang.progress.terminal import lines
from pgmlang.results.convergence import convergence, ranked_r_hat


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=400),
    st.integers(0, 80),
)
def test_a_sparkline_fits_and_says_only_bars(values: list[float], width: int) -> None:
    drawn = sparkline(values, width)
    assert len(drawn) <= width
    assert set(drawn) <= set(BARS)


def test_a_sparkline_rises_with_its_values() -> None:
    assert sparkline([float(v) for v in range(80)], 10)[-8:] == "▁▂▃▄▅▆▇█"
    assert sparkline([2.0] * 5, 5) == "▄" * 5


def test_the_time_left_follows_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(course_module.time, "monotonic", lambda: now[0])
    course = Course(began=100.0)
    assert course.seconds_left is None
    now[0] = 110.0  # ten seconds before the first step say nothing of the pace
    course.report(100, -5.0, total=1100)
    now[0] = 112.0
    course.report(300, -4.0, total=1100)
    assert course.seconds_left == pytest.approx(8.0)
    assert course.share == pytest.approx(300 / 1100)
    assert Course(limit=3.0, began=111.0).seconds_left == pytest.approx(2.0)


def test_figures_are_asked_for_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = [0.0], []
    monkeypatch.setattr(course_module.time, "monotonic", lambda: now[0])

    def figures() -> dict[str, float]:
        asked.append(now[0])
        now[0] += 0.05
        return {"R-hat": 1.0}

    course = Course(began=0.0)
    for i in range(1000):
        course.report(i, 0.0, figures=figures)
        now[0] += 0.01
    # a hundredth of the time goes to figures of 0.05 s
    assert 0.05 * len(asked) <= 0.02 * now[0]
    assert course.figures == {"R-hat": 1.0}
    assert "R-hat" not in ended(course)


def test_values_that_are_remembered_are_few() -> None:
    course = Course()
    for i in range(10 * MOST):
        course.report(i, float(i))
    assert len(course._values) < MOST
    assert course.sparkline(8)[-1] == BARS[-1]


@pytest.mark.parametrize("width", [20, 40, 60, 200])
def test_lines_fit_and_are_three(width: int) -> None:
    course = Course()
    for i in range(1, 400):
        course.report(i * 1000, -1e6 / i, label="log-density per row", total=12_345_678, figures=lambda: {"R-hat": 1.2, "divergences": 1234})  # fmt: skip
        told = [text.plain for text in lines(course, width)]
        assert len(told) == 3
        assert all(len(line) <= width for line in told)


def test_words_of_time_and_figures() -> None:
    assert (clock(7), clock(750), clock(7500)) == ("0:07", "12:30", "2:05:00")
    assert (duration(0.44), duration(12.2), duration(200), duration(7500)) == ("0.4 s", "12 s", "3 min 20 s", "2 h 5 min")  # fmt: skip
    assert told_figures({"R-hat": 0.9991}) == "R-hat 1.000"
    assert told_figures({"R-hat": 1.0034, "divergences": 1}) == "R-hat 1.003, 1 divergence"


def test_a_cost_is_not_measurable() -> None:
    course = Course()
    began = time.perf_counter()
    for i in range(20_000):
        course.report(i, -1.0 / (i + 1), total=20_000)
    assert (time.perf_counter() - began) / 20_000 < 20e-6


def test_r_hat_while_it_runs_is_the_one_in_the_end() -> None:
    rng = np.random.default_rng(1)
    draws = rng.standard_t(1, size=(4, 300, 3)) + np.array([0, 0, 3.0])[None, None] * np.arange(4)[:, None, None]
    draws[:, :, 1] = 2.0
    rough, ranked = ranked_r_hat(draws), convergence(draws).r_hat
    assert rough == pytest.approx(ranked, nan_ok=True)
    assert rough[2] > 1.2
    assert np.isnan(ranked_r_hat(draws[:, :3])).all()
