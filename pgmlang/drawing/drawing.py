"""A drawing that notebooks show and files take."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.drawing.dot import to_dot
from pgmlang.drawing.png import to_png
from pgmlang.drawing.scene import Scene
from pgmlang.drawing.svg import to_svg
from pgmlang.whole_files import whole_file

FORMATS = ("svg", "png", "dot")
"""Of pictures of graphs, by the ending of a file's name."""


@dataclass(frozen=True)
class Drawing:
    """A scene to be shown or written. ``notes``: what it could not show, and why."""

    scene: Scene
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        counts = f"{len(self.scene.nodes)} nodes, {len(self.scene.edges)} edges"
        return f'Drawing({self.scene.title}: {counts}; shown in a notebook, written by `save("graph.svg")`)'

    def svg(self) -> str:
        """The picture as SVG, without script: for pages that hold others."""
        return to_svg(self.scene)

    def dot(self) -> str:
        """The graph as Graphviz text."""
        return to_dot(self.scene)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the picture; the ending says the format: ``.svg`` (in a browser it zooms, pans and shows a node's neighbours),
        ``.png``, ``.dot``. Raises PgmError PGM0612 for another
        ending, PGM0909 for a PNG without matplotlib, PGM0901 where it cannot be written: then an older file stands as it was."""
        ending = Path(path).suffix.lower()
        if ending not in (".png", ".svg", ".dot"):
            message = f"`{ending or Path(path).name}` is no format of drawings"
            raise PgmError(Diagnostic("PGM0612", message, help="end the name in `.svg`, `.png` or `.dot`"))
        try:
            with whole_file(path) as whole:
                if ending == ".png":
                    to_png(self.scene, whole)
                else:
                    text = to_svg(self.scene, interactive=True) if ending == ".svg" else self.dot()
                    whole.write_text(text, encoding="utf-8")
        except OSError as error:
            message = f"cannot write `{path}`: {(error.strerror or str(error)).lower()}"
            cure = "check the folder and the space left"
            raise PgmError(Diagnostic("PGM0901", message, help=cure)) from None

    def _repr_svg_(self) -> str:
        return self.svg()
