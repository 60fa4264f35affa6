"""A program's text as a module of compiled functions."""

from __future__ import annotations

import ast
import sys
from types import ModuleType

from pgmlang.native.code_files import TEXT, programs_folder, write_text
from pgmlang.native.expanded import with_calls_written_out


def load_program(source: str) -> ModuleType:
    """A program as a module: its functions are compiled when they are first called, unless their code is on disk."""
    from pgmlang.native.compiled import key_of_text, module_of

    key = key_of_text(source)
    name = f"pgmlang_native_{key}"
    if name in sys.modules:
        return sys.modules[name]
    write_text(key, source)
    tree = with_calls_written_out(ast.parse(source))
    try:
        place = str(programs_folder() / key / TEXT)
    except RuntimeError:  # no home
        place = f"<native program {key}>"
    return module_of(source, name, place, tree)
