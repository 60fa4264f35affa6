"""Arguments that a family does not take: what is meant by them, and the call as it is written here."""

from __future__ import annotations

from collections.abc import Sequence

from pgmlang.diagnostics import Diagnostic
from pgmlang.diagnostics.suggest import near_names
from pgmlang.families import ARGUMENT_CONVERSIONS, ARGUMENT_SPELLINGS, Family, Parameter
from pgmlang.syntax import ast


def argument_problem(family: Family, positional: Sequence[ast.Expr], node: ast.Call) -> Diagnostic:
    """PGM0306 for a name that is no argument of a family, with the call as it is meant where all such names have a meaning;
    PGM0305 for arguments that are too many or too few."""
    known = [p.name for v in family.parameter_lists for p in v]
    wrong = [k for k in node.keywords if k.name not in known]
    lists = _lists_with(family, {k.name for k in node.keywords if k.name in known})
    shape = " or ".join(f"{family.name}({', '.join([*family.takes, *(p.name for p in v)])})" for v in lists)
    if not wrong:
        count = len(positional) + len(node.keywords)
        wanted = " or ".join(dict.fromkeys(str(len(v)) for v in lists))
        message = f"`{family.name}` takes {wanted} argument{'s' if wanted != '1' else ''}, {count} given"
        return Diagnostic("PGM0305", message, node.span, help=f"write {shape}")
    meant = _meant(family, len(positional), node)
    renamed = meant.get(wrong[0].name)
    if len(wrong) == 1 and renamed is not None and renamed[1] == "{}":
        cure = f"did you mean `{renamed[0]}`?"
    elif all(k.name in meant for k in wrong):
        cure = f"write `{_call(family, node, meant)}`"
    else:
        cure = f"it takes {shape}"
    others = "".join(f", nor `{k.name}`" for k in wrong[1:])
    message = f"`{family.name}` has no argument `{wrong[0].name}`{others}"
    return Diagnostic("PGM0306", message, wrong[0].span, help=cure)


def _lists_with(family: Family, names: set[str]) -> Sequence[tuple[Parameter, ...]]:
    """The argument lists that a call may mean: those of the record, and others where names of theirs are given."""
    having = [v for v in family.parameter_lists if names and names <= {p.name for p in v}]
    return having or (family.parameter_lists if names else family.variants)


def _meant(family: Family, num_positional: int, node: ast.Call) -> dict[str, tuple[str, str]]:
    """Each wrong name that has a meaning: the argument that it means, and that as a formula of the value (``1 / {}``). The
    arguments are those of one variant, and none twice."""
    best: dict[str, tuple[str, str]] = {}
    given = [k.name for k in node.keywords]
    for variant in family.parameter_lists:
        names = [p.name for p in variant]
        free = [n for n in names[num_positional:] if n not in given]
        meant: dict[str, tuple[str, str]] = {}
        for word in (g for g in given if g not in names):
            one = _meaning(word, free)
            if one is not None:
                meant[word] = one
                free.remove(one[0])
        if len(meant) > len(best):
            best = meant
    return best


def _meaning(word: str, free: Sequence[str]) -> tuple[str, str] | None:
    """What a name means among arguments that are still free."""
    for argument, formula in ARGUMENT_CONVERSIONS.get(word, {}).items():
        if argument in free:
            return argument, formula
    spelled = ARGUMENT_SPELLINGS.get(word, word)
    alike = [spelled, *(other for other, here in ARGUMENT_SPELLINGS.items() if here == spelled)]
    named = next((a for a in alike if a in free), None) or next(iter(near_names(word, free)), None)
    return None if named is None else (named, "{}")


def _call(family: Family, node: ast.Call, meant: dict[str, tuple[str, str]]) -> str:
    written = [_text(a) for a in node.arguments]
    for keyword in node.keywords:
        name, formula = meant.get(keyword.name, (keyword.name, "{}"))
        value = _text(keyword.value)
        is_plain = isinstance(keyword.value, ast.Number | ast.Name | ast.Call) or formula == "{}"
        written.append(f"{name} = {formula.format(value if is_plain else f'({value})')}")
    return f"{family.name}({', '.join(written)})"


def _text(node: ast.Expr) -> str:
    return node.span.text
