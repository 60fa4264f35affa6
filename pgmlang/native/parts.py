"""Compiled functions that only others call: brought as far as they are linked into these, no machine code of their own, which nobody would run and
which took a quarter of the time of a program with many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import llvmlite.binding as llvm
from numba import njit, types
from numba.core.codegen import JITCodeLibrary
from numba.core.dispatcher import Dispatcher

from pgmlang.native.passes import ProgramCompiler


class PartLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The code of a function for the linker alone, as bitcode where it is kept."""

    @property
    def codegen(self) -> Any:
        """As numba's, without places in memory for what a function of its own needs."""
        return _WithoutPlaces(self._codegen)

    def finalize(self) -> None:
        """Links what the function calls."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """None."""
        self._ensure_finalized()
        return 0

    def serialize_using_object_code(self) -> Any:
        """Its bitcode: there is no object code."""
        return self.serialize_using_bitcode()

    @classmethod
    def _unserialize(cls, codegen: Any, state: Any) -> PartLibrary:
        name, _, bitcode = state
        self = cls(codegen, name)
        self._final_module = llvm.parse_bitcode(bitcode)
        self._finalize_dynamic_globals()
        self._finalized = True
        return self


class _WithoutPlaces:
    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, env: Any) -> None:
        """Nothing: a part has no address."""

    def unserialize_library(self, state: Any) -> PartLibrary:
        """A library that was kept."""
        return PartLibrary._unserialize(self._codegen, state)


class PartContext:
    """A target in which what was kept of a part is a part again."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def codegen(self) -> Any:
        """What gives libraries back."""
        return _WithoutPlaces(self._target.codegen())


class PartCompiler(ProgramCompiler):
    """numba's compiler of parts."""

    library = PartLibrary


class PartDispatcher(Dispatcher):  # type: ignore[misc]
    """A function for compiled callers; called from Python, it is compiled once more, by itself."""

    def __call__(self, *arguments: Any) -> Any:
        return self.alone(*arguments)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """One function for a number, whether callers know it or not."""
        return super().get_call_template(tuple(map(types.unliteral, args)), kws)

    @cached_property
    def alone(self) -> Callable[..., Any]:
        """The function with machine code."""
        options = {k: v for k, v in self.targetoptions.items() if k in ("error_model", "nogil", "fastmath")}
        return _jitted(self.py_func, options)


def _jitted(function: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    make: Any = njit
    return make(**options)(function)


def part(function: Callable[..., Any], **options: Any) -> Any:
    """A function that is part of whoever calls it from compiled code."""
    own = {"pipeline_class": PartCompiler, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    dispatcher = _jitted(function, {**options, **own})
    dispatcher.__class__ = PartDispatcher
    return dispatcher
