"""A checked model, and what is made of one: programs, plans, pictures, fits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgmlang.api.asked import Asked
from pgmlang.api.calls import is_binding, of_the_model, refuse_to_make
from pgmlang.api.fitted import FittedModel
from pgmlang.diagnostics import Diagnostic, SourceFile
from pgmlang.display import does_not_change, mime_bundle, picture_html, text_as_html
from pgmlang.display.text import count_of
from pgmlang.pipeline import fit_bound, fit_streamed
from pgmlang.progress import shown_progress
from pgmlang.sema import Compilation, Loader, analyse
from pgmlang.sema.scope import Value
from pgmlang.signatures.arguments import checked_arguments
from pgmlang.syntax import load_source

if TYPE_CHECKING:
    import networkx
    from torch import Tensor

    from pgmlang.binding.record import Binding
    from pgmlang.criticism.replicates import Replicates
    from pgmlang.drawing.scene import Scene
    from pgmlang.lower import Program
    from pgmlang.lower.runtime.layout import TensorLayout
    from pgmlang.model import Model
    from pgmlang.plan import Plan
    from pgmlang.query import Answer
    from pgmlang.query.rows import Columns


@checked_arguments
def compile(source: str | os.PathLike[str], *, loader: Loader | None = None, **settings: Value) -> CompiledModel:
    """Compiles a model.

    ``source``: a path of a ``.pgm`` file (``~`` is the home folder), or the text of one: anything with a newline in it, or with a
    ``~`` that is no path.
    ``settings``: values for the header's settings (``topics=50``). ``loader`` finds imported modules.
    Raises CompileError with all errors of the text, PgmError if the file cannot be read.
    """
    file = _source(source)
    compilation = analyse(file, settings, loader)
    compilation.checked()
    return CompiledModel(compilation)


def _source(source: str | os.PathLike[str]) -> SourceFile:
    """A path is what ends in ``.pgm`` or is there; else what has a ``~`` in it is a text."""
    if isinstance(source, str) and "\n" in source:
        return SourceFile("<string>", source)
    path = os.path.expanduser(source)
    is_path = os.fspath(path).endswith(".pgm") or os.path.isfile(path)
    if isinstance(source, str) and "~" in source and not is_path:
        return SourceFile("<string>", source)
    return load_source(Path(path))


@does_not_change("a model", "compile it again")
@dataclass(frozen=True, eq=False, repr=False)
class CompiledModel:
    """A checked model. ``compilation`` holds its source, Model and warnings."""

    compilation: Compilation

    def __post_init__(self) -> None:
        refuse_to_make(
            "CompiledModel", self.compilation, Compilation, "`pgmlang.compile(FILE)` makes a model of a text"
        )

    @cached_property
    def model(self) -> Model:
        """The Model: an immutable plated factor graph."""
        return self.compilation.checked()

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def text(self) -> str:
        """The text of the ``.pgm`` source."""
        return self.compilation.source.text

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return self.compilation.diagnostics

    @property
    def graph(self) -> networkx.DiGraph:
        """The graph as a networkx view (see ``graph.views.directed_view``)."""
        from pgmlang.graph.views import directed_view

        return directed_view(self.model)

    @cached_property
    def program(self) -> Program:
        """The lowered program: source text and map back to the model's lines."""
        from pgmlang.lower import lower

        return lower(self.model, file_name=self.compilation.source.name)

    @property
    def source(self) -> str:
        """The emitted Pyro/PyTorch program."""
        return self.program.source

    @checked_arguments
    def scene(self, observed: Iterable[str] = (), *, distributions: bool = False) -> Scene:
        """What is drawn of the model; ``distributions``: with each node's statement."""
        from pgmlang.drawing.model_scene import model_scene

        return model_scene(self.model, observed, distributions=distributions)

    @checked_arguments
    def svg(self, observed: Iterable[str] = (), *, distributions: bool = False) -> str:
        """The graph as an SVG picture; arguments as of `scene`."""
        from pgmlang.drawing import to_svg

        return to_svg(self.scene(observed, distributions=distributions))

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        from pgmlang.model.outline import outline, title

        source = self.compilation.source.name
        place = f" ({source})" if source != "<string>" else ""
        warnings = f"\n{count_of(len(self.warnings), 'warning')}: see `.warnings`" if self.warnings else ""
        return f"{title(self.model)}{place}\n{outline(self.model)}{warnings}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        from pgmlang.model.outline import outline, title

        table = outline(self.model)._repr_html_()
        return mime_bundle(repr(self), picture_html(self.svg()), text_as_html(title(self.model)), table)

    @checked_arguments
    def bind(self, data: Any, **binding: Any) -> Binding:
        """Joins the model to data. ``data``: a path, a frame (pandas, polars, Arrow), a dict of columns or arrays, or
        a dict of plate name to any of these. ``binding``: ``sep observe hide mapping missing counts weights``, and how
        cells are read: ``encoding decimal thousands na strip fold_case merge unit accounting magnitudes dates bins`` (docs/data.md).
        """
        from pgmlang.binding.read import bind_data

        return data if is_binding(data) else bind_data(self.model, data, **binding)

    @of_the_model
    def tensors(self, data: Any, **binding: Any) -> tuple[dict[str, Tensor], TensorLayout]:
        """``data`` and ``layout`` as the emitted program's functions take them, Pyro's ``model`` and ``guide`` among them.

        Data and ``binding`` as for `bind`; rows that count as several are written out. Missing cells drop out where nothing hangs on
        them and are enumerated where they are discrete (not in chains); raises PgmError PGM0710 for others, PGM0602 for weights that are no
        counts.
        """
        from pgmlang.density.tensors import program_tensors

        return program_tensors(self.model, self.bind(data, **binding))

    @of_the_model
    def plan(
        self,
        data: Any = None,
        method: str = "auto",
        *,
        options: Mapping[str, Any] | None = None,
        fixed: Mapping[str, float] | None = None,
        **binding: Any,
    ) -> Plan:
        """What `fit` with the same arguments will run: which kernel takes which variables, with which options, and why.
        `fit` takes it as ``plan``."""
        from pgmlang.plan import make_plan

        bound = None if data is None else self.bind(data, **binding)
        return make_plan(self.model, bound, method, options, fixed or {})

    @of_the_model
    def fit(
        self,
        data: Any,
        *,
        method: str = "auto",
        seed: int | None = None,
        device: str = "cpu",
        fixed: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
        progress: Callable[..., None] | bool | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        plan: Plan | None = None,
        start: FittedModel
        | str
        | os.PathLike[str]
        | Mapping[str, Any]
        | Sequence[Mapping[str, Any]]
        | None = None,
        **binding: Any,
    ) -> FittedModel:
        """Fits the model to data.

        ``progress``: a function that is called as ``progress(iteration, value, label=, total=, figures=)`` after each step
        (``figures``: a function that gives other numbers by name, or None); True shows a live view (a line in a notebook), False nothing, and None shows it in a notebook alone.

        ``checkpoint``: a folder where the state is kept every half minute; ``resume``: go on from there.

        ``plan``: of :meth:`plan` or of another fit, to be carried out; it says the method and options itself.

        ``start``: where samplers and climbs begin: another fit (or its folder), values by name (or a JSON file of them), or a list of such points, of which chains take one
        after the other; what they leave open begins as usual.

        ``options``: the method's own (``max_iterations``, ``restarts`` ...); ``fixed``: params held at a value;
        ``binding``: as for :meth:`bind`. Raises PgmError: data (07xx), no method (PGM0601, PGM0602).
        """
        bound = self.bind(data, **binding)
        keeping = {
            "checkpoint": None if checkpoint is None else Path(checkpoint), "resume": resume, "plan": plan,
            "start": _start_of(start),
        }  # fmt: skip
        with shown_progress(progress) as show:
            record = fit_bound(self.compilation, bound, method, seed, device, fixed, options, show, **keeping)
        return FittedModel.of(record)

    @of_the_model
    def fit_stream(
        self,
        path: str | os.PathLike[str],
        *,
        seed: int = 0,
        method: str = "auto",
        fixed: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
        device: str = "cpu",
        batch_rows: int | None = None,
        **binding: Any,
    ) -> FittedModel:
        """Learns complete-data tables from a CSV or Parquet file larger than memory, block by block.

        Arguments as of `fit`; ``batch_rows``: rows of a block. Raises PgmError PGM0602 when cells are missing or variables
        latent, and for another method than ``ml``.
        """
        record = fit_streamed(
            self.compilation, str(path), seed, method=method, fixed=fixed, method_options=options, device=device,
            batch_rows=batch_rows, **binding,
        )  # fmt: skip
        return FittedModel.of(record)

    @of_the_model
    def given(self, fixed: Mapping[str, float] | None = None) -> Asked:
        """The model itself to be asked, without a fit, where it gives everything but params, held at ``fixed``. Raises
        PgmError PGM0610 where something is not known, PGM0612 for what cannot be held at its value."""
        from pgmlang.posterior import posterior_of_model

        return Asked(posterior_of_model(self.model, fixed, self.text, self.compilation.modules))

    @of_the_model
    def prior_draws(
        self, num_draws: int, data: Any = None, *, seed: int = 0, fixed: Mapping[str, float] | None = None,
        **binding: Any,
    ) -> Replicates:  # fmt: skip
        """Draws of every random variable by the model alone: of one fresh row each, or of as many rows, with the inputs and
        groups, as ``data`` has, whose observed values do not count. Raises PgmError PGM0610 for what has no prior, PGM0602
        for rows that hang on inputs or groups where no data give them."""
        from pgmlang.criticism.replicates import drawn_from_prior
        from pgmlang.query.fresh_binding import fresh_binding
        from pgmlang.results.fit import Fit

        if data is None:
            bound = fresh_binding(Fit(self.model, self.text, "given", {}), 1)
        else:
            bound = self.bind(data, **binding)
        return drawn_from_prior(bound, num_draws, seed, fixed)

    @checked_arguments
    def query(self, text: str, fixed: Mapping[str, float] | None = None, *, seed: int = 0) -> Answer:
        """As `Asked.query`, of the model as it is given."""
        return self.given(fixed).query(text, seed=seed)

    @checked_arguments
    def log_z(self, evidence: str = "", fixed: Mapping[str, float] | None = None) -> float:
        """As `Asked.log_z`, of the model as it is given."""
        return self.given(fixed).log_z(evidence)

    @checked_arguments
    def sample(
        self, num_draws: int, *, seed: int | None = None, evidence: str = "",
        fixed: Mapping[str, float] | None = None,
    ) -> Any:  # fmt: skip
        """As `Asked.sample`, of the model as it is given."""
        return self.given(fixed).sample(num_draws, seed=seed, evidence=evidence)

    @checked_arguments
    def sample_columns(
        self, num_draws: int, *, seed: int | None = None, evidence: str = "",
        fixed: Mapping[str, float] | None = None,
    ) -> Columns:  # fmt: skip
        """As `Asked.sample_columns`, of the model as it is given."""
        return self.given(fixed).sample_columns(num_draws, seed=seed, evidence=evidence)


def _start_of(start: Any) -> Any:
    """Where a run begins, as `infer.fit_model` takes it."""
    if isinstance(start, FittedModel):
        return start.record
    if isinstance(start, str | os.PathLike):
        from pgmlang.infer.given_starts import read_start

        return read_start(Path(start))
    return start
