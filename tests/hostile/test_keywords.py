"""Arguments that a public function does not have, lacks or has twice are answered in words with a cure."""

from __future__ import annotations

import inspect

import pytest

import pgmlang
from pgmlang import api
from pgmlang.binding.bind import bind
from pgmlang.binding.read import bind_data
from pgmlang.data import READING
from pgmlang.diagnostics import PgmError
from pgmlang.signatures import arguments
from pgmlang.signatures.arguments import BINDING
from pgmlang.signatures.options import OPTIONS

MODEL = pgmlang.compile("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }")
DATA = {"y": [0.5, 1.5]}
FIT = MODEL.fit(DATA, method="map")
GIVEN = pgmlang.compile("plate row { a : {no, yes} ~ Table() { 0.5, 0.5 } }")
INSIDE = {"known", "kept", "weighed_by", "mapped_by", "is_block", "is_fresh", "is_predicted", "open_sets"}
"""Arguments of `bind` that other stages give."""


def public():
    for one in (pgmlang.load, pgmlang.compare_fits, pgmlang.rank_fits):
        yield one.__name__, one
    for one in (MODEL, FIT, GIVEN.given()):
        for name in dir(type(one)):
            if not name.startswith("_") and inspect.isfunction(getattr(type(one), name)):
                yield f"{type(one).__name__}.{name}", getattr(one, name)


def refusal(function, *args, **kwargs):
    with pytest.raises(PgmError) as error:
        function(*args, **kwargs)
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.code == "PGM0612"
    return diagnostic


@pytest.mark.parametrize(("name", "function"), list(public()), ids=lambda v: v if isinstance(v, str) else "")
def test_unknown_keywords(name, function):
    needed = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    given = {p.name: DATA if p.name == "data" else 1 for p in needed}
    diagnostic = refusal(function, **given, zzz=1)
    assert diagnostic.message == f"`{function.__name__}` has no argument `zzz`"
    assert "it takes" in diagnostic.help
    for one in needed:
        lacking = refusal(function, **{k: v for k, v in given.items() if k != one.name})
        assert lacking.message == f"`{function.__name__}` needs `{one.name}`"
    near = next((n for n in inspect.signature(function).parameters if len(n) > 3), None)
    if near is not None and near not in ("binding", "fits", "names"):
        misspelt = refusal(function, **{k: v for k, v in given.items() if k != near}, **{near[:-1] + "xx": 1})
        assert f"`{near}`" in misspelt.help


@pytest.mark.parametrize(
    ("call", "message", "help"),
    [
        (lambda: MODEL.fit(DATA, max_iterations=3), "`fit` has no argument `max_iterations`",
         'it is an option of methods: `options={"max_iterations": 3}`'),
        (lambda: MODEL.plan(DATA, chains=3), "`plan` has no argument `chains`", 'it is an option of methods: `options={"chains": 3}`'),
        (lambda: MODEL.fit_stream("x.csv", epochs=3), "`fit_stream` has no argument `epochs`",
         'it is an option of methods: `options={"epochs": 3}`'),
        (lambda: MODEL.fit(DATA, sed=1), "`fit` has no argument `sed`", "did you mean `seed`"),
        (lambda: MODEL.fit(DATA, count="n"), "`fit` has no argument `count`", "did you mean `counts`"),
        (lambda: FIT.predict(DATA, target=["y"]), "`predict` has no argument `target`", "did you mean `targets`"),
        (lambda: MODEL.fit(DATA, "map"), "`fit` takes 1 argument by position, not 2", "give the others by name"),
        (lambda: FIT.query("E(m)", text="E(m)"), "`text` is given twice", "by position or by name"),
    ],
)  # fmt: skip
def test_words(call, message, help):
    diagnostic = refusal(call)
    assert diagnostic.message == message
    assert diagnostic.help.startswith(help)


def test_an_option_works_as_its_cure_says():
    assert MODEL.fit(DATA, method="map", options={"max_iterations": 3}).record.options["max_iterations"] == 3


def test_the_keywords_of_bindings_are_those_of_bind():
    taken = {
        p.name
        for f in (bind, bind_data)
        for p in inspect.signature(f).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }
    assert set(arguments.READING) == set(READING)
    assert set(BINDING) == (taken | set(READING)) - INSIDE


def test_binding_is_what_gathers_keywords():
    """A function of api that gathers keywords under another name would take any."""
    for name, function in public():
        gathered = [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.VAR_KEYWORD]
        assert gathered in ([], ["binding"], ["reading"]), name
    assert api.compile.__name__ == "compile"


@pytest.mark.parametrize(("name", "function"), list(public()), ids=lambda v: v if isinstance(v, str) else "")
def test_each_keyword_misspelt_is_meant(name, function):
    """A letter left out, and two exchanged, of each argument; what joins data included."""
    parameters = inspect.signature(function).parameters
    gathered = [
        n for p in parameters.values() if p.kind is p.VAR_KEYWORD for n in arguments.GATHERED.get(p.name, ())
    ]
    named = [n for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for one in [*named, *gathered]:
        for misspelt in {one[:-2] + one[-1], one[:1] + one[2:3] + one[1:2] + one[3:]}:
            if len(one) > 4 and misspelt not in (*named, *gathered, *OPTIONS):
                assert f"`{one}`" in refusal(function, **{misspelt: 1}).help, (name, misspelt)


def test_options_of_methods_are_pointed_to():
    assert refusal(MODEL.fit, DATA, chains=4).help == 'it is an option of methods: `options={"chains": 4}`'
    assert refusal(MODEL.fit, DATA, chain=4).help == 'did you mean the option `options={"chains": 4}`?'
    assert refusal(MODEL.plan, DATA, num_samples=4).help == 'did you mean the option `options={"draws": 4}`?'
    assert "`chains`" in refusal(MODEL.fit, DATA, method="hmc", options={"chain": 4}).help
    assert "it belongs to `em`" in refusal(MODEL.fit, DATA, method="hmc", options={"restarts": 4}).help


def test_what_others_call_an_argument():
    known = {n for _, f in public() for n in inspect.signature(f).parameters} | set(BINDING) | set(OPTIONS)
    for other, ours in arguments.OTHER_NAMES.items():
        assert ours in known, other
        assert other not in known, other
    assert refusal(MODEL.fit, DATA, random_state=1).help == "did you mean `seed`?"


def test_names_by_position_are_not_called_no_arguments():
    assert refusal(FIT.summary, nmes="m").help == "it takes names without a keyword"
    assert refusal(FIT.diagnose, x=1).help == "it takes no arguments"
