"""One way in: which pictures a fit has, which is drawn where none is named, and the picture."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.plots.kind import Kind, Request
from pgmlang.plots.registry import every_kind, kind_named
from pgmlang.progress.notebook import in_notebook

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pgmlang.results.fit import Fit


def plot_kinds(fit: Fit) -> dict[str, str]:
    """Every kind of picture with the reason why this fit has none, empty where it has."""
    return {name: kind.against(fit) for name, kind in every_kind().items()}


def usual_kind(request: Request) -> str:
    """The kind that is drawn where none is named. Raises PgmError PGM0610 for a fit that has no picture."""
    rows = [
        k
        for k in every_kind().values()
        if k.usual is not None and (request.binding is not None or not k.needs_data)
    ]
    for kind in sorted(rows, key=lambda k: k.usual or 0):
        if not kind.reason_against(request) and kind.suits(request.fit):
            return kind.name
    reasons = "; ".join(f"{k.name}: {k.reason_against(request)}" for k in rows)
    raise PgmError(Diagnostic("PGM0610", "the fit holds nothing that is drawn by itself", notes=(reasons,)))


def plot(name: str | None, request: Request) -> Figure:
    """The picture of a kind (None: `usual_kind`) as a matplotlib figure.

    Raises PgmError: PGM0612 for an unknown kind or variable, PGM0610 where the fit has no such picture (with the kinds that
    it has), PGM0909 where matplotlib or arviz-plots are not installed.
    """
    kind = kind_named(usual_kind(request) if name is None else name)
    _refuse(kind, request)
    _need_packages(kind)
    figure = kind.draw(request)
    _close_in_notebook(figure)
    return figure


def _refuse(kind: Kind, request: Request) -> None:
    reason = kind.reason_against(request)
    if reason and request.shape is not None and kind.against_shape is not None:
        raise PgmError(Diagnostic("PGM0612", reason, help="`shape` is rows and columns"))
    if reason:
        allowed = [n for n, against in plot_kinds(request.fit).items() if not against]
        cure = "it has " + ", ".join(f"`{n}`" for n in allowed) if allowed else ""
        raise PgmError(Diagnostic("PGM0610", f"no picture `{kind.name}` of this fit: {reason}", help=cure))
    if kind.needs_data and request.binding is None:
        message = f"the picture `{kind.name}` is of a fit and its data"
        cure = f'`fit.plot("{kind.name}", data)`, or `pgmc plot FIT {kind.name} --data FILE`'
        raise PgmError(Diagnostic("PGM0612", message, help=cure))


def _need_packages(kind: Kind) -> None:
    needed = {"matplotlib": "matplotlib"} | (
        {"arviz_plots": "arviz-plots", "arviz_base": "arviz-base"} if kind.is_of_draws else {}
    )
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        message = f"pictures of this kind need {' and '.join(missing)}, which is not installed"
        raise PgmError(Diagnostic("PGM0909", message, help='pip install "pgmlang[plot]"'))


def _close_in_notebook(figure: Figure) -> None:
    """A notebook shows what a cell returns, and every figure that is open: that would be twice."""
    if in_notebook():
        from matplotlib import pyplot

        pyplot.close(figure)
