"""Pages of `pgmc help TOPIC` are made of what the compiler itself reads."""

from __future__ import annotations

import click
import pytest

from pgmlang.cli.main import run
from pgmlang.cli.options import binding_options


def test_the_page_of_data_has_every_option_of_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "data"]) == 0
    said = capsys.readouterr().out
    options = [o for p in click.command()(binding_options(lambda **given: None)).params for o in p.opts]
    assert len(options) > 12
    assert [o for o in options if o not in said.split()] == []
