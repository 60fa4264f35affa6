"""Functions that only compiled ones call: no code of their own, the same numbers, kept and linked again."""

from __future__ import annotations

import math

import pytest
from numba import njit, types
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target

from pgmlang.native.parts import PartContext, PartLibrary, part


@njit
def _plain(x):  # type: ignore[no-untyped-def]
    return 1.0 / (1.0 + math.exp(-x))


def _hill(x):  # type: ignore[no-untyped-def]
    return 1.0 / (1.0 + math.exp(-x))


hill = part(_hill, error_model="numpy", nogil=True, fastmath=False)


@njit
def _twice(x):  # type: ignore[no-untyped-def]
    return hill(x) + hill(-x)


def test_a_part_within_a_caller_and_by_itself() -> None:
    assert _twice(0.3) == pytest.approx(1.0, abs=1e-15)
    assert hill(0.3) == _plain(0.3)
    (compiled,) = hill.overloads.values()
    assert isinstance(compiled.library, PartLibrary)
    assert compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cpython_wrapper_name) == 0


def test_what_is_kept_is_a_part_again() -> None:
    _twice(0.3)
    compiled = hill.overloads[(types.float64,)]
    again = CompileResult._rebuild(PartContext(cpu_target.target_context), *compiled._reduce())
    assert isinstance(again.library, PartLibrary)
    defined = {f.name for f in again.library._get_module_for_linking().functions if not f.is_declaration}
    assert compiled.fndesc.llvm_func_name in defined


def test_numbers_that_callers_know_take_no_function_of_their_own() -> None:
    again = part(_hill, error_model="numpy", nogil=True, fastmath=False)

    @njit
    def caller(n):  # type: ignore[no-untyped-def]
        return again(3) + again(n)

    assert caller(3) == 2 * _plain(3)
    assert set(again.overloads) == {(types.int64,)}
