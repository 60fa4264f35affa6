"""No name that a user writes meets one of the compiler's: every example, renamed, has the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

import pytest
import torch

from pgmlang.diagnostics import PgmError
from pgmlang.lower import lower
from pgmlang.model import Model
from pgmlang.sema import compile_source
from tests.models import MODELS
from tests.names.renaming import TOKEN, internal_names, keys_of, names_of, renamed

EXAMPLES = Path(__file__).parents[2] / "examples"
STORIES = {f"{p.parent.name}/{p.stem}": p.read_text(encoding="utf-8") for p in sorted(EXAMPLES.glob("*/*.pgm"))}
TEXTS = {**STORIES, **MODELS}
ROUNDS = 4
EVERYDAY = 2


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Everything in float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@cache
def replacements() -> dict[tuple[str, int], dict[str, str]]:
    """New names for each model and round: those made of its own plates, then the compiler's, one after the other, until
    each has been used."""
    out = {}
    pool = list(internal_names())
    for round_, (name, text) in product(range(ROUNDS), TEXTS.items()):
        model, written = compile_source(text), set(TOKEN.findall(text))
        names = names_of(model)
        chosen = dict.fromkeys(keys_of(model)[: len(names) // 2] if round_ == 0 else ())
        chosen.update(dict.fromkeys([w for w in pool if w not in {*written, *chosen}][: len(names) - len(chosen)]))
        # what was used stands behind
        pool.sort(key=lambda w: w in chosen)
        out[name, round_] = dict(zip(reversed(names), chosen, strict=True))
    return out


def respelled(name: str, round_: int) -> str:
    """A model's text with all its names replaced."""
    nets = frozenset(n.name for n in compile_source(TEXTS[name]).nets)
    return renamed(TEXTS[name], replacements()[name, round_], nets)


def numbers(model: Model) -> tuple[list[str], list[float], list[float]]:
    """Shapes of the example's values, its log-joint and the sum of each factor: names apart."""
    program = lower(model)
    module = program.load()
    torch.manual_seed(7)
    data, layout, params, nets, values = module.example()
    terms = module.factors(values, data, layout, params, nets)
    total = module.log_joint(values, data, layout, params, nets)
    shapes = [str(tuple(v.shape)) for v in values.values()]
    return shapes, [float(total.detach())], [float(t.detach().sum()) for t in terms.values()]


def refusal(model: Model) -> list[str]:
    """The codes with which the lowering refuses a model."""
    try:
        lower(model)
    except PgmError as error:
        return [d.code for d in error.diagnostics]
    return []


@pytest.mark.parametrize(
    "round_", [r if r < EVERYDAY else pytest.param(r, marks=pytest.mark.slow) for r in range(ROUNDS)]
)
@pytest.mark.parametrize("name", TEXTS)
def test_renamed_model_has_the_same_numbers(name: str, round_: int) -> None:
    model = compile_source(TEXTS[name])
    text = respelled(name, round_)
    assert text != TEXTS[name]
    if refused := refusal(model):
        # what no program says under one name it says under none
        assert refusal(compile_source(text)) == refused
        return
    expected, found = numbers(model), numbers(compile_source(text))
    assert found[0] == expected[0]
    for mine, theirs in zip(found[1:], expected[1:], strict=True):
        assert mine == pytest.approx(theirs, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", MODELS)
def test_renamed_pyro_model_has_the_density_of_log_joint(name: str) -> None:
    import pyro

    try:
        program = lower(compile_source(respelled(name, 0)))
    except PgmError:
        pytest.skip("no program says it")
    if "model" in program.left_out:
        pytest.skip("Pyro does not say it")
    module = program.load()
    torch.manual_seed(7)
    data, layout, params, nets, values = module.example()
    pyro.clear_param_store()
    trace = pyro.poutine.trace(module.model).get_trace({**data, **values}, layout, params, nets)
    log_z = float(trace.log_prob_sum(lambda site, _: site.startswith("log Z of ")))
    total = float(module.log_joint(values, data, layout, params, nets).detach())
    assert float(trace.log_prob_sum()) - log_z == pytest.approx(total, rel=1e-10)


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_left_out_does_not_hang_on_names(name: str) -> None:
    model = compile_source(TEXTS[name])
    try:
        expected = lower(model).left_out
    except PgmError:
        pytest.skip("no program says it")
    assert lower(compile_source(respelled(name, 1))).left_out.keys() == expected.keys()


def test_the_renaming_reaches_every_name() -> None:
    used: set[str] = set()
    for name, text in TEXTS.items():
        before = names_of(compile_source(text))
        for round_ in range(ROUNDS):
            after = names_of(compile_source(respelled(name, round_)))
            assert len(after) == len(before)
            used |= set(after)
    assert set(internal_names()) <= used
