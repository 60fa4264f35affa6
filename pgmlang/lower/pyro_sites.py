"""Sample statements and factors of an emitted Pyro model, each inside of its plates."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pgmlang.families import FAMILIES
from pgmlang.lower import pyast as py
from pgmlang.lower.emitted import Axes, to_come
from pgmlang.lower.enumerated import Enumerability, hangs, has_table, is_finite
from pgmlang.lower.pyro_chains import Chain
from pgmlang.lower.pyro_distributions import PyroDistributions
from pgmlang.lower.pyro_plates import Plates, is_pad
from pgmlang.lower.simulate import in_order
from pgmlang.lower.supports import pyro_constraint
from pgmlang.lower.unpack import Emitter
from pgmlang.lower.writer import Writer
from pgmlang.model import Choice, Conditional, Density, Dist, Distribution, Potential, TableDist
from pgmlang.model.expr import Ref, walk
from pgmlang.model.model import Variable, distribution_expressions


@dataclass
class Sites:
    """Emits sites into a writer. ``is_model``: what `data` holds is observed. ``chain``: the chain whose step is being
    emitted. ``inside``: the plates of the open ``with`` block."""

    emitter: Emitter
    out: Writer
    plates: Plates
    known: Enumerability
    is_model: bool = True
    chain: Chain | None = None
    inside: Axes = ()

    def __post_init__(self) -> None:
        self.model = self.emitter.model
        self.expressions = self.emitter.expressions

    # ---- plates

    def open_plates(self, batches: list[Axes]) -> None:
        """Each plate once, with its size and dim (Pyro wants a plate made once and entered often)."""
        for axis in dict.fromkeys(axis for axes in batches for axis in axes):
            self.plate(axis, self._size(axis))

    def _size(self, axis: str) -> ast.expr:
        """The size of a plate; of edges, how many the program lists."""
        structure = self.model.plate_by_name[axis].structure
        if structure is None or structure.kind != "edges":
            return self.expressions.size(axis)
        end = next(v for v in self.model.of_role("index") if v.plates[-1] == axis)
        return py.call("len", py.name(self.emitter.names[end.name]))

    def plate(self, axis: str, size: ast.expr) -> None:
        dim = py.constant(self.plates.dims[axis])
        self.out.assign(self.plate_name(axis), py.call("pyro.plate", py.constant(axis), size, dim=dim))

    def plate_name(self, axis: str) -> str:
        """The identifier of a plate; along a chain that of its sequences."""
        if self.chain is not None and axis == self.chain.plate:
            axis = self.chain.outer or f"{axis} sequences"
        return self.emitter.names[f"plate {axis}"]

    def enter(self, axes: Axes) -> None:
        """Opens the block of these plates, or goes on in it."""
        if axes == self.inside:
            return
        self.leave()
        if axes:
            blocks = [self.plate_name(a) for a in axes]
            if self.chain is not None:
                blocks.append(f"pyro.poutine.mask(mask={py.text(self.here())})")
            self.out.head(f"with {', '.join(blocks)}:")
            self.out.indent += 1
        self.inside = axes

    def here(self) -> ast.expr:
        """Which sequences have this step, along the dims of plates."""
        assert self.chain is not None
        behind = -self.plates.dims[self.chain.plate] - 1
        here = py.name("here")
        return (
            here if not behind else py.item(here, ast.Constant(...), ast.Slice(), *[ast.Constant(None)] * behind)
        )

    def leave(self) -> None:
        self.out.indent -= bool(self.inside)
        self.inside = ()

    @contextmanager
    def step(self, chain: Chain) -> Iterator[None]:
        """What is emitted inside is one step of a chain."""
        self.leave()
        self.chain = chain
        yield
        self.leave()
        self.chain = None

    # ---- sites

    def sample(self, item: Conditional) -> None:
        """``x = pyro.sample(...)`` of a conditional's target."""
        variable = self.model.by_name[item.target]
        axes = self.model.batch_axes(variable.plates)
        is_wide = hangs(item, self.known) or self.known.holds(item.target)
        frame = self.plates.frame(axes, is_wide)
        built = self._distribution(item, frame, variable, PyroDistributions(self.model, self.expressions))
        self._site(variable, built, frame, len(variable.axes), item)

    def field(self, variable: Variable) -> None:
        """A field's site: every value has the weight one, the factors say the rest."""
        axes = self.model.batch_axes(variable.plates)
        frame = self.plates.frame(axes, self.known.holds(variable.name))
        kind = variable.type.kind
        nothing = py.call("torch.Size")
        if kind in ("bit", "spin"):
            built: ast.expr = py.call("dist.Bernoulli", logits=py.call("torch.zeros", py.tuple_of()))
        elif kind == "labels":
            built = py.call("dist.Categorical", logits=py.call("torch.zeros", self.count_of(variable)))
        elif kind in ("real", "positive", "unit") and (support := pyro_constraint(kind)):
            built = py.call("dist.ImproperUniform", support, nothing, nothing)
        else:
            raise to_come(f"a field of {kind} in Pyro", variable.span)
        if variable.axes:
            built = self._whole(built, variable.axes)
        if self.chain is None or not self.known.holds(variable.name):
            self._site(variable, py.method(built, "mask", py.constant(False)), frame, len(variable.axes), None)
            return
        # where a sequence has ended Pyro sums the site's own probabilities, which must be one together
        self._site(variable, built, frame, len(variable.axes), None)
        count = py.constant(2) if kind in ("bit", "spin") else self.count_of(variable)
        site = py.binary("add", py.constant(f"weight of {variable.name} "), py.call("str", py.name("t")))
        weight = py.method(py.call("torch.tensor", py.call("float", count)), "log")
        self.out.statement(ast.Expr(py.call("pyro.factor", site, weight)), variable.span)

    def count_of(self, variable: Variable) -> ast.expr:
        """How many values a discrete variable has."""
        labels = self.model.labels_of(variable.type)
        if labels is None and not variable.type.axis:
            raise to_come(f"labels of `{variable.name}` that only data say, in Pyro,", variable.span)
        return py.constant(len(labels)) if labels is not None else self.expressions.size(variable.type.axis or "")

    def _site(
        self, variable: Variable, built: ast.expr, frame: Axes, events: int, item: Conditional | None
    ) -> None:
        axes = self.model.batch_axes(variable.plates)
        pads = tuple(i - len(frame) - events for i, axis in enumerate(frame) if is_pad(axis))
        keywords: dict[str, ast.expr] = {}
        if self.is_model:
            keywords["obs"] = self._observed(variable, axes, pads)
        if self.known.holds(variable.name) and self._can_list(item):
            keywords["infer"] = py.dict_of([("enumerate", py.constant("parallel"))])
        site: ast.expr = py.constant(variable.name)
        if self.chain is not None:
            site = py.binary("add", py.constant(f"{variable.name} "), py.call("str", py.name("t")))
        drawn: ast.expr = py.call("pyro.sample", site, built, **keywords)
        if pads:
            self.expressions.uses.add("unpadded")
            drawn = py.call("unpadded", drawn, *map(py.constant, pads))
        drawn = in_order(self.model, variable.name, drawn)
        span = item.span if item is not None else variable.span
        local = self.emitter.names[variable.name]
        self.enter(axes)
        self.out.assign(local, drawn, span)
        if variable.name in self.known.gathered:
            self.expressions.uses.add("repeated_along")
            size = self.expressions.size(axes[-1])
            self.out.assign(local, py.call("repeated_along", py.name(local), size), span)

    def _can_list(self, item: Conditional | None) -> bool:
        """A guide may draw what the model lists by another family."""
        return item is None or is_finite(item.distribution)

    def _observed(self, variable: Variable, axes: Axes, pads: tuple[int, ...]) -> ast.expr:
        """What is observed of a variable, at this site's place."""
        name = py.constant(variable.name)
        if variable.type.kind in ("bit", "count", "integer", "spin"):
            self.expressions.uses |= {"observed", "real"}
            value: ast.expr = py.call("observed", py.name("data"), name)
        else:
            value = py.method(py.name("data"), "get", name)
        if self.chain is not None:
            self.expressions.uses.add("rows_of")
            dim = py.constant(axes.index(self.chain.plate) - len(axes) - len(variable.axes))
            value = py.call("rows_of", value, dim, py.name("rows"))
        if pads:
            self.expressions.uses.add("padded")
            value = py.call("padded", value, *map(py.constant, pads))
        return py.hinted(value, f"seen_{self.emitter.names[variable.name]}")

    def potential(self, key: str, potential: Potential) -> None:
        """``pyro.factor`` of a log-potential, inside of its plates."""
        axes = self.model.batch_axes(potential.plates)
        node = self.potential_value(potential, self.plates.frame(axes, hangs(potential, self.known)))
        site: ast.expr = py.constant(key)
        if self.chain is not None:
            site = py.binary("add", py.constant(f"{key} "), py.call("str", py.name("t")))
        self.enter(axes)
        self.out.statement(ast.Expr(py.call("pyro.factor", site, node)), potential.span)

    def potential_value(self, potential: Potential, frame: Axes) -> ast.expr:
        """A log-potential along a frame."""
        value = self.expressions.number(potential.value, frame)
        return self.expressions.align(value, frame)

    # ---- distributions

    def _distribution(
        self, item: Conditional, frame: Axes, variable: Variable, distributions: PyroDistributions
    ) -> ast.expr:
        """The distribution of a site along the frame, its own axes as one event."""
        built, events = self._built(item.distribution, item, (*frame, *variable.axes), distributions)
        event_axes = variable.axes[: len(variable.axes) - events]
        if not event_axes:
            return built
        if isinstance(item.distribution, Dist) and self._lays_out(item.distribution, event_axes):
            return py.method(built, "to_event", py.constant(len(event_axes)))
        return self._whole(built, event_axes)

    def _whole(self, built: ast.expr, event_axes: Axes) -> ast.expr:
        self.expressions.uses.add("whole_event")
        return py.call("whole_event", built, *(self.expressions.size(a) for a in event_axes))

    def _lays_out(self, distribution: Dist, event_axes: Axes) -> bool:
        """Whether the arguments have all of these axes in full; a deterministic name may have size one there."""
        axes: set[str] = set()
        for expression in distribution_expressions(distribution):
            derived = any(isinstance(n, Ref) and n.name in self.model.definition_of for n in walk(expression))
            axes |= set() if derived else set(expression.axes)
        return set(event_axes) <= axes

    def _built(
        self, distribution: Distribution, item: Conditional, wide: Axes, distributions: PyroDistributions
    ) -> tuple[ast.expr, int]:
        """A distribution and the number of its event axes."""
        match distribution:
            case Choice() if has_table(distribution):
                return py.call("dist.Categorical", probs=self._probs(distribution, item, wide, distributions)), 0
            case Choice(condition=condition, then=then, otherwise=otherwise):
                a, events = self._built(then, item, wide, distributions)
                b, _ = self._built(otherwise, item, wide, distributions)
                batch = wide[: len(wide) - events]
                test = self.expressions.align(self.expressions.truth(condition, wide), batch)
                return py.call("dist.MaskedMixture", test, b, a), events
            case TableDist():
                return distributions.table(distribution, item, wide), 0
            case Dist() if FAMILIES[distribution.family].improper:
                nothing = py.call("torch.Size")
                return py.call("dist.ImproperUniform", py.name("constraints.real"), nothing, nothing), 0
            case Dist():
                return distributions.dist(distribution, wide), len(distribution.event)
            case Density():
                raise to_come(f"`{distribution.family}` in Pyro", item.span)

    def _probs(
        self, distribution: Distribution, item: Conditional, wide: Axes, distributions: PyroDistributions
    ) -> ast.expr:
        """Probabilities of a choice between tables, labels last: one table of rows that the condition picks."""
        if isinstance(distribution, Choice):
            a = self._probs(distribution.then, item, wide, distributions)
            b = self._probs(distribution.otherwise, item, wide, distributions)
            test = self.expressions.align(self.expressions.truth(distribution.condition, wide), (*wide, ""))
            return py.call("torch.where", test, a, b)
        built, _ = self._built(distribution, item, wide, distributions)
        assert isinstance(built, ast.Call)
        return built.args[0] if built.args else built.keywords[0].value
