"""What the arguments of the Python functions may be: one row each, checked before any of them is used."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from numbers import Integral, Number, Real
from typing import Any, NamedTuple, ParamSpec, TypeVar

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean, near_names
from pgmlang.signatures.options import OPTIONS

P = ParamSpec("P")
R = TypeVar("R")


class Argument(NamedTuple):
    """``says``: what a value is, in words. ``are_names``: a text is names between commas, one most often."""

    holds: Callable[[Any], bool]
    says: str
    are_names: bool = False


def names_of(text: str) -> tuple[str, ...]:
    """Names between commas; those inside of brackets part no names."""
    out, depth = [""], 0
    for letter in text:
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            out.append("")
        else:
            out[-1] += letter
    return tuple(name.strip() for name in out if name.strip())


def _is_whole(value: Any) -> bool:
    is_scalar = isinstance(value, Integral) and not isinstance(value, bool)
    return is_scalar and int(value) >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return (
        isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping) and all(map(_is_text, value))
    )


def _is_cell(value: Any) -> bool:
    return isinstance(value, str | Number) and not isinstance(value, bool)


def _are_cells(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_cell, value))


def _texts_or(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Nothing, a text, texts, or a mapping from names to what ``holds``."""
    return lambda v: (
        v is None or _is_text(v) or _are_texts(v)
        or (isinstance(v, Mapping) and all(map(_is_text, v)) and all(map(holds, v.values())))
    )  # fmt: skip


def _are_merges(value: Any) -> bool:
    """Texts, or mappings from labels to labels, or from columns to such mappings."""
    return _texts_or(lambda v: _is_text(v) or _is_label_map(v))(value) or _is_label_map(value)


def _is_label_map(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(v, str | Number) for v in (*value, *value.values()))


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) and "\0" not in os.fspath(value)


def _or_none(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


ARGUMENTS = {
    "seed": Argument(_or_none(lambda v: _is_whole(v) and v < 2**63), "a whole number from 0, or None"),
    "num_draws": Argument(lambda v: _is_whole(v) and v < 2**31, "a whole number from 0"),
    "method": Argument(_is_text, "the name of a method, or `auto`"),
    "device": Argument(_is_text, "`cpu` or `cuda`"),
    "text": Argument(_is_text, "a question such as `P(a | b = yes)`"),
    "evidence": Argument(_is_text, "text such as `wet = yes, rain = no`"),
    "options": Argument(_or_none(lambda v: isinstance(v, Mapping) and all(map(_is_text, v))), "a mapping from names to values"),
    "fixed": Argument(_or_none(lambda v: isinstance(v, Mapping) and all(map(_is_text, v))), "a mapping from params to numbers"),
    "mapping": Argument(_or_none(lambda v: isinstance(v, Mapping) and all(map(_is_text, (*v, *v.values())))), "a mapping from variables to columns"),
    "observe": Argument(
        _or_none(lambda v: isinstance(v, Mapping) and all(map(_is_text, v)) and all(isinstance(x, str | Number) for x in v.values())), "a mapping from variables to values"),
    "kind": Argument(_or_none(_is_text), "the name of a kind of picture, or None"),
    "variables": Argument(_or_none(lambda v: _is_text(v) or _are_texts(v)), "a list of names", are_names=True),
    "var_names": Argument(_or_none(lambda v: _is_text(v) or _are_texts(v)), "a list of names", are_names=True),
    "observed": Argument(_or_none(lambda v: _is_text(v) or _are_texts(v)), "a list of names", are_names=True),
    "shape": Argument(_or_none(lambda v: isinstance(v, tuple | list) and len(v) == 2 and all(map(_is_whole, v))), "rows and columns of an image"),
    "progress": Argument(lambda v: v is None or isinstance(v, bool) or callable(v), "a function, True, False or None"),
    "targets": Argument(_or_none(lambda v: _is_text(v) or _are_texts(v)), "a list of names", are_names=True),
    "hide": Argument(lambda v: _is_text(v) or _are_texts(v), "a list of names", are_names=True),
    "missing": Argument(_is_text, "`latent`, `drop` or `error`"),
    "new_labels": Argument(_is_text, "`error`, `prior` or `drop`"),
    "na": Argument(_texts_or(lambda v: _is_cell(v) or _are_cells(v)), "a list of texts, or a mapping from columns to texts"),
    "encoding": Argument(_or_none(_is_text), "the name of an encoding, such as `cp1252`"),
    "thousands": Argument(_texts_or(_is_text), "one character"),
    "strip": Argument(_or_none(lambda v: isinstance(v, bool)), "true or false"),
    "fold_case": Argument(_or_none(lambda v: isinstance(v, bool)), "true or false"),
    "merge": Argument(_are_merges, 'a mapping from labels to labels, such as `{"Male": "male"}`'),
    "unit": Argument(_texts_or(_is_text), 'a mapping from columns to signs, such as `{"price": "€"}`'),
    "accounting": Argument(_or_none(lambda v: _is_text(v) or _are_texts(v)), "a list of columns", are_names=True),
    "magnitudes": Argument(_or_none(lambda v: _is_text(v) or _are_texts(v)), "a list of columns", are_names=True),
    "dates": Argument(_texts_or(_is_text), 'a mapping from columns to formats, such as `{"day": "%d.%m.%Y"}`'),
    "bins": Argument(_texts_or(lambda v: _is_cell(v) or _are_cells(v)), 'a mapping from columns to bins, such as `{"age": 5}`'),
    "counts": Argument(_or_none(_is_text), "the name of a column"),
    "weights": Argument(_or_none(_is_text), "the name of a column"),
    "sep": Argument(_or_none(_is_text), "one character, or None"),
    "decimal": Argument(_texts_or(_is_text), "`.` or `,`"),
    "target": Argument(_or_none(_is_text), "the name of a column"),
    "classifier": Argument(_is_text, "`logistic` or `naive-bayes`"),
    "as_is": Argument(lambda v: isinstance(v, bool), "true or false"),
    "name": Argument(_or_none(_is_text), "a name"),
    "source": Argument(_is_path, "text of a model, or the path of one"),
    "folder": Argument(_is_path, "a path"),
    "path": Argument(_is_path, "a path"),
}  # fmt: skip
"""By the name of a parameter."""


READING = (
    "encoding",
    "decimal",
    "thousands",
    "na",
    "strip",
    "fold_case",
    "merge",
    "unit",
    "accounting",
    "magnitudes",
    "dates",
    "bins",
)
"""How cells are read: the keywords that a function takes as ``**reading``."""
OTHER_NAMES = {
    "random_state": "seed", "random_seed": "seed", "rng": "seed", "tune": "warmup", "burn": "warmup", "burn_in": "warmup",
    "n_burn": "warmup", "num_warmup": "warmup", "iter_warmup": "warmup", "iter_sampling": "draws", "num_samples": "draws",
    "n_samples": "draws", "n_draws": "draws", "samples": "draws", "n_chains": "chains", "num_chains": "chains",
    "n_iter": "max_iterations", "max_iter": "max_iterations", "iterations": "max_iterations", "tol": "tolerance",
    "n_init": "restarts", "lr": "learning_rate", "batch_size": "batch", "n": "num_draws", "size": "num_draws",
    "delimiter": "sep", "na_values": "na", "rename": "mapping", "given": "evidence", "algorithm": "method",
    "sample_weight": "weights", "frequencies": "counts", "output": "folder", "columns": "targets",
    "progressbar": "progress", "progress_bar": "progress", "verbose": "progress",
}  # fmt: skip
"""What other programs call an argument or an option of methods."""

BINDING = ("sep", *READING, "observe", "hide", "mapping", "missing", "counts", "weights", "new_labels")
"""What joins data to a model: the keywords that a function takes as ``**binding``."""
GATHERED = {"binding": BINDING, "reading": READING}


NUMBERS_WITHIN = ("options", "fixed", "observe", "na", "merge", "bins")
"""Arguments that are mappings whose values may be numbers."""


def _plain(value: Any) -> Any:
    """A number or truth value of NumPy, or of another program, as Python's own; others as they are."""
    if type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    is_scalar = hasattr(value, "dtype") and getattr(value, "shape", None) == () and hasattr(value, "item")
    return value.item() if is_scalar else value


def _with_plain_numbers(given: dict[str, Any]) -> None:
    for name, value in given.items():
        if name in NUMBERS_WITHIN and isinstance(value, Mapping):
            given[name] = {k: _plain(v) for k, v in value.items()}
        else:
            given[name] = _plain(value)


def checked_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which raises PgmError PGM0612 for an argument that it does not have, for one that it lacks, and for one
    that is not what its row of ``ARGUMENTS`` says."""
    signature = inspect.signature(function)
    keywords = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD), "")

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = signature.bind(*args, **kwargs)
            given = bound.arguments
        except TypeError:
            raise PgmError(_misfit(function, signature, args, kwargs)) from None
        gathered = given.get(keywords, {})
        if keywords in GATHERED and not set(gathered) <= set(GATHERED[keywords]):
            raise PgmError(_misfit(function, signature, args, kwargs))
        _with_plain_numbers(given)
        _with_plain_numbers(gathered)
        _with_names(given)
        if keywords in GATHERED:
            _with_names(gathered)
        for name, value in {**given, **gathered}.items():
            row = ARGUMENTS.get(name)
            if row is not None and not row.holds(value):
                message = f"`{name}` is {row.says}, not {_shown(value)}"
                raise PgmError(Diagnostic("PGM0612", message, help=f"see `help({function.__qualname__})`"))
        return function(*bound.args, **bound.kwargs)

    return call


def _with_names(given: dict[str, Any]) -> None:
    """Arguments that are names as tuples of them: a text is one, or several between commas, and an iterator is read once."""
    for name, value in given.items():
        if name in ARGUMENTS and ARGUMENTS[name].are_names:
            if isinstance(value, str):
                given[name] = names_of(value)
            elif isinstance(value, Iterator):
                given[name] = tuple(value)


def _misfit(
    function: Callable[..., Any], signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Diagnostic:
    """Why arguments are not those of a function: an unknown name, too many by position, or one that is missing."""
    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    known += [n for p in parameters if p.kind is p.VAR_KEYWORD for n in GATHERED.get(p.name, ())]
    listed = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
    takes = "it takes " + (
        ", ".join(f"`{n}`" for n in known) or (f"{listed[0]} without a keyword" if listed else "no arguments")
    )
    for name in kwargs:
        if name not in known:
            message = f"`{function.__name__}` has no argument `{name}`"
            cure = _cure_of_name(name, kwargs[name], known) or takes
            return Diagnostic("PGM0612", message, help=cure)
    by_position = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    places = len(args) - ("self" in signature.parameters)
    if places > len(by_position):
        count = f"{len(by_position)} argument{'s' * (len(by_position) != 1)}"
        message = f"`{function.__name__}` takes {count} by position, not {places}"
        return Diagnostic("PGM0612", message, help=f"give the others by name: {takes}")
    twice = [n for n in by_position[:places] if n in kwargs]
    if twice:
        return Diagnostic("PGM0612", f"`{twice[0]}` is given twice", help="by position or by name")
    needed = [p.name for p in parameters if p.default is p.empty and p.name in known]
    lacking = next(n for n in needed if n not in kwargs and n not in by_position[:places])
    return Diagnostic("PGM0612", f"`{function.__name__}` needs `{lacking}`", help=takes)


def _cure_of_name(name: str, value: Any, known: list[str]) -> str:
    """What an argument of an unknown name was meant to be: one near by, an option of methods, or what others call so."""
    options = next((n for n in known if n.endswith("options")), None)
    methods = [] if options is None else [*OPTIONS, "max_time"]
    if name in methods:
        return f'it is an option of methods: `{options}={{"{name}": {_shown(value)}}}`'
    near = near_names(name, [*known, *methods])
    meant = near or [n for n in (OTHER_NAMES.get(name.lower()),) if n in (*known, *methods)]
    if meant and meant[0] in methods and meant[0] not in known:
        return f'did you mean the option `{options}={{"{meant[0]}": {_shown(value)}}}`?'
    return did_you_mean(name, known) or (f"did you mean `{meant[0]}`?" if meant else "")


def _shown(value: Any) -> str:
    return (
        repr(value)
        if isinstance(value, int | float | str | bytes) and len(repr(value)) < 40
        else f"a {type(value).__name__}"
    )
