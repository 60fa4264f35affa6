"""How numba is run over functions that are loops over scalars: its passes that look for closures, ``with``, array expressions and the like find none
in them, and LLVM goes over a program once, when all that it calls has been linked in. numba's own way takes a third more time and gives no faster code."""

from __future__ import annotations

from typing import Any, ClassVar

import llvmlite.binding as llvm
from numba.core import codegen, types
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import LoweringPass, PassManager, register_pass
from numba.core.typed_passes import (
    AnnotateTypes,
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import (
    DeadBranchPrune,
    FixupArgs,
    GenericRewrites,
    InlineInlinables,
    IRProcessing,
    ReconstructSSA,
    RewriteSemanticConstants,
    TranslateByteCode,
)


class ProgramLibrary(codegen.JITCodeLibrary):  # type: ignore[misc]
    """The code of a program. Functions are left as numba gives them until they are inlined: what is done to each before that is done again."""

    are_loops_widened = True
    """Whether several rounds of a loop are worked out at once."""

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        tuning = llvm.create_pipeline_tuning_options(speed_level=3)
        tuning.loop_vectorization = tuning.loop_interleaving = tuning.loop_unrolling = self.are_loops_widened
        tuning.slp_vectorization = False
        passes = llvm.create_pass_builder(self._codegen._tm, tuning)
        manager = passes.getModulePassManager()
        manager.add_refprune_pass()
        manager.run(self._final_module, passes)


class NarrowLibrary(ProgramLibrary):
    """The code of a program whose loops are left as they are."""

    are_loops_widened = False


class RememberedCalls:
    """A typing context of numba's that remembers what functions of its own and intrinsics give for which types: numba asks all forms of an operator
    each time. Functions that are compiled are asked each time."""

    known: ClassVar[dict[Any, Any]] = {}

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """The signature of a call; None where there is none."""
        if not isinstance(function, types.Function) or keywords:
            return self._context.resolve_function_type(function, arguments, keywords)
        key = function, arguments
        if key not in self.known:
            signature = self._context.resolve_function_type(function, arguments, keywords)
            if signature is None:
                return None
            self.known[key] = signature
        return self.known[key]


@register_pass(mutates_CFG=True, analysis_only=False)
class ScalarTypes(NopythonTypeInference):  # type: ignore[misc]
    """numba's inference of types, with `RememberedCalls`."""

    _name = "scalar_types"

    def run_pass(self, state: Any) -> bool:
        """Infers them."""
        context = state.typingctx
        state.typingctx = RememberedCalls(context)
        try:
            return super().run_pass(state)  # type: ignore[no-any-return]
        finally:
            state.typingctx = context


@register_pass(mutates_CFG=False, analysis_only=False)
class WithLibrary(LoweringPass):  # type: ignore[misc]
    """The function's code goes into a library of its compiler's."""

    _name = "with_library"

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Makes it."""
        state.library = state.pipeline.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return True


PASSES = (
    TranslateByteCode, FixupArgs, IRProcessing, RewriteSemanticConstants, DeadBranchPrune, GenericRewrites, InlineInlinables, ReconstructSSA,
    ScalarTypes, PreLowerStripPhis, IRLegalization, AnnotateTypes, WithLibrary, NativeLowering, NoPythonBackend,
)  # fmt: skip


class ProgramCompiler(CompilerBase):  # type: ignore[misc]
    """numba's compiler with PASSES alone."""

    library: type[codegen.JITCodeLibrary] = ProgramLibrary

    def define_pipelines(self) -> Any:
        """Its passes."""
        passes = PassManager("loops over scalars")
        for one in PASSES:
            passes.add_pass(one, one._name)
        passes.finalize()
        return [passes]


class NarrowCompiler(ProgramCompiler):
    """The same of programs over lanes, whose numbers are as wide as instructions are, and of hidden chains."""

    library = NarrowLibrary
