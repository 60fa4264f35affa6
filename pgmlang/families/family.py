"""What is known of a distribution family, in one record.

A family of one number is its formulas (`Formulas`): expressions that any printer can write (`formula`), today as torch
code, so that a density stands once. A family of vectors or matrices names a class of the lowering's runtime or of torch.
Whatever needs torch is named by text, and imported by whom it concerns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pgmlang.families.formula import parse


@dataclass(frozen=True)
class Parameter:
    """``support``: kind the argument must have. ``event``: event axes it spans (a probability vector one). ``safe``: a
    value at which the density and its derivatives are finite, where that of its support (``SAFE``) is none."""

    name: str
    support: str = "real"
    event: int = 0
    default: float | None = None
    safe: float | None = None


SAFE: dict[str, float] = {"positive": 1.0, "unit": 0.5, "bit": 0.0, "count": 0.0, "integer": 0.0}
"""A value well inside each support; of real numbers any will do. (Of a simplex it is the even one, of matrices the
identity.)"""


@dataclass(frozen=True)
class Formulas:
    """A distribution of one number ``x`` by its parameters' names, as expressions (see `formula`).

    ``log_prob`` holds inside the support and need not be right elsewhere. ``log_cdf`` and ``log_survival``: logs of
    P(X <= x) and P(X > x), accurate in their far tails; empty where no closed or integrated form is there.
    ``quantile``: of a chance ``u``. ``draw``: a torch distribution to draw from (``dist.Gamma(shape, rate)``), or
    draws; where it is empty the quantile is drawn. ``edges``: ``log_prob`` at the two ends of the support where the formula has none.
    ``let``: names for what several of them share, in order.
    """

    log_prob: str
    log_cdf: str = ""
    log_survival: str = ""
    quantile: str = ""
    draw: str = ""
    mean: str = ""
    variance: str = ""
    edges: tuple[str, str] | None = None
    let: Mapping[str, str] = field(default_factory=dict)

    def texts(self) -> dict[str, str]:
        """Every expression that is given, by its role."""
        texts = {
            role: text
            for role in ("log_prob", "log_cdf", "log_survival", "quantile", "draw", "mean", "variance")
            if (text := getattr(self, role))
        }
        ends = zip(("at_lower", "at_upper"), self.edges or (), strict=False)
        return texts | dict(ends)


@dataclass(frozen=True)
class VectorFormulas:
    """A distribution of a vector, element by element: its log-density is ``each`` added up over the elements, and ``whole``. ``x`` and
    parameters that are vectors stand for their elements, ``sums`` for all of these added up. ``let``: names for what
    several share, in order."""

    each: str
    whole: str
    sums: Mapping[str, str] = field(default_factory=dict)
    let: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Marginal:
    """What a pair comes to with the prior's variable integrated out (the arc between the two reversed: Shachter 1986): the ``family`` of
    the child's draw, and the ``posterior`` of the variable in the prior's own. Arguments are formulas of those of both (the prior's, where
    both have one of a name), of the child's ``draw`` and of the ``factor`` by which the variable stands in its argument."""

    family: str
    arguments: Mapping[str, str]
    posterior: Mapping[str, str]
    variant: int = 0


@dataclass(frozen=True)
class Pair:
    """A likelihood that keeps a prior's family. ``child``, ``argument``, ``variant``: where the variable stands; ``form``:
    what the argument may be of the variable, a key of ``FORMS`` of `infer/conjugate`; all in normal form. ``collapsed``: what a sampler that
    integrates the variable out remembers of the draws: the ``counts`` of each value, those of ``zero and one``, or precisions and
    ``moments``. ``marginal``: what it comes to, where that is a family."""

    child: str
    argument: str
    form: str
    variant: int = 0
    collapsed: str = ""
    marginal: Marginal | None = None


@dataclass(frozen=True)
class Respelling:
    """Arguments in normal form: those of variant ``variant`` said as arguments of ``canonical`` (of ``family``, where that is another),
    formulas of ``+ - * /``."""

    variant: int
    canonical: int
    arguments: Mapping[str, str]
    family: str = ""


@dataclass(frozen=True)
class Spelling:
    """Other parameters that a distribution may be called with: those of the first variant as formulas of them, of ``+ - * /``, whole
    powers (``**``) and functions of the language. A model says the latter as soon as it is read, so that nothing else need know."""

    parameters: tuple[Parameter, ...]
    arguments: Mapping[str, str]


@dataclass(frozen=True)
class LocationScale:
    """A draw is ``loc + scale * e``, or the exponential of that (``is_log``): ``loc`` and ``scale`` name the arguments, and e
    is of the family ``standard`` (its own where that is empty) at 0 and 1, other arguments the same. ``of_vectors``: e is a vector
    of independent ones, and the scale a matrix: a Cholesky factor of what the argument is."""

    loc: str
    scale: str
    standard: str = ""
    is_log: bool = False
    of_vectors: bool = False


@dataclass(frozen=True)
class Family:
    """A distribution.

    ``variants``: alternative argument lists. ``support``: kind of a draw; ``labels`` takes the axis of its probability
    vector, ``inner`` is that of the distribution taken. ``event``: event axes of a draw. ``discrete``: countable
    support. ``improper``: has no normaliser. ``ordinal``: of labels whose order matters, the distribution of the number behind
    them, ``logistic`` or ``normal``. ``takes``: parameters that are
    distributions (combinators); ``shares``: the parameter that weighs several of them, one for each element of its axis;
    ``adds_zero``, ``adds_one``: a draw may also be zero, or one; ``has_atoms``: it has points with a chance of their own; ``is_angle``: a draw is an angle, on
    [-pi, pi). ``says``: for messages and the manual.

    How it is computed, one entry for each variant: ``formulas``, or ``runtime``, a class of ``lower/runtime``, or
    ``torch``, torch's own class where that is right everywhere (``dist.Normal(loc, sd)``, for readers of the emitted
    program). ``vector_formulas``: the same density of a vector for programs of loops; ``matrix_densities``:
    where matrices are in it, by its name in `native/matrix_densities`. ``bounds``: least and largest value of a draw and ``interior`` a value between, in the parameters;
    ``is_open``: the bounds themselves have no density. ``reparameterised``: draws have derivatives by the parameters.

    What others know of it: ``pyro``: Pyro's class; ``finite``: the numpy function that tables take its probabilities
    from, and ``vectors`` its arguments over the values of a draw; ``exponential``: the family of the complete conditional,
    and ``pairs`` the likelihoods that keep it; ``exponential_form``: the record of `infer/exponential` for a variable whose
    complete conditional is of this family; ``m_steps``: the records of `infer/m_steps` for params in its arguments;
    ``limits``: the arguments that bound a draw, the upper one empty where there is none; ``respellings``: of variants
    that the normal form says as another; ``spellings``: other arguments that a call may have; ``location_scale``: how a draw is made of a standard one, where it is;
    ``quadratic_in``: the argument that the log-density is quadratic in (of a family of real numbers, together with the value);
    ``zero_sum``: the family of such numbers given that they sum to zero, which has some of the arguments;
    ``statistics``: functions of the value (of each of its elements) that the log-density is linear in, whatever the
    arguments: sufficient statistics and what else is of the value alone; ``with_products``: and the products of two of them.
    """

    name: str
    variants: tuple[tuple[Parameter, ...], ...]
    support: str
    event: int = 0
    discrete: bool = False
    improper: bool = False
    ordinal: str = ""
    takes: tuple[str, ...] = ()
    shares: str = ""
    adds_zero: bool = False
    adds_one: bool = False
    has_atoms: bool = False
    is_angle: bool = False
    says: str = ""
    formulas: tuple[Formulas, ...] = ()
    vector_formulas: tuple[VectorFormulas, ...] = ()
    matrix_densities: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()
    torch: tuple[str, ...] = ()
    bounds: tuple[str, str] = ("-inf", "inf")
    interior: str = "0.0"
    is_open: bool = False
    reparameterised: bool = True
    pyro: tuple[str, ...] = ()
    finite: str = ""
    vectors: tuple[str, ...] = ()
    exponential: str = ""
    exponential_form: str = ""
    m_steps: str = ""
    pairs: tuple[Pair, ...] = ()
    respellings: tuple[Respelling, ...] = ()
    spellings: tuple[Spelling, ...] = ()
    limits: tuple[str, str] | None = None
    location_scale: LocationScale | None = None
    quadratic_in: str = ""
    zero_sum: str = ""
    statistics: tuple[str, ...] = ()
    with_products: bool = False

    def check(self) -> None:
        """Raises ValueError for a formula that mentions what is neither a parameter nor in the vocabulary."""
        for number, formulas in enumerate(self.formulas):
            names = {p.name for p in self.variants[number]} | set(formulas.let)
            for role, text in (*formulas.let.items(), *formulas.texts().items()):
                parse(text, names | {"x", "u"}, f"{role} of {self.name}")
        for number, vector in enumerate(self.vector_formulas):
            names = {p.name for p in self.variants[number]} | {"x"} | vector.sums.keys() | vector.let.keys()
            for text in (*vector.sums.values(), *vector.let.values(), vector.each, vector.whole):
                parse(text, names, f"a formula of {self.name}")
        for text in self.statistics:
            parse(text, {"x"}, f"a statistic of {self.name}")

        for spelling in self.spellings:
            if set(spelling.arguments) != {p.name for p in self.variants[0]}:
                raise ValueError(f"a spelling of {self.name} says not every argument")
            for text in spelling.arguments.values():
                parse(text, {p.name for p in spelling.parameters}, f"a spelling of {self.name}")

    @property
    def parameter_lists(self) -> tuple[tuple[Parameter, ...], ...]:
        """What a call may give: the parameters of each variant, and of other spellings."""
        return (*self.variants, *(s.parameters for s in self.spellings))

    @property
    def is_scalar(self) -> bool:
        """Whether a draw is one number (no label, vector or matrix)."""
        return self.event == 0 and self.support not in ("labels", "inner")

    @property
    def has_tails(self) -> bool:
        """Whether the distribution functions are known, so that it may be truncated and censored."""
        return bool(self.formulas) and all(f.log_cdf and f.log_survival for f in self.formulas)

    @property
    def has_labels_of_its_vector(self) -> bool:
        """Whether a draw is a label of the axis of its vector of probabilities or log-odds."""
        return self.support == "labels" and not self.ordinal

    def is_by_chances(self, variant: int) -> bool:
        """Whether the one argument is the vector of the probabilities of the labels."""
        parameters = self.variants[variant]
        return self.support == "labels" and len(parameters) == 1 and parameters[0].support == "unit"

    def class_of(self, variant: int) -> str:
        """The class that computes a variant: that of its formulas, or one of the runtime."""
        return self.class_name(variant) if self.formulas else self.runtime[variant]

    def class_name(self, variant: int) -> str:
        """The name of the class for a variant: ``Bernoulli``, ``BernoulliLogit``."""
        first = {p.name for p in self.variants[0]}
        others = [p.name for p in self.variants[variant] if p.name not in first]
        return self.name + "".join(word.title().replace("_", "") for word in others)


def parameter(
    name: str,
    support: str = "real",
    event: int = 0,
    default: float | None = None,
    safe: float | None = None,
) -> Parameter:
    """A short spelling for the rows."""
    return Parameter(name, support, event, default, safe)
