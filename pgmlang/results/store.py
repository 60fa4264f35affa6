"""A fit as a folder: text, labels, safetensors and JSON; nothing that could run.

The folder is written beside its place and renamed, so there is never half of one. Loading compiles the model's text
again and checks every array's name and shape against it.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.binding.close import close_model, open_sets
from pgmlang.diagnostics import CODES, Diagnostic, PgmError, SourceFile
from pgmlang.model import Model
from pgmlang.results.fit import Fit
from pgmlang.sema import analyse, text_loader

SCHEMA = 1
"""Version of the folder's layout; a reader refuses others."""

MAX_JSON = 256 << 20
_FILES = ("fit.json", "labels.json", "model.pgm", "parameters.safetensors")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


# ---- writing


def refuse_existing(folder: Path, force: bool) -> None:
    """Raises PgmError PGM0902 where something is that must not be replaced, PGM0901 where nothing can be written."""
    if folder.exists():
        if not force:
            raise PgmError(
                Diagnostic(
                    "PGM0902", f"`{folder}` exists already", help="give `--force` to replace it, or another `-o`"
                )
            )
        is_fit = folder.is_dir() and (folder / "fit.json").is_file()
        if not is_fit and not (folder.is_dir() and not any(folder.iterdir())):
            raise PgmError(
                Diagnostic(
                    "PGM0902",
                    f"`{folder}` is not a fit, so `--force` does not replace it",
                    help="choose another `-o`",
                )
            )
    parent = folder.resolve().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise PgmError(
            Diagnostic("PGM0901", f"cannot write into `{parent}`", help="choose another place with `-o`")
        )


def save_fit(fit: Fit, folder: Path, force: bool = False) -> None:
    """Writes the folder. Raises PgmError: PGM0902 exists, PGM0901 not writable, PGM0908 disk full."""
    from safetensors.numpy import save

    refuse_existing(folder, force)
    arrays = {k: np.ascontiguousarray(v, dtype=np.float64) for k, v in fit.parameters.items()}
    temporary: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        os.chmod(temporary, 0o755)
        _write(temporary / "model.pgm", fit.source.encode())
        for name, text in fit.modules.items():
            (temporary / "modules").mkdir(exist_ok=True)
            _write(temporary / "modules" / f"{name}.pgm", text.encode())
        _write(temporary / "labels.json", _json(_labels(fit)))
        _write(temporary / "parameters.safetensors", save(arrays))
        _write(temporary / "fit.json", _json(_description(fit)))
        _replace(temporary, folder)
    except OSError as error:
        code = "PGM0908" if error.errno in (errno.ENOSPC, errno.EIO, errno.EFBIG) else "PGM0901"
        reason = (error.strerror or str(error)).lower()
        raise PgmError(
            Diagnostic(code, f"cannot write `{folder}`: {reason}", help="choose another place with `-o`")
        ) from None
    finally:
        if temporary is not None and temporary.exists():
            shutil.rmtree(temporary, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _replace(temporary: Path, folder: Path) -> None:
    """The new folder takes the old one's place; the old one is only removed once the new one stands."""
    old = None
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
        os.replace(folder, old / "was")
    try:
        os.replace(temporary, folder)
    except OSError:
        if old is not None:
            os.replace(old / "was", folder)
        raise
    finally:
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, default=_plain) + "\n").encode()


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _labels(fit: Fit) -> dict[str, Any]:
    own = {
        v.name: list(v.type.labels)
        for v in fit.model.variables
        if v.type.kind == "labels" and v.type.axis is None and v.type.labels is not None and v.type.owner == v.name
    }
    dims = {d.name: list(d.labels) for d in fit.model.dims if d.labels is not None}
    return {"variables": own, "dims": dims, "elements": {k: list(v) for k, v in fit.labels.items()}}


def _description(fit: Fit) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "model": fit.model.name,
        "method": fit.method,
        "options": fit.options,
        "settings": dict(fit.model.settings),
        "status": fit.status,
        "log_likelihood": list(fit.log_likelihood),
        "sizes": fit.sizes,
        "parameters": {k: list(np.shape(v)) for k, v in fit.parameters.items()},
        "warnings": [{"code": w.code, "message": w.message, "place": w.place, "help": w.help, "notes": list(w.notes)}
                     for w in fit.warnings],
        "provenance": fit.provenance,
    }  # fmt: skip


# ---- reading


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
        if not (folder / name).is_file():
            raise _not_a_fit(folder, f"it has no `{name}`")
    about = _read_json(folder, "fit.json")
    if about.get("schema") != SCHEMA:
        raise PgmError(
            Diagnostic(
                "PGM0904",
                f"`{folder}` has layout {about.get('schema')!r}, this version reads {SCHEMA}",
                help="fit again with this version, or use the version that wrote it",
            )
        )
    labels = _read_json(folder, "labels.json")
    modules = _modules(folder)
    try:
        source = (folder / "model.pgm").read_text(encoding="utf-8")
        settings = dict(about.get("settings", {}))
        model = analyse(SourceFile(str(folder / "model.pgm"), source), settings, text_loader(modules)).checked()
        closed = _closed(model, labels)
        fit = Fit(
            model=closed, source=source, method=str(about["method"]), parameters=_arrays(folder), modules=modules,
            options=dict(about.get("options", {})),
            labels={k: tuple(map(str, v)) for k, v in labels.get("elements", {}).items()},
            sizes={k: int(v) for k, v in about.get("sizes", {}).items()},
            log_likelihood=tuple(float(x) for x in about.get("log_likelihood", ())),
            status=str(about.get("status", "")), warnings=_warnings(about), provenance=dict(about.get("provenance", {})),
        )  # fmt: skip
    except UnicodeDecodeError:
        raise _not_a_fit(folder, "its text is not UTF-8") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _not_a_fit(folder, f"`fit.json` or `labels.json` is damaged ({error})") from None
    _check_shapes(folder, fit)
    return fit


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    if path.stat().st_size > MAX_JSON:
        raise _not_a_fit(folder, f"`{name}` is too large")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise _not_a_fit(folder, f"`{name}` is not JSON") from None
    if not isinstance(value, dict):
        raise _not_a_fit(folder, f"`{name}` is not an object")
    return value


def _modules(folder: Path) -> dict[str, str]:
    modules = {}
    inner = folder / "modules"
    if inner.is_dir():
        for path in sorted(inner.glob("*.pgm")):
            if _MODULE.fullmatch(path.stem) and not path.is_symlink():
                modules[path.stem] = path.read_text(encoding="utf-8")
    return modules


def _closed(model: Model, labels: Mapping[str, Any]) -> Model:
    wanted = set(open_sets(model))
    own = {k: tuple(map(str, v)) for k, v in labels.get("variables", {}).items() if k in wanted}
    dims = {
        d.name: tuple(map(str, labels["dims"][d.name]))
        for d in model.dims
        if d.labels is None and d.size is None and d.name in labels.get("dims", {})
    }
    return close_model(model, own, dims)


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load((folder / "parameters.safetensors").read_bytes())
    except (SafetensorError, ValueError, KeyError, OverflowError):
        raise _not_a_fit(folder, "`parameters.safetensors` is damaged") from None
    return {k: np.array(v) for k, v in arrays.items()}


def _warnings(about: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
    return tuple(
        Diagnostic(w["code"], str(w["message"]), place=str(w.get("place", "")), help=str(w.get("help", "")),
                   notes=tuple(map(str, w.get("notes", ()))))
        for w in about.get("warnings", ())
        if w.get("code") in CODES
    )  # fmt: skip


def _check_shapes(folder: Path, fit: Fit) -> None:
    """Every learned table is there, of its model's shape, and holds probabilities."""
    from pgmlang.model.evaluate import Evaluator
    from pgmlang.tables.learned import learned_tables, table_shape

    evaluator = Evaluator(fit.model, {}, fit.sizes, fit.labels)
    for table in learned_tables(fit.model):
        array = fit.parameters.get(table.name)
        if array is None:
            raise _not_a_fit(folder, f"the parameter `{table.name}` is missing")
        wanted = table_shape(evaluator, table)
        if tuple(array.shape) != tuple(wanted):
            raise _not_a_fit(
                folder, f"`{table.name}` has shape {tuple(array.shape)}, the model says {tuple(wanted)}"
            )
        if not np.isfinite(array).all() or (array < 0).any() or np.abs(array.sum(axis=-1) - 1).max() > 1e-6:
            raise _not_a_fit(folder, f"the rows of `{table.name}` are not probabilities")
    for name, array in fit.parameters.items():
        if not np.isfinite(array).all():
            raise _not_a_fit(folder, f"the parameter `{name}` holds a value that is not finite")


# ---- the view that summaries print


def summary_rows(fit: Fit) -> list[dict[str, Any]]:
    """One dict a number: ``name``, ``mean``, ``sd``; for a table's cell also ``given``, ``label`` and ``count``.

    With a Dirichlet prior the mean and sd are the posterior's, otherwise the sd is that of a share of ``count`` rows
    (None where there were none).
    """
    from pgmlang.tables.learned import learned_tables

    rows: list[dict[str, Any]] = []
    tables = {t.name: t for t in learned_tables(fit.model)}
    order = {v.name: i for i, v in enumerate(fit.model.variables)}
    for name, array in sorted(fit.parameters.items(), key=lambda item: order.get(item[0].rsplit(".", 1)[0], -1)):
        if name in tables:
            rows.extend(_table_rows(fit, tables[name], array))
        elif ".counts" not in name:
            rows.extend(_plain_rows(name, array))
    return rows


def _table_rows(fit: Fit, table: Any, array: np.ndarray) -> list[dict[str, Any]]:
    from pgmlang.tables.learned import prior_counts

    distribution = table.distribution
    variable = fit.model.by_name[table.target]
    labels = fit.model.labels_of(variable.type) or tuple(map(str, range(array.shape[-1])))
    heads: list[tuple[str, tuple[str, ...]]] = []
    for by in distribution.by:
        heads.append((by, fit.labels.get(by) or fit.model.axis_labels(by) or ()))
    for parent in distribution.parents:
        shown = f"prev({parent.name})" if parent.lag else parent.name
        heads.append((shown, fit.model.labels_of(parent.type) or ()))
    counts = fit.parameters.get(table.name.replace(".table", ".counts"))
    out = []
    for index in np.ndindex(array.shape):
        p = float(array[index])
        count = float(counts[index]) if counts is not None else None
        total = float(counts[index[:-1]].sum()) if counts is not None else 0.0
        if distribution.prior is not None:
            total += prior_counts(table, array.shape) * array.shape[-1]
            sd: float | None = (p * (1 - p) / (total + 1)) ** 0.5
        else:
            sd = (p * (1 - p) / total) ** 0.5 if total > 0 else None
        given = {h: (ls[i] if i < len(ls) else str(i)) for (h, ls), i in zip(heads, index[:-1], strict=True)}
        out.append(
            {"name": table.target, "given": given, "label": labels[index[-1]], "mean": p, "sd": sd, "count": count}
        )
    return out


def _plain_rows(name: str, array: np.ndarray) -> list[dict[str, Any]]:
    if array.ndim == 0:
        return [{"name": name, "mean": float(array), "sd": None}]
    return [
        {"name": f"{name}[{', '.join(map(str, i))}]", "mean": float(array[i]), "sd": None}
        for i in np.ndindex(array.shape)
    ]
