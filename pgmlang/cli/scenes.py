"""What `pgmc graph` draws: the scene of a model, a fit or a network file, with what is known of its variables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgmlang.cli.options import binding_of, say_reading, tables_of
from pgmlang.cli.sources import asked_of, compiled, is_network_file, read_network, refuse_settings
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.drawing.scene import MOST_CARDS

if TYPE_CHECKING:
    from pgmlang.drawing import Scene


@dataclass(frozen=True)
class Wanted:
    """What the command line asks of a drawing. ``probabilities`` None: where there are any, and not too many variables."""

    observed: tuple[str, ...] = ()
    evidence: str = ""
    probabilities: bool | None = None
    distributions: bool = False
    settings: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    def has_figures(self, variables: int) -> bool:
        """Whether the nodes of so many variables, whose probabilities are known, show them."""
        if self.evidence:
            return True
        return variables <= MOST_CARDS if self.probabilities is None else self.probabilities

    def too_many(self, variables: int) -> tuple[str, ...]:
        """A note where probabilities were left out for the number of variables alone."""
        if self.probabilities is None and not self.has_figures(variables):
            return (f"{variables} variables are drawn without their probabilities: `--probabilities` adds them",)
        return ()


def scene_of(
    source: str, data: tuple[str, ...], wanted: Wanted, given: dict[str, Any]
) -> tuple[Scene, tuple[str, ...]]:
    """The scene, and notes on what could not be shown. Raises PgmError."""
    if wanted.evidence and wanted.probabilities is False:
        message = "evidence is drawn as probabilities, and `--plain` leaves these out"
        raise PgmError(Diagnostic("PGM0612", message, help="leave one of the two out"))
    if is_network_file(source):
        return _of_network_file(source, data, wanted)
    if Path(source).is_dir():
        return _of_fit(source, data, wanted, given)
    return _of_model(source, data, wanted, given)


def _of_network_file(source: str, data: tuple[str, ...], wanted: Wanted) -> tuple[Scene, tuple[str, ...]]:
    from pgmlang.drawing import with_figures
    from pgmlang.drawing.model_scene import network_scene
    from pgmlang.gaussian import GaussianNetwork

    refuse_settings(source, wanted.settings, wanted.fixed)
    if data:
        message = f"`{source}` is a network of its own: no data are bound to it"
        raise PgmError(Diagnostic("PGM0612", message, help="leave the data out"))
    network = read_network(source)
    scene = network_scene(network, wanted.observed)
    if isinstance(network, GaussianNetwork):
        return scene, (
            "figures in nodes are of labels: `pgmc query` says what is known of numbers",
        ) if wanted.evidence else ()
    if not wanted.has_figures(len(network.variables)):
        return scene, wanted.too_many(len(network.variables))
    from pgmlang.query import parse_conditions
    from pgmlang.query.network import answers_of_network
    from pgmlang.query.network_figures import network_figures

    evidence, done = parse_conditions(wanted.evidence)
    try:
        figures = network_figures(answers_of_network(network), evidence, done)
    except PgmError as error:
        if {d.code for d in error.diagnostics} != {"PGM0603"}:
            raise
        return scene, tuple(f"drawn without probabilities: {d.message}" for d in error.diagnostics)
    legend = (f"given {wanted.evidence.strip()}",) if wanted.evidence.strip() else ()
    return with_figures(scene, figures, legend, {item.variable.name for item in done}), ()


def _of_fit(
    source: str, data: tuple[str, ...], wanted: Wanted, given: dict[str, Any]
) -> tuple[Scene, tuple[str, ...]]:
    from pgmlang.cli.sources import fit_of

    refuse_settings(source, wanted.settings, wanted.fixed)
    fit = fit_of(source)
    variables = len(list(fit.model.of_role("random", "field")))
    bound = fit.bind(tables_of(data, *fit.model.table_names), **binding_of(given)) if data else None
    if bound is not None:
        say_reading(bound, quiet=False, is_weighed=True)
    drawing = fit.graph(
        wanted.evidence, bound, observed=wanted.observed or None, probabilities=wanted.has_figures(variables),
        distributions=wanted.distributions,
    )  # fmt: skip
    return drawing.scene, (*wanted.too_many(variables), *drawing.notes)


def _of_model(
    source: str, data: tuple[str, ...], wanted: Wanted, given: dict[str, Any]
) -> tuple[Scene, tuple[str, ...]]:
    """A model by itself needs nothing that fits or asks; with probabilities it is asked as it is given."""
    from pgmlang.drawing import with_figures
    from pgmlang.drawing.model_scene import model_scene

    if data:
        from pgmlang.binding.data_figures import data_figures
        from pgmlang.binding.read import bind_data

        if wanted.evidence or wanted.fixed:
            message = "data do not give a model its tables and params: nothing can be asked of it"
            raise PgmError(
                Diagnostic(
                    "PGM0612", message, help=f"draw the fit: `pgmc fit {source} {data[0]}`, `pgmc graph FIT`"
                )
            )
        model = compiled(source, wanted.settings).checked()
        binding = bind_data(model, tables_of(data, *model.table_names), **binding_of(given))
        shaded = wanted.observed or binding.observed
        scene = model_scene(model, shaded, sizes=binding.sizes, distributions=wanted.distributions)
        return with_figures(scene, data_figures(binding)) if wanted.probabilities else scene, ()
    if wanted.evidence or wanted.probabilities or wanted.fixed:
        drawing = asked_of(source, wanted.settings, wanted.fixed).graph(
            wanted.evidence, observed=wanted.observed, distributions=wanted.distributions
        )
        return drawing.scene, drawing.notes
    model = compiled(source, wanted.settings).checked()
    return model_scene(model, wanted.observed, distributions=wanted.distributions), ()
