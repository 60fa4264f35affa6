"""The `next:` line that every fit ends with runs, whatever was fitted and by which method."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from pgmlang.cli.main import run
from pgmlang.plan.registry import METHODS
from tests.cli.small_models import written

KINDS = {
    "ml": ("tables", "chain of fields"),
    "exact": ("given tables", "given field"),
    "em": (
        "latent class",
        "latent class with priors",
        "quoted names",
        "mixture",
        "hidden chain",
        "latents outside",
    ),
    "map": ("params", "regression", "mixture", "network"),
    "hmc": ("regression", "mixture", "groups"),
    "gibbs": ("regression", "mixture", "hidden chain", "hidden field"),
    "nuts": ("regression",),
    "langevin": ("regression",),
    "mh": ("regression",),
    "tempering": ("regression",),
    "elbo": ("regression", "network with a guide"),
    "meanfield": ("regression", "mixture", "hidden chain"),
    "layerwise": ("belief net",),
    "pcd": ("machine", "label fields"),
    "cd": ("machine",),
    "pseudo": ("machine seen", "label fields"),
    "score": ("real fields",),
    "ais": ("given field",),
    "gibbs(z) * hmc": ("mixture",),
}


def test_every_method_is_tried() -> None:
    assert set(METHODS) <= set(KINDS)


@pytest.mark.parametrize(("method", "kind"), [(m, k) for m, kinds in KINDS.items() for k in kinds])
def test_the_next_line_runs(method: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model, data, options = written(kind, method)
    told = io.StringIO()
    folder = "a fit's own.fit"
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        status = run(["fit", model, data, "--method", method, "--seed", "1", "-o", folder, *options])
    assert status == 0, told.getvalue()
    program, *words = shlex.split(re.search(r"next: (.*)", told.getvalue())[1])
    assert program == "pgmc"
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        assert run(words) == 0, told.getvalue()
