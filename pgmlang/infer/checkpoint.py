"""Checkpoints: a method's state on disk, so that a run that was killed goes on and ends in the same bytes.

States are tuples, records, dicts, numbers and arrays. Their shape goes into JSON, their arrays into safetensors: nothing
in a checkpoint is code. A new one is written beside the old and takes its place by one rename.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.plugins import plugin_modules

ALLOWED = ("pgmlang.infer.", "pgmlang.kernels.", "pgmlang.fields.", "pgmlang.density.")
"""Records of these modules only are made from a checkpoint."""

_FILES = re.compile(
    r"state\.json|\.state\.json\.\d+\.tmp|\.?state-\d+\.safetensors(\.tmp)?"
    r"|\.tmp\w{6}"  # safetensors writes there first
)
"""Names of the files that a checkpoint consists of: nothing else in its folder is ever removed."""


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """``folder``: where it is kept. ``key``: what must be the same for a run to go on: model, data, method, options,
    seed. ``every``: seconds between two."""

    folder: Path
    key: Mapping[str, Any]
    every: float = 30.0

    def save(self, state: Any, steps: int) -> None:
        """Writes a state; the one before stays until this one is whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, np.ndarray] = {}
        tree = _encoded(state, arrays)
        name = f"state-{steps}.safetensors"
        save_file(arrays, self.folder / f".{name}.tmp")
        os.replace(self.folder / f".{name}.tmp", self.folder / name)
        text = json.dumps({"key": self.key, "steps": steps, "arrays": name, "state": tree})
        temporary = self.folder / f".state.json.{os.getpid()}.tmp"
        with temporary.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, self.folder / "state.json")
        for old in self.folder.glob("state-*.safetensors"):
            if old.name != name:
                old.unlink(missing_ok=True)

    def load(self, device: str = "cpu") -> tuple[Any, int]:
        """The state kept and its number of steps. Raises PgmError PGM0701 where there is none, PGM0904 for that of
        another run, PGM0903 where it cannot be read."""
        about = read_key(self.folder)
        if about is None:
            message = f"there is no checkpoint in `{self.folder}` to go on from"
            raise PgmError(Diagnostic("PGM0701", message, help="start anew: leave `--resume` out"))
        different = [k for k in self.key if about["key"].get(k) != json.loads(json.dumps(self.key[k]))]
        if different:
            message = f"the run kept in `{self.folder}` had another {' and '.join(different)}"
            raise PgmError(
                Diagnostic("PGM0904", message, help="give it the same again, or start anew without `--resume`")
            )
        try:
            arrays = load_file(self.folder / Path(str(about["arrays"])).name)
            return _decoded(about["state"], arrays, device), int(about["steps"])
        except (OSError, KeyError, TypeError, ValueError, AttributeError, ImportError, IndexError, OverflowError,
                RecursionError, SafetensorError) as error:  # fmt: skip
            raise PgmError(
                Diagnostic("PGM0903", f"the checkpoint in `{self.folder}` cannot be read: {error}")
            ) from None


def claim(folder: Path, is_known: bool = False) -> None:
    """Raises PgmError PGM0902 where something other than a checkpoint stands, which is neither written into nor removed,
    and where a checkpoint stands that the user does not seem to know of (``is_known``: to be gone on from, or replaced)."""
    if not folder.exists() and not folder.is_symlink():
        return
    is_checkpoint = folder.is_dir() and not folder.is_symlink()
    foreign = (
        [f.name for f in folder.iterdir() if not _FILES.fullmatch(f.name)] if is_checkpoint else [folder.name]
    )
    if is_checkpoint and (folder / "state.json").is_file():
        try:
            read_key(folder)
        except PgmError:
            foreign.append("state.json")
    if foreign:
        message = f"`{folder}` is where a run keeps its state, and `{foreign[0]}` in it is none of pgmc's files"
        raise PgmError(Diagnostic("PGM0902", message, help="move it away, or choose another `-o`"))
    if is_checkpoint and not is_known and (folder / "state.json").is_file():
        message = f"`{folder}` holds the state of a run that was stopped before its end"
        raise PgmError(
            Diagnostic("PGM0902", message, help="go on with `--resume`, or give `--force` to begin anew")
        )


def remove(folder: Path) -> None:
    """Removes a checkpoint once the fit is written; whatever else lies in the folder stays."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for file in folder.iterdir():
        if _FILES.fullmatch(file.name) and file.is_file():
            file.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def read_key(folder: Path) -> dict[str, Any] | None:
    """What ``state.json`` of a folder says; None where there is none. Raises PgmError PGM0903."""
    file = folder / "state.json"
    if not file.is_file():
        return None
    try:
        about: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        about["key"]["seed"], int(about["steps"]), about["arrays"], about["state"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise PgmError(Diagnostic("PGM0903", f"the checkpoint in `{folder}` cannot be read: {error}")) from None
    return about


def _encoded(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A state as JSON, arrays by number."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, np.generic):
        return _encoded(value.item(), arrays)
    kind = type(value)
    if kind.__module__.startswith("torch"):
        return {"tensor": _kept(value.detach().cpu().numpy(), arrays)}
    if isinstance(value, np.ndarray):
        return {"array": _kept(value, arrays)}
    if isinstance(value, dict):
        return {"dict": [[_encoded(k, arrays), _encoded(v, arrays)] for k, v in value.items()]}
    if hasattr(value, "_fields"):
        return {
            "record": f"{kind.__module__}:{kind.__qualname__}",
            "fields": {f: _encoded(getattr(value, f), arrays) for f in value._fields},
        }
    if dataclasses.is_dataclass(value):
        fields = {f.name: _encoded(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
        return {"record": f"{kind.__module__}:{kind.__qualname__}", "fields": fields}
    if isinstance(value, tuple):
        return {"tuple": [_encoded(v, arrays) for v in value]}
    if isinstance(value, list):
        return {"list": [_encoded(v, arrays) for v in value]}
    raise TypeError(f"a state holds a {kind.__name__}, which no checkpoint keeps")


def _kept(array: np.ndarray, arrays: dict[str, np.ndarray]) -> str:
    name = str(len(arrays))
    arrays[name] = np.ascontiguousarray(array).reshape(array.shape)
    return name


def _decoded(tree: Any, arrays: Mapping[str, np.ndarray], device: str) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "float" in tree:
        return float(tree["float"])
    if "tensor" in tree:
        import torch

        tensor = torch.from_numpy(arrays[tree["tensor"]].copy())
        # the state of a generator lives on the CPU
        return tensor if tensor.dtype == torch.uint8 else tensor.to(device)
    if "array" in tree:
        return arrays[tree["array"]].copy()
    if "dict" in tree:
        return {_decoded(k, arrays, device): _decoded(v, arrays, device) for k, v in tree["dict"]}
    if "tuple" in tree:
        return tuple(_decoded(v, arrays, device) for v in tree["tuple"])
    if "list" in tree:
        return [_decoded(v, arrays, device) for v in tree["list"]]
    module, _, name = str(tree["record"]).partition(":")
    if not module.startswith(ALLOWED) and module not in plugin_modules():
        raise ValueError(f"`{module}` makes no states")
    record = getattr(import_module(module), name)
    if not (isinstance(record, type) and (hasattr(record, "_fields") or dataclasses.is_dataclass(record))):
        raise ValueError(f"`{name}` is no state")
    return record(**{k: _decoded(v, arrays, device) for k, v in tree["fields"].items()})
