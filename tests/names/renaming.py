"""Models with every name replaced, and the names that the compiler keeps for itself, collected from its code."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.lower import lower
from pgmlang.lower.names import RUNTIME
from pgmlang.model import Model
from pgmlang.plan.registry import METHODS, method_named
from pgmlang.sema import compile_source
from tests.models import MODELS

ROOT = Path(pgmlang.__file__).parent
TOKEN = re.compile(
    r"#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?|[^\W\d]\w*|\s+|.", re.DOTALL
)
NAME = re.compile(r"[^\W\d]\w*")
TOP = 200


def names_of(model: Model) -> tuple[str, ...]:
    """What a user named in a model: variables, plates, dims, networks and labels."""
    guide = model.guide.variables if model.guide else ()
    variables = (*model.variables, *guide)
    labels = [x for d in model.dims for x in d.labels or ()] + [x for v in variables for x in v.type.labels or ()]
    named = [v.name for v in variables] + [a.name for a in (*model.plates, *model.dims, *model.nets)] + labels
    return tuple(dict.fromkeys(n for n in named if NAME.fullmatch(n) and n not in ("true", "false")))


def renamed(text: str, names: Mapping[str, str], nets: frozenset[str] = frozenset()) -> str:
    """The text with names replaced wherever they stand for what the model declares: not the words of the language, nor
    functions, nor arguments by name."""
    tokens = TOKEN.findall(text)
    solid = [i for i, t in enumerate(tokens) if not t.isspace() and not t.startswith("#")]
    out = list(tokens)
    depth = 0
    for k, i in enumerate(solid):
        token = tokens[i]
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token, 0)
        before = tokens[solid[k - 1]] if k else ""
        after = tokens[solid[k + 1]] if k + 1 < len(solid) else ""
        beyond = tokens[solid[k + 2]] if k + 2 < len(solid) else ""
        if token not in names or before in (".", "model", "def"):
            continue
        is_argument = depth > 0 and after == "=" and beyond != "="
        is_call = after == "(" and before != "plate" and token not in nets
        if not is_argument and not is_call:
            out[i] = names[token]
    return "".join(out)


@cache
def internal_names() -> tuple[str, ...]:
    """Names in the compiler's code that a user may write too: of the layout, of emitted programs and what they bring, of
    options, of fields of its records, and keys as they once were built from names."""
    found: set[str] = set(dir(builtins))
    for model in MODELS.values():
        try:
            program = lower(compile_source(model))
        except PgmError:
            continue
        found |= set(_identifiers(program.source))
    for name in RUNTIME:
        found |= set(_identifiers((ROOT / "lower" / "runtime" / f"{name}.py").read_text(encoding="utf-8")))
    for path in (*ROOT.glob("density/*.py"), *ROOT.glob("binding/*.py"), *ROOT.glob("layout/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
        found |= {w for w in words if len(w) < 30}
    for name in METHODS:
        options = method_named(name).options
        found |= {f.name for f in dataclasses.fields(options)}
    found |= set(inspect.signature(pgmlang.CompiledModel.fit).parameters)
    found |= {
        "seen",
        "at",
        "start",
        "guide",
        "q",
        "loc",
        "net",
        "free",
        "table",
        "counts",
        "sizes",
        "prev",
        "factor_1",
    }
    return tuple(sorted(n for n in found if NAME.fullmatch(n) and _is_free(n)))


def _identifiers(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.alias):
            yield node.name
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _is_free(name: str) -> bool:
    """Whether the language lets a user call a variable, plate, dim, label and network so."""
    text = (
        f"dim {name} = {{p, q9}}\nb[{name}] ~ Normal(0, 1)\nplate row {{ y ~ Normal(sum(b), 1) }}",
        f"{name} ~ Normal(0, 1)\nplate row {{ y ~ Normal({name}, 1) }}",
        f"b ~ Normal(0, 1)\nplate {name} {{ y ~ Normal(b, 1) }}",
        f"plate row {{ y : {{{name}, q9}} ~ Table() }}",
        f"dim p9\ndim q9\nnet {name} : p9 -> q9 = mlp(4)\n"
        f"plate row {{ input x9[p9] ; y9[q9] ~ Normal({name}(x9), 1) }}",
    )
    try:
        for one in text:
            compile_source(one)
    except PgmError:
        return False
    return True


def keys_of(model: Model) -> tuple[str, ...]:
    """Names that are made of a model's own plates, as keys of index arrays once were."""
    plates = [p.name for p in model.plates]
    pairs = [f"{a}_of_{b}" for a in plates for b in plates]
    return tuple(pairs + [f"position_in_{p}" for p in plates] + [f"previous_1_in_{p}" for p in plates])
