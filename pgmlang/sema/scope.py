"""Names of a model while it is being built: what each is, where it lives, and what has been reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pgmlang.diagnostics import Diagnostic, Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Dim, Model, Net, Plate, Type
from pgmlang.model.expr import Expr
from pgmlang.model.labels import Labels
from pgmlang.model.model import Distribution
from pgmlang.model.types import UNKNOWN
from pgmlang.sema.modules import Module
from pgmlang.sema.names import NUMBER_OF_NETS, RESERVED, is_distribution, primed, reserved, twice
from pgmlang.syntax import ast

Value = float | int | bool | str


@dataclass
class Symbol:
    """A variable's entry. ``type`` and ``axes`` are None until inferred; ``busy`` while that goes on.
    ``stated``: the expression or distribution that gives its values, as far as it is built. ``is_recursive``: its own
    definition asked for its type."""

    name: str
    role: str
    plates: tuple[str, ...]
    span: Span
    declared: ast.Declared | None = None
    statement: ast.Statement | None = None
    type: Type | None = None
    axes: tuple[str, ...] | None = None
    output: int = 0
    busy: bool = False
    used: bool = False
    owner: str | None = None
    stated: Expr | Distribution | None = None
    is_recursive: bool = False


@dataclass(frozen=True)
class Along:
    """The axes that a vector written out at a place may lie along; the last ``event`` of them are meant where they can be."""

    axes: tuple[str, ...] = ()
    event: int = 0

    def preferred(self, rank: int) -> Iterator[tuple[str, ...]]:
        """What a value of ``rank`` axes lies along, whatever its lengths."""
        if rank == self.event or rank == len(self.axes):
            yield self.axes[len(self.axes) - rank :]


@dataclass(frozen=True)
class Rates:
    """Inside of the rates of differential equations, where names of ``plate`` are states and ``times`` is the present time;
    inside of their starts (``is_start``) there are neither. ``expanded``: names of the plate whose values are being written
    out."""

    plate: str
    times: str
    is_start: bool = False
    expanded: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExpressionContext:
    """Where an expression stands: the plates around it, how many first rows of the chain are excluded, the names
    of a ``def``'s body, the statement that owns the parameters of ``def`` calls, the axes of vectors written out, the
    plates that are axes of the left-hand side, ``rows``, and ``rates`` inside of those of differential equations."""

    plates: tuple[str, ...] = ()
    excluded_first: int = 0
    owner: str | None = None
    target: str | None = None
    in_guide: bool = False
    along: Along = Along()
    rows: tuple[str, ...] = ()
    rates: Rates | None = None


PRIME = "'"
"""At the end of an axis's name: the same elements on another axis."""
MAX_NAME = 200
"""Most letters of a name."""
HELPED = 200
"""Unknown names that are answered with a did-you-mean."""


@dataclass
class Scope:
    """Everything known of the model so far."""

    settings: dict[str, Value] = field(default_factory=dict)
    dims: dict[str, Dim] = field(default_factory=dict)
    plates: dict[str, Plate] = field(default_factory=dict)
    variables: dict[str, Symbol] = field(default_factory=dict)
    guide_variables: dict[str, Symbol] = field(default_factory=dict)
    nets: dict[str, ast.NetDeclaration] = field(default_factory=dict)
    density_nets: dict[str, Net] = field(default_factory=dict)
    definitions: dict[str, ast.Def] = field(default_factory=dict)
    modules: dict[str, Module] = field(default_factory=dict)
    module_spans: dict[str, Span] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    broken_names: frozenset[str] = frozenset()
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _reported: dict[tuple[str, str, int], list[Diagnostic]] = field(default_factory=dict, repr=False)
    _helped: int = 0
    muted: int = 0
    owned_parameters: dict[str, Symbol] = field(default_factory=dict)
    def_stack: list[str] = field(default_factory=list)

    def report(self, diagnostic: Diagnostic) -> None:
        # equal ones have the same place: only those are compared
        key = (diagnostic.code, diagnostic.message, diagnostic.span.start if diagnostic.span else -1)
        same = self._reported.setdefault(key, [])
        if not self.muted and diagnostic not in same:
            same.append(diagnostic)
            self.diagnostics.append(diagnostic)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Nothing is reported inside: for inferring types before everything is known."""
        self.muted += 1
        try:
            yield
        finally:
            self.muted -= 1

    def define(self, name: str, span: Span, role: str = "") -> bool:
        """Notes a definition (of a variable, its role); False (and an error) if the name is taken or reserved."""
        if len(name) > MAX_NAME:
            message = f"a name of {len(name):,} letters; at most {MAX_NAME} are read"
            self.report(Diagnostic("PGM0102", message, span, help="choose a shorter name"))
            return False
        if name in RESERVED:
            self.report(reserved(name, span))
            return False
        if PRIME in name:
            self.report(primed(name, span))
            return False
        if name in self.spans:
            other = self.variables.get(name)
            self.report(twice(name, span, self.spans[name], (role, other.role) if other else ()))
            return False
        self.spans[name] = span
        return True

    def define_axis(self, name: str, span: Span) -> bool:
        """The same of a dim or a plate: `real` among the inputs of a network is a number, and `pi` where labels are compared."""
        is_word = name in (NUMBER_OF_NETS, "pi")
        if is_word:
            self.report(reserved(name, span))
        return not is_word and self.define(name, span)

    def define_function(self, name: str, span: Span) -> bool:
        """The same of what is called with arguments: a network or a ``def``, which no distribution may be called."""
        if is_distribution(name):
            self.report(reserved(name, span))
        return not is_distribution(name) and self.define(name, span)

    def symbol(self, name: str, context: ExpressionContext) -> Symbol | None:
        if context.in_guide and name in self.guide_variables:
            return self.guide_variables[name]
        return self.variables.get(name) or self.owned_parameters.get(name)

    @property
    def axes_model(self) -> Model:
        """A Model of the axes alone, for its look-ups."""
        return Model("", tuple(self.dims.values()), tuple(self.plates.values()), (), ())

    def is_axis(self, name: str) -> bool:
        """Whether a name is a dim or plate, or such a one with primes: a second axis of the same elements."""
        if name in self.dims or name in self.plates:
            return True
        if not name.endswith(PRIME) or not self.is_axis(name.removesuffix(PRIME)):
            return False
        self.dims[name] = Dim(name, like=name.removesuffix(PRIME))
        self.used.add(name.removesuffix(PRIME))
        return True

    def second(self, axis: str) -> str:
        """The second name of an axis."""
        self.is_axis(axis + PRIME)
        return axis + PRIME

    def size(self, axis: str) -> int | None:
        """Elements of an axis; None where only the data knows."""
        return self.axes_model.axis_size(axis) if self.is_axis(axis) else None

    def root(self, axis: str) -> str:
        seen = set()
        while axis in self.dims and self.dims[axis].like is not None and axis not in seen:
            seen.add(axis)
            axis = self.dims[axis].like or axis
        return axis

    def square(self, axes: tuple[str, ...]) -> tuple[str, str] | None:
        """The rows and columns among axes: the one pair of the same elements, that with fewer primes first, else as written; None
        where there is none, or several."""
        pairs = [(a, b) for i, a in enumerate(axes) for b in axes[i + 1 :] if self.root(a) == self.root(b)]
        if len(pairs) != 1:
            return None
        a, b = pairs[0]
        is_turned = a.rstrip(PRIME) == b.rstrip(PRIME) and len(b) < len(a)
        return (b, a) if is_turned else (a, b)

    def near_name(self, name: str, context: ExpressionContext) -> str:
        """A did-you-mean for an unknown name; the first ``HELPED`` get one, since each looks at all names."""
        if self.muted or self._helped >= HELPED:
            return ""
        self._helped += 1
        return did_you_mean(name, self.known_names(context))

    def known_names(self, context: ExpressionContext) -> list[str]:
        names = [*self.variables, *self.settings, *self.owned_parameters]
        return names + list(self.guide_variables) if context.in_guide else names

    def type_labels(self, type_: Type) -> Labels | None:
        return self.axes_model.labels_of(type_) if type_ is not UNKNOWN else None
