"""``%load_ext pgmlang`` in IPython: the cell magic, errors as the terminal shows them, a line while a fit runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("IPython")
from IPython.core.interactiveshell import InteractiveShell

import pgmlang
from pgmlang.progress import notebook as notebook_line_module
from pgmlang.progress.course import Course
from pgmlang.progress.notebook import line, notebook_line

MODEL = "model day(rate = 0.5)\nrain ~ Normal(rate, 1)\n"


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "pgmlang")
    yield shell
    InteractiveShell.clear_instance()


def test_a_cell_is_a_model(shell: Any) -> None:
    model = shell.run_cell_magic("pgm", "weather rate=0.25", MODEL)
    assert shell.user_ns["weather"] is model
    assert dict(model.model.settings)["rate"] == 0.25
    assert model._repr_svg_().startswith("<svg")
    unnamed = shell.run_cell_magic("pgm", "", MODEL)
    assert shell.user_ns["day"] is unnamed


def test_errors_are_shown_and_leave_the_variable(shell: Any, capfd: pytest.CaptureFixture[str]) -> None:
    shell.user_ns["old"] = 7
    assert shell.run_cell_magic("pgm", "old", "a ~ Norml(0, 1)\nb ~ Normal(c, 1)\n") is None
    told = capfd.readouterr().err
    assert "old.pgm:1:5: " in told.replace("\x1b[1m", "")
    assert "did you mean `Normal`" in told
    assert "2 errors" in told
    assert "Traceback" not in told
    assert shell.user_ns["old"] == 7


def test_check_alone(shell: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert shell.run_cell_magic("pgm", "fresh --check", MODEL) is None
    assert capfd.readouterr().out == "fresh: good\n"
    assert "fresh" not in shell.user_ns


@pytest.mark.parametrize(
    ("words", "told"),
    [("m --chekc", "`--check`"), ("m n", "`n`"), ("1m", "`1m`"), ("m rat=0.5", "`rate`")],
)
def test_words_that_are_not_understood(
    words: str, told: str, shell: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    assert shell.run_cell_magic("pgm", words, MODEL) is None
    assert told in capfd.readouterr().err


def test_an_error_of_a_cell_has_no_traceback(shell: Any, capfd: pytest.CaptureFixture[str]) -> None:
    shell.user_ns["pgmlang"] = pgmlang
    shell.run_cell("pgmlang.load('nowhere.fit')")
    captured = capfd.readouterr()
    assert "PGM0701" in captured.err
    assert "Traceback" not in captured.out + captured.err
    shell.run_cell("1 / 0")
    captured = capfd.readouterr()
    assert "ZeroDivisionError" in captured.out + captured.err


def test_a_handler_of_the_users_keeps_its_errors(shell: Any, capfd: pytest.CaptureFixture[str]) -> None:
    before = shell.custom_exceptions, shell.CustomTB
    try:
        shell.set_custom_exc((KeyError,), lambda shell, kind, error, tb, tb_offset=None: print("the user's own"))
        pgmlang.load_ipython_extension(shell)
        shell.run_cell("{}['a']")
        assert capfd.readouterr().out == "the user's own\n"
        shell.user_ns["pgmlang"] = pgmlang
        shell.run_cell("pgmlang.load('nowhere.fit')")
        captured = capfd.readouterr()
        assert "PGM0701" in captured.err
        assert "Traceback" not in captured.out + captured.err
    finally:
        shell.custom_exceptions, shell.CustomTB = before


def test_a_fit_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, html: Any) -> None:
            shown.append(html.data)

    import IPython.display

    monkeypatch.setattr(IPython.display, "display", lambda *a, **k: Handle())
    monkeypatch.setattr(notebook_line_module, "EVERY", 0.0)
    model = pgmlang.compile("m ~ Normal(0, 3)\nplate row { y ~ Normal(m, 1) }\n")
    with notebook_line() as show:
        model.fit({"y": np.arange(5.0).tolist()}, method="hmc", seed=1, options={"chains": 2, "warmup": 20, "draws": 20}, progress=show)  # fmt: skip
    assert all("<progress" in html and " of 40" in html for html in shown[:-1])
    assert "40 iterations in " in shown[-1]
    assert "<progress" not in shown[-1]


def test_a_line_escapes_what_it_says() -> None:
    course = Course()
    course.report(3, 1.0, label="<b>")
    assert "&lt;b&gt;" in line(course)


def test_which_variable_holds_the_model(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell_magic("pgm", "", MODEL)
    assert "the model is in `day`" in capsys.readouterr().out
    shell.run_cell_magic("pgm", "print", MODEL)
    assert "hides Python's own (`del print` brings it back)" in capsys.readouterr().out
    del shell.user_ns["print"]


@pytest.mark.parametrize(
    ("line", "cell", "told"),
    [
        ('"unbalanced', MODEL, "a quote that does not end"),
        ("class", MODEL, "`%%pgm class_model`"),
        ("", "model lambda\nx ~ Normal(0, 1)\n", "`%%pgm lambda_model`"),
    ],
)
def test_lines_that_are_refused(
    shell: Any, line: str, cell: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert shell.run_cell_magic("pgm", line, cell) is None
    said = capfd.readouterr().err
    assert "PGM0612" in said
    assert told in said
    assert "Traceback" not in said
