"""Reads a fit's folder: the model's text is compiled again, and every array's name and shape is checked against it. Draws are
views of their files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.binding.close import close_model, open_sets
from pgmlang.diagnostics import CODES, Diagnostic, PgmError, SourceFile
from pgmlang.model import Model
from pgmlang.results.draws import check_draws, num_chains_and_draws, read_draws
from pgmlang.results.fit import Fit, Moves
from pgmlang.results.fit_folder import ERRORS, PROCESS_ROWS, SCHEMA, not_a_fit, reason_of
from pgmlang.results.loaded_arrays import check_parameters, check_process_rows, check_shape, check_sizes
from pgmlang.results.normal_posterior import read_normal
from pgmlang.results.pointwise import read_pointwise
from pgmlang.sema import analyse, text_loader

MAX_TEXT = 256 << 20
_FILES = ("fit.json", "labels.json", "model.pgm", "parameters.safetensors")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


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


def load_fit(folder: Path) -> Fit:
    """Reads a folder. Raises PgmError: PGM0701 missing, PGM0903 damaged or no fit, PGM0904 another version."""
    if not folder.exists():
        raise PgmError(
            Diagnostic("PGM0701", f"there is no `{folder}`", help="make one: `pgmc fit model.pgm data.csv`")
        )
    if not folder.is_dir():
        raise not_a_fit(folder, "it is a file")
    for name in _FILES:
        if (folder / name).is_symlink():
            raise not_a_fit(folder, f"its `{name}` is a link, and a fit reads nothing outside of its folder")
        if not (folder / name).is_file():
            raise not_a_fit(folder, f"it has no `{name}`")
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
            row_names={k: tuple(map(str, v)) for k, v in labels.get("rows", {}).items()},
            standard_errors=_standard_errors(folder, arrays), process_rows=_optional_arrays(folder, PROCESS_ROWS), **_numbers(about),
            status=str(about.get("status", "")), warnings=_warnings(about), provenance=dict(about.get("provenance", {})),
            **(read_draws(folder, about) if about["schema"] > 1 else {}),
        )  # fmt: skip
        check_sizes(fit)
        check_draws(fit)
        pointwise = read_pointwise(folder, about, num_chains_and_draws(fit))
        fit = replace(fit, pointwise=pointwise, normal=read_normal(folder, about, fit.draws))
    except UnicodeDecodeError:
        raise not_a_fit(folder, "its text is not UTF-8") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise not_a_fit(folder, f"it is damaged ({error})") from None
    except OSError as error:
        raise not_a_fit(folder, reason_of(error)) from None
    check_parameters(folder, fit, expected)
    check_process_rows(folder, fit)
    return fit


def _text(folder: Path, path: Path) -> str:
    """The text of a file as it is, line ends included."""
    if path.stat().st_size > MAX_TEXT:
        raise not_a_fit(folder, f"`{path.name}` is too large")
    return path.read_bytes().decode("utf-8")


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        value = json.loads(_text(folder, folder / name))
    except (ValueError, RecursionError):
        raise not_a_fit(folder, f"`{name}` is not JSON") from None
    if not isinstance(value, dict):
        raise not_a_fit(folder, f"`{name}` is not an object")
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
    errors = _optional_arrays(folder, ERRORS)
    for name, array in errors.items():
        if name not in parameters:
            raise not_a_fit(folder, f"`{ERRORS}` has errors of `{name}`, of which there is no estimate")
        check_shape(folder, name, array, parameters[name].shape)
        if (array < 0).any():
            raise not_a_fit(folder, f"a standard error of `{name}` is negative")
    return errors


def _optional_arrays(folder: Path, file: str) -> dict[str, np.ndarray]:
    """The arrays of a file that fits may lack."""
    if (folder / file).is_symlink():
        raise not_a_fit(folder, f"its `{file}` is a link, and a fit reads nothing outside of its folder")
    return _arrays(folder, file) if (folder / file).exists() else {}


def _arrays(folder: Path, file: str) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load((folder / file).read_bytes())
    except (SafetensorError, ValueError, KeyError, OverflowError):
        raise not_a_fit(folder, f"`{file}` is damaged") from None
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise not_a_fit(folder, f"the parameter `{name}` holds {array.dtype}, not numbers")
    return {k: np.array(v, dtype=np.float64) for k, v in arrays.items()}


def _warnings(about: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
    return tuple(
        Diagnostic(w["code"], str(w["message"]), place=str(w.get("place", "")), help=str(w.get("help", "")),
                   notes=tuple(map(str, w.get("notes", ()))))
        for w in about.get("warnings", ())
        if w.get("code") in CODES
    )  # fmt: skip
