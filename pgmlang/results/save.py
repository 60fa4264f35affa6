"""Writes a fit as a folder.

The folder is written beside its place and renamed, so there is never half of one. Draws are written slab by slab, so that they
may be larger than memory.
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.results.arrays import write_arrays
from pgmlang.results.draws import DRAWS, SAMPLE_STATS, check_draws, described, stored
from pgmlang.results.fit import Fit
from pgmlang.results.fit_folder import ERRORS, PROCESS_ROWS, SCHEMA, point_values, reason_of
from pgmlang.results.normal_posterior import normal_words, write_normal
from pgmlang.results.pointwise import pointwise_words, write_pointwise


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
        raise PgmError(Diagnostic("PGM0901", f"cannot write `{folder}`: {reason_of(error)}", help=other)) from None


def save_fit(fit: Fit, folder: Path, force: bool = False) -> None:
    """Writes the folder. Raises PgmError: PGM0902 exists, PGM0901 not writable, PGM0908 disk full; ValueError where
    the draws do not have the shapes that `Fit` promises."""
    from safetensors.numpy import save

    refuse_existing(folder, force)
    # an array of rank 0 must stay one
    arrays = {k: np.array(v, dtype=np.float64, order="C") for k, v in point_values(fit).items()}
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
        for file, numbers in ((ERRORS, fit.standard_errors), (PROCESS_ROWS, fit.process_rows)):
            if numbers:
                _write(inner / file, save({k: np.array(v, dtype=float) for k, v in numbers.items()}))
        for file, some in ((DRAWS, fit.draws), (SAMPLE_STATS, fit.sample_stats)):
            if some:
                write_arrays(inner / file, {k: stored(v) for k, v in some.items()})
        if fit.pointwise is not None:
            write_pointwise(inner, fit.pointwise)
        if fit.normal is not None:
            write_normal(inner, fit.normal)
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
        raise PgmError(Diagnostic(code, f"cannot write `{folder}`: {reason_of(error)}", help=cure)) from None
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


def _labels(fit: Fit) -> dict[str, Any]:
    variable_labels = {
        v.name: list(v.type.labels)
        for v in fit.model.variables
        if v.type.kind == "labels" and v.type.axis is None and v.type.labels is not None and v.type.owner == v.name
    }
    dims = {d.name: list(d.labels) for d in fit.model.dims if d.labels is not None}
    return {"variables": variable_labels, "dims": dims, "elements": {k: list(v) for k, v in fit.labels.items()},
            "rows": {k: list(v) for k, v in fit.row_names.items()}}  # fmt: skip


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
        "parameters": {k: list(np.shape(v)) for k, v in sorted(point_values(fit).items())},
        "warnings": [{"code": w.code, "message": w.message, "place": w.place, "help": w.help, "notes": list(w.notes)}
                     for w in fit.warnings],
        "provenance": fit.provenance,
        **described(fit),
        **(pointwise_words(fit.pointwise) if fit.pointwise is not None else {}),
        **(normal_words(fit.normal) if fit.normal is not None else {}),
    }  # fmt: skip
