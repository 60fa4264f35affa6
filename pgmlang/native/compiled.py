"""How functions of native programs are compiled: numba, without the interpreter's lock, kept on disk where that can be written."""

from __future__ import annotations

import gc
import hashlib
import inspect
import linecache
import pickle
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import llvmlite
import numba
from numba import njit
from numba.core import event
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from pgmlang.native import parts
from pgmlang.native.code_files import read_code, write_code
from pgmlang.native.passes import NarrowCompiler, ProgramCompiler
from pgmlang.versions import __version__

REORDERED = {"reassoc", "contract", "arcp", "nsz"}
"""Sums may be taken in another order and quotients as products with reciprocals, always in the same one; what is infinite or no number
stays so."""
IN_ORDER = REORDERED - {"reassoc"}
"""Sums are taken as they are written: what is infinite or no number in one choice never meets another's."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function as machine code at its first call, its operations in the order in which they are written."""
    return _compiled(function, fastmath=False)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that becomes part of whoever calls it (`expanded`, where it can): as a function of its own it would be optimised once more for
    each caller, and which of these is run, and in which order its sums are taken, would hang on what was loaded first."""
    return njit(inline="always", error_model="numpy")(function)  # type: ignore[no-any-return]


def compiled_sums(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `compiled`, with REORDERED sums and quotients: for loops over rows."""
    return _compiled(function, fastmath=REORDERED)


def compiled_paths(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `compiled_sums`, for programs of hidden chains: their steps wait for one another, and states are few, so that several rounds of a loop at
    once take a fifth more time to compile and a tenth more to run."""
    return _compiled(function, REORDERED, NarrowCompiler)


def part(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `compiled`, of a function that only compiled ones call: it has no machine code but theirs."""
    return _part(function, fastmath=False)


def part_of_sums(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `part`, with REORDERED sums and quotients."""
    return _part(function, fastmath=REORDERED)


def _part(function: Callable[..., Any], fastmath: Any) -> Callable[..., Any]:
    dispatcher = parts.part(function, error_model="numpy", nogil=True, fastmath=fastmath)
    dispatcher._cache = PartFiles(function)
    return dispatcher  # type: ignore[no-any-return]


def compiled_lanes(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `compiled`, for functions of `lanes`, which are called by compiled ones alone: sums in the order in which they are written, products
    and sums as one operation."""
    return _part(function, fastmath=IN_ORDER)


def compiled_groups(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `compiled_lanes`, for functions that are called from Python."""
    return _compiled(function, IN_ORDER, NarrowCompiler)


def _compiled(
    function: Callable[..., Any], fastmath: Any, compiler: type[ProgramCompiler] = ProgramCompiler
) -> Callable[..., Any]:
    options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
    dispatcher: Any = njit(fastmath=fastmath, pipeline_class=compiler, **options)(function)
    dispatcher._cache = CodeFiles(function)  # type: ignore[attr-defined]
    return dispatcher  # type: ignore[no-any-return]


@cache
def key_of_text(text: str) -> str:
    """What a program's folder is called: by its text and by all that its code hangs on beside the processor."""
    versions = (
        f"pgmlang {__version__}, numba {numba.__version__}, llvmlite {llvmlite.__version__}, "
        f"python {sys.version_info[:3]}, {_runtime()}"
    )
    return hashlib.sha256(f"{versions}\n{text}".encode()).hexdigest()[:32]


@cache
def _runtime() -> str:
    """The texts that are part of programs without standing in them."""
    from importlib.resources import files

    here = files("pgmlang.native.runtime").iterdir()
    texts = [f.read_bytes() for f in sorted(here, key=lambda f: f.name) if f.name.endswith(".py")]
    # what makes functions over lanes of them, whose module compiled code names
    texts += [
        (files("pgmlang.native") / name).read_bytes()
        for name in ("array_arguments.py", "lane_forms.py", "lane_functions.py", "parts.py", "passes.py")
    ]
    return hashlib.sha256(b"".join([*texts, inspect.getsource(sys.modules[__name__]).encode()])).hexdigest()


class CodeFiles(_Cache):  # type: ignore[misc]
    """The machine code of a function in the files of `code_files`: a file a signature and processor. A file that is not there, not whole
    or not this user's is one that was never written."""

    def __init__(self, function: Callable[..., Any]) -> None:
        lines = linecache.getlines(function.__code__.co_filename)
        self._key = key_of_text("".join(lines))
        self._name = function.__name__
        self._is_enabled = True

    @property
    def cache_path(self) -> str:
        """The program's key."""
        return self._key

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function of a signature; None where there is none."""
        # what running takes of numba; compiling takes ten times as many of its modules (`refresh`), and asks for them by itself
        rtsys.initialize(target_context)
        code = read_code(self._key, self._file(sig, target_context.codegen())) if self._is_enabled else None
        return None if code is None else CompileResult._rebuild(target_context, *pickle.loads(code))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps a compiled function, unless it holds addresses."""
        if self._is_enabled and not data.library.has_dynamic_globals:
            write_code(self._key, self._file(sig, data.codegen), dumps(data._reduce()))

    def enable(self) -> None:
        """Files are read and written from here on."""
        self._is_enabled = True

    def disable(self) -> None:
        """Files are left alone from here on."""
        self._is_enabled = False

    def flush(self) -> None:
        """Nothing: files are thrown away by `code_files.clear_programs`."""

    def _file(self, sig: Any, codegen: Any) -> str:
        hangs_on = f"{sig} {codegen.magic_tuple()}"
        return f"{self._name}-{hashlib.sha256(hangs_on.encode()).hexdigest()[:16]}.code"


class PartFiles(CodeFiles):
    """The same of parts."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The function of a signature; None where there is none."""
        return super().load_overload(sig, parts.PartContext(target_context))


def module_of(source: str, name: str, filename: str, tree: Any = None) -> ModuleType:
    """A text as a module, whose lines tracebacks find. ``tree``: what is run in its place."""
    module = ModuleType(name)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    sys.modules[name] = module
    exec(compile(source if tree is None else tree, filename, "exec"), module.__dict__)
    return module


class _WithoutCollector(event.Listener):  # type: ignore[misc]
    """While numba compiles a function of a program the garbage collector rests: it would walk through all of torch again and again, for a
    third of the time."""

    def __init__(self) -> None:
        self._depth = 0
        self._was_enabled = True

    def on_start(self, event: Any) -> None:
        if _is_ours(event):
            if self._depth == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._depth += 1

    def on_end(self, event: Any) -> None:
        if _is_ours(event):
            self._depth -= 1
            if self._depth == 0 and self._was_enabled:
                gc.enable()


def _is_ours(event: Any) -> bool:
    return str(event.data["dispatcher"].py_func.__module__).startswith("pgmlang")


event.register("numba:compile", _WithoutCollector())
