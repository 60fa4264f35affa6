"""How numba is run over functions that are loops over scalars: its passes that look for closures, ``with``, array expressions and the like find none
in them, and LLVM goes over a program once, when all that it calls has been linked in. numba's own way takes a third more time and gives no faster code."""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from numba.core import codegen
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


class LaneLibrary(ProgramLibrary):
    """The code of a program over lanes, whose numbers are as wide as instructions are."""

    are_loops_widened = False


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
    NopythonTypeInference, PreLowerStripPhis, IRLegalization, AnnotateTypes, WithLibrary, NativeLowering, NoPythonBackend,
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


class LaneCompiler(ProgramCompiler):
    """The same of programs over lanes."""

    library = LaneLibrary
