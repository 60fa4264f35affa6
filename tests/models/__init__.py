"""One model of each family the language is for, as plain files: every stage is tested on all of them."""

from __future__ import annotations

from pathlib import Path

MODELS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.pgm"))}
