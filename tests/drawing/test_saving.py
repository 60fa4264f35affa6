"""A picture is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

import pgmlang
from pgmlang.drawing import drawing as module

FIT = pgmlang.compile("plate row {\n  a : {...} ~ Table()\n  b : {...} ~ Table(a)\n}").fit(
    {"a": ["x", "y"], "b": ["u", "v"]}
)


@pytest.mark.parametrize("ending", ["svg", "png", "dot"])
def test_where_it_cannot_be_written(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if ending == "png":
        pytest.importorskip("matplotlib")
    drawing = FIT.graph()
    with pytest.raises(pgmlang.PgmError, match="PGM0901"):
        drawing.save(tmp_path / "none" / f"x.{ending}")
    path = tmp_path / f"x.{ending}"
    drawing.save(path)
    before = path.read_bytes()
    assert before

    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    for name in ("to_svg", "to_dot", "to_png"):
        monkeypatch.setattr(module, name, full)
    with pytest.raises(pgmlang.PgmError, match="PGM0901"):
        drawing.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
