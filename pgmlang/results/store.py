"""A fit as a folder: text, labels, safetensors and JSON; nothing that could run.

The folder is written beside its place and renamed, so there is never half of one. Loading compiles the model's text
again and checks every array's name and shape against it. Draws are written slab by slab and read as views of their
files, so that they may be larger than memory.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.binding.close import close_model, open_sets
from pgmlang.diagnostics import CODES, Diagnostic, PgmError, SourceFile
from pgmlang.model import Model
from pgmlang.results.arrays import write_arrays
from pgmlang.results.draws import (
    DRAWS,
    SAMPLE_STATS,
    check_draws,
    described,
    num_chains_and_draws,
    read_draws,
    stored,
)
from pgmlang.results.fit import Fit, Moves
from pgmlang.results.pointwise import pointwise_words, read_pointwise, write_pointwise
from pgmlang.results.summary import summary_rows
from pgmlang.sema import analyse, text_loader

__all__ = ["load_fit", "refuse_existing", "save_fit", "summary_rows"]

SCHEMA = 2
"""Version of the folder's layout; a reader refuses later ones. 2: there may be draws (without any, 1 is written)."""

MAX_TEXT = 256 << 20
ERRORS = "standard_errors.safetensors"
_FILES = ("fit.json", "labels.json", "model.pgm", "parameters.safetensors")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


# ---- writing


def refuse_existing(folder: Path, force: bool) -> None:
    """Raises PgmError PGM0902 where something is that must not be replaced, PGM0901 where nothing can be written."""
    other = "choose another place with `-o`"
    try:
        if folder.exists() and not force:
            cure = "give `--force` to replace it, or another `-o`"
            raise PgmError(Diagnostic("PGM0902", f"`{folder}` exists already", help=cure))
        is_fit = folder.is_dir() and (folder / "fit.json").is_file()
        if folder.exists() and not is_fit and not (folder.is_dir() and not any(folder.iterdir())):
            message = f"`{folder}` is not a fit, so `--force` does not replace it"
            raise PgmError(Diagnostic("PGM0902", message, help="choose another `-o`"))
        parent = folder.resolve().parent
        while not parent.exists():
            parent = parent.parent
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise PgmError(Diagnostic("PGM0901", f"cannot write into `{parent}`", help=other))
    except OSError as error:
        raise PgmError(Diagnostic("PGM0901", f"cannot write `{folder}`: {_reason(error)}", help=other)) from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def save_fit(fit: Fit, folder: Path, force: bool = False) -> None:
    """Writes the folder. Raises PgmError: PGM0902 exists, PGM0901 not writable, PGM0908 disk full; ValueError where
    the draws do not have the shapes that `Fit` promises."""
    from safetensors.numpy import save

    refuse_existing(folder, force)
    # an array of rank 0 must stay one
    arrays = {k: np.array(v, dtype=np.float64, order="C") for k, v in _point_values(fit).items()}
    check_draws(fit)
    temporary: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}.", dir=folder.parent))
        inner = temporary / "fit"
        inner.mkdir()  # unlike mkdtemp's, with the permissions that a new folder has here
        _write(inner / "model.pgm", fit.source.encode())
        for name, text in fit.modules.items():
            (inner / "modules").mkdir(exist_ok=True)
            _write(inner / "modules" / f"{name}.pgm", text.encode())
        _write(inner / "labels.json", _json(_labels(fit)))
        _write(inner / "parameters.safetensors", save(arrays))
        if fit.standard_errors:
            _write(inner / ERRORS, save({k: np.array(v, dtype=float) for k, v in fit.standard_errors.items()}))
        for file, some in ((DRAWS, fit.draws), (SAMPLE_STATS, fit.sample_stats)):
            if some:
                write_arrays(inner / file, {k: stored(v) for k, v in some.items()})
        if fit.pointwise is not None:
            write_pointwise(inner, fit.pointwise)
        _write(inner / "fit.json", _json(_description(fit)))
        _sync_folder(inner)
        _replace(inner, folder, force)
        _sync_folder(folder.parent)
    except OSError as error:
        code = "PGM0908" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG) else "PGM0901"
        cure = (
            "make room, or choose another place with `-o`"
            if code == "PGM0908"
            else "choose another place with `-o`"
        )
        raise PgmError(Diagnostic(code, f"cannot write `{folder}`: {_reason(error)}", help=cure)) from None
    finally:
        if temporary is not None:
            _clear(temporary, folder)


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """The names in a folder onto the disk, where the system lets a folder be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _replace(new: Path, folder: Path, force: bool) -> None:
    """The new folder takes the old one's place; the old one is only removed once the new one stands."""
    if not (force and folder.exists()):
        # what came to stand there meanwhile is not replaced: a folder with files in it cannot be renamed over
        os.replace(new, folder)
        return
    old = new.parent / "old"
    os.replace(folder, old)
    os.replace(new, folder)


def _clear(temporary: Path, folder: Path) -> None:
    """Removes what was being written; a fit that was moved out of the way and not replaced goes back first."""
    try:
        if (temporary / "old").exists() and not folder.exists():
            os.replace(temporary / "old", folder)
    except OSError:
        return
    shutil.rmtree(temporary, ignore_errors=True)


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, default=_plain) + "\n").encode()


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return float(value) if math.isfinite(value) else None


def _point_values(fit: Fit) -> dict[str, np.ndarray]:
    """Estimates, and the deterministic names' values at them."""
    return {**fit.parameters, **fit.deterministic}


def _labels(fit: Fit) -> dict[str, Any]:
    variable_labels = {
        v.name: list(v.type.labels)
        for v in fit.model.variables
        if v.type.kind == "labels" and v.type.axis is None and v.type.labels is not None and v.type.owner == v.name
    }
    dims = {d.name: list(d.labels) for d in fit.model.dims if d.labels is not None}
    return {"variables": variable_labels, "dims": dims, "elements": {k: list(v) for k, v in fit.labels.items()}}


def _description(fit: Fit) -> dict[str, Any]:
    return {
        "schema": SCHEMA if fit.draws or fit.sample_stats else 1,
        "model": fit.model.name,
        "method": fit.method,
        "options": fit.options,
        "plan": fit.plan,
        "settings": dict(fit.model.settings),
        "status": fit.status,
        "log_likelihood": None if fit.log_likelihood is None else _finite(fit.log_likelihood),
        "objective": fit.objective,
        "trace": [_finite(x) for x in fit.trace],
        "only_rises": fit.only_rises,
        "moves": fit.moves,
        "sizes": fit.sizes,
        "parameters": {k: list(np.shape(v)) for k, v in sorted(_point_values(fit).items())},
        "warnings": [{"code": w.code, "message": w.message, "place": w.place, "help": w.help, "notes": list(w.notes)}
                     for w in fit.warnings],
        "provenance": fit.provenance,
        **described(fit),
        **(pointwise_words(fit.pointwise) if fit.pointwise is not None else {}),
    }  # fmt: skip


# ---- reading


def _numbers(about: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a fit's course; older fits have their trace as ``log_likelihood``."""
    total = about.get("log_likelihood")
    trace = about.get("trace", total if isinstance(total, list) else ())
    return {
        "log_likelihood": None if total is None or isinstance(total, list) else float(total),
        "trace": tuple(math.nan if x is None else float(x) for x in trace),
        "only_rises": bool(about.get("only_rises", False)),
        "moves": None if about.get("moves") is None else Moves(about["moves"]),
    }


def _not_a_fit(folder: Path, why: str) -> PgmError:
    return PgmError(
        Diagnostic("PGM0903", f"`{folder}` is not a fit: {why}", help="make one: `pgmc fit model.pgm data.csv`")
    )


def load_fit(folder: Path) -> Fit:
    """Reads a folder. Raises PgmError: PGM0701 missing, PGM0903 damaged or no fit, PGM0904 another version."""
    if not folder.exists():
        raise PgmError(
            Diagnostic("PGM0701", f"there is no `{folder}`", help="make one: `pgmc fit model.pgm data.csv`")
        )
    if not folder.is_dir():
        raise _not_a_fit(folder, "it is a file")
    for name in _FILES:
        if (folder / name).is_symlink():
            raise _not_a_fit(folder, f"its `{name}` is a link, and a fit reads nothing outside of its folder")
        if not (folder / name).is_file():
            raise _not_a_fit(folder, f"it has no `{name}`")
    about = _read_json(folder, "fit.json")
    if type(about.get("schema")) is not int or not 1 <= about["schema"] <= SCHEMA:
        raise PgmError(
            Diagnostic(
                "PGM0904",
                f"`{folder}` has layout {about.get('schema')!r}, this version reads {SCHEMA}",
                help="fit again with this version, or use the version that wrote it",
            )
        )
    labels = _read_json(folder, "labels.json")
    try:
        modules = _modules(folder)
        if any(int(n) < 0 for n in dict(about.get("sizes", {})).values()):
            raise ValueError("a size is negative")
        source = _text(folder, folder / "model.pgm")
        settings = dict(about.get("settings", {}))
        model = analyse(SourceFile(str(folder / "model.pgm"), source), settings, text_loader(modules)).checked()
        closed = _closed(model, labels)
        expected = [str(name) for name in dict(about.get("parameters", {}))]
        arrays = _arrays(folder, "parameters.safetensors")
        values = {k: arrays.pop(k) for k in tuple(arrays) if k in closed.definition_of}
        fit = Fit(
            model=closed, source=source, method=str(about["method"]), parameters=arrays, deterministic=values, modules=modules,
            options=dict(about.get("options", {})), plan=dict(about.get("plan", {})),
            labels={k: tuple(map(str, v)) for k, v in labels.get("elements", {}).items()},
            sizes={k: int(v) for k, v in about.get("sizes", {}).items()},
            standard_errors=_standard_errors(folder, arrays), **_numbers(about),
            status=str(about.get("status", "")), warnings=_warnings(about), provenance=dict(about.get("provenance", {})),
            **(read_draws(folder, about) if about["schema"] > 1 else {}),
        )  # fmt: skip
        _check_sizes(fit)
        check_draws(fit)
        fit = replace(fit, pointwise=read_pointwise(folder, about, num_chains_and_draws(fit)))
    except UnicodeDecodeError:
        raise _not_a_fit(folder, "its text is not UTF-8") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise _not_a_fit(folder, f"it is damaged ({error})") from None
    except OSError as error:
        raise _not_a_fit(folder, _reason(error)) from None
    _check_parameters(folder, fit, expected)
    return fit


def _text(folder: Path, path: Path) -> str:
    """The text of a file as it is, line ends included."""
    if path.stat().st_size > MAX_TEXT:
        raise _not_a_fit(folder, f"`{path.name}` is too large")
    return path.read_bytes().decode("utf-8")


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        value = json.loads(_text(folder, folder / name))
    except (ValueError, RecursionError):
        raise _not_a_fit(folder, f"`{name}` is not JSON") from None
    if not isinstance(value, dict):
        raise _not_a_fit(folder, f"`{name}` is not an object")
    return value


def _modules(folder: Path) -> dict[str, str]:
    modules = {}
    inner = folder / "modules"
    if inner.is_dir() and not inner.is_symlink():
        for path in sorted(inner.glob("*.pgm")):
            if _MODULE.fullmatch(path.stem) and not path.is_symlink():
                modules[path.stem] = _text(folder, path)
    return modules


def _closed(model: Model, labels: Mapping[str, Any]) -> Model:
    wanted = set(open_sets(model))
    variable_labels = {k: tuple(map(str, v)) for k, v in labels.get("variables", {}).items() if k in wanted}
    dims = {
        d.name: tuple(map(str, labels["dims"][d.name]))
        for d in model.dims
        if d.labels is None and d.size is None and d.name in labels.get("dims", {})
    }
    for name, listed in [*variable_labels.items(), *dims.items()]:
        if len(set(listed)) < len(listed):
            raise ValueError(f"a label of `{name}` stands twice")
    elements = {k: tuple(map(str, v)) for k, v in labels.get("elements", {}).items()}
    return close_model(model, variable_labels, dims, elements)


def _standard_errors(folder: Path, parameters: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Standard errors of estimates, where the fit has any."""
    if (folder / ERRORS).is_symlink():
        raise _not_a_fit(folder, f"its `{ERRORS}` is a link, and a fit reads nothing outside of its folder")
    if not (folder / ERRORS).exists():
        return {}
    errors = _arrays(folder, ERRORS)
    for name, array in errors.items():
        if name not in parameters:
            raise _not_a_fit(folder, f"`{ERRORS}` has errors of `{name}`, of which there is no estimate")
        _check_shape(folder, name, array, parameters[name].shape)
        if (array < 0).any():
            raise _not_a_fit(folder, f"a standard error of `{name}` is negative")
    return errors


def _arrays(folder: Path, file: str) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load((folder / file).read_bytes())
    except (SafetensorError, ValueError, KeyError, OverflowError):
        raise _not_a_fit(folder, f"`{file}` is damaged") from None
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise _not_a_fit(folder, f"the parameter `{name}` holds {array.dtype}, not numbers")
    return {k: np.array(v, dtype=np.float64) for k, v in arrays.items()}


def _warnings(about: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
    return tuple(
        Diagnostic(w["code"], str(w["message"]), place=str(w.get("place", "")), help=str(w.get("help", "")),
                   notes=tuple(map(str, w.get("notes", ()))))
        for w in about.get("warnings", ())
        if w.get("code") in CODES
    )  # fmt: skip


def _check_sizes(fit: Fit) -> None:
    """Raises ValueError where sizes, labels and the model disagree."""
    named = {*fit.model.plate_by_name, *fit.model.dim_by_name}
    for name in named & set(fit.labels):
        labels = fit.labels[name]
        if len(set(labels)) < len(labels):
            raise ValueError(f"a label of `{name}` stands twice")
        if name in fit.sizes and len(labels) != fit.sizes[name]:
            raise ValueError(f"`{name}` has {fit.sizes[name]} elements and {len(labels)} labels")
    for name in named & set(fit.sizes):
        size, told = fit.sizes[name], fit.model.axis_size(name)
        if told is not None and told != size:
            raise ValueError(f"`{name}` has {size} elements, the model says {told}")


def _check_parameters(folder: Path, fit: Fit, expected: list[str]) -> None:
    """Every parameter that was saved is there, of its model's shape, finite, and a table holds probabilities."""
    from pgmlang.binding.values import outside_support
    from pgmlang.tables.evaluate import Evaluator
    from pgmlang.tables.learned import learned_tables, table_shape

    for name in expected:
        if name not in _point_values(fit):
            raise _not_a_fit(folder, f"the parameter `{name}` is missing")
    for name, array in fit.parameters.items():
        if not np.isfinite(array).all():
            raise _not_a_fit(folder, f"the parameter `{name}` holds a value that is not finite")
    evaluator = Evaluator(fit.model, {}, fit.layout)
    for table in learned_tables(fit.model):
        probabilities = fit.parameters.get(table.name)
        if probabilities is None:
            raise _not_a_fit(folder, f"the parameter `{table.name}` is missing")
        shape = table_shape(evaluator, table)
        _check_shape(folder, table.name, probabilities, shape)
        if (probabilities < 0).any() or np.abs(probabilities.sum(axis=-1) - 1).max(initial=0) > 1e-6:
            raise _not_a_fit(folder, f"the rows of `{table.name}` are not probabilities")
        counts = table.counts_name
        if counts in fit.parameters:
            _check_shape(folder, counts, fit.parameters[counts], shape)
            if (fit.parameters[counts] < 0).any():
                raise _not_a_fit(folder, f"`{counts}` holds a negative number")
    for name, array in _point_values(fit).items():
        variable = fit.model.by_name.get(name)
        if variable is not None:
            wanted = fit.layout.shape(fit.model.array_axes(variable))
            _check_shape(folder, name, array, wanted)
            wrong = outside_support(variable, array, is_closed=True) if name in fit.parameters else None
            if wrong:
                raise _not_a_fit(folder, f"`{name}` is {variable.type}, and {wrong}")


def _check_shape(folder: Path, name: str, array: np.ndarray, wanted: tuple[int, ...]) -> None:
    if tuple(array.shape) != tuple(wanted):
        raise _not_a_fit(folder, f"`{name}` has shape {tuple(array.shape)}, the model says {tuple(wanted)}")
