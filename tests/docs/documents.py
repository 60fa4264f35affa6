"""A document as what can be run in it: commands with the output that it shows, Python, and the figures of its prose.

Commands stand in `console` fences (after `$`) or indented blocks; the lines after one, up to the next, are its output, `...`
for lines left out. `console within 5%` states how far figures that are drawn may lie from those shown; others differ by no
more than their last digit. In Python a comment after an expression is its value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("pgmc", "python", "make", "pip")
_COMMAND = re.compile(rf"(?:\$ )?((?:{'|'.join(PROGRAMS)}) .*)")
_FENCE = re.compile(r"```(\w*)(?: within (\d+)\s*%)?\s*$")
_NUMBER = re.compile(r"(?<![\w.])(?<!\w\[)[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\d)")


@dataclass
class Step:
    """A command, or a block of Python: ``shown``, lines of its output; ``within``: the share by which figures may differ."""

    line: int
    language: str
    text: str
    within: float = 0.0
    shown: list[str] = field(default_factory=list)


@dataclass
class Document:
    """``steps``: in order; ``prose``: the lines outside of code, by their number; ``listings``: fences of other languages."""

    path: Path
    steps: list[Step] = field(default_factory=list)
    prose: dict[int, str] = field(default_factory=dict)
    listings: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def folder(self) -> Path | None:
        """The example that the document tells of, whose files its commands name."""
        return self.path.parent if self.path.parent.parent == ROOT / "examples" else None


def read_document(path: Path) -> Document:
    document, fence, block = Document(path), None, []
    within = 0.0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if fence is None and (opened := _FENCE.match(line)):
            fence, block = opened[1], []
            within = float(opened[2] or 0) / 100
        elif fence is not None and line.startswith("```"):
            if fence == "python":
                document.steps.append(Step(number - len(block), fence, "\n".join(block), within))
            elif fence != "console":
                document.listings.append("\n".join(block))
            fence = None
        elif fence == "console":
            if line.startswith("$ "):
                document.steps.append(Step(number, fence, line[2:], within))
            else:
                document.steps[-1].shown.append(line)
        elif fence is not None:
            block.append(line)
        elif line.startswith("    ") and (command := _COMMAND.match(line[4:])):
            document.steps.append(Step(number, "console", command[1]))
        elif not line.startswith("    "):
            document.prose[number] = line
    assert fence is None, f"{path} has a fence without an end"
    return document


def numbers(text: str) -> list[str]:
    return [n.replace(",", "") for n in _NUMBER.findall(text)]


def unit(number: str) -> float:
    """The last printed digit of a number with a fraction; 0 for whole ones."""
    mantissa, _, exponent = number.partition("e")
    digits = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - digits) if "." in mantissa else 0.0


def agree(shown: str, actual: str, within: float = 0.0) -> bool:
    """Whether a figure is the one shown: up to the last digit shown, or within a share of its size."""
    distance = abs(float(shown) - float(actual))
    return distance <= max(within * abs(float(shown)), 1.01 * unit(shown))


def is_line(shown: str, actual: str, within: float) -> bool:
    """Whether an output line is the one shown: the same words in the same order, the figures agreeing."""
    words, others = (_NUMBER.sub(" # ", line).split() for line in (shown, actual))
    pairs = list(zip(numbers(shown), numbers(actual), strict=False))
    return words == others and all(agree(a, b, within) for a, b in pairs)


def first_missing(shown: list[str], output: str, within: float) -> str | None:
    """The first of the shown lines that an output has not, in their order; nothing may stand between two without ``...``."""
    actual = [line for line in output.splitlines() if line.strip()]
    start, is_open = 0, False
    for line in shown:
        if not line.strip():
            continue
        if line.strip() == "...":
            is_open = True
            continue
        candidates = range(start, len(actual)) if is_open else range(start, min(start + 1, len(actual)))
        position = next((i for i in candidates if is_line(line, actual[i], within)), None)
        if position is None:
            return line
        start, is_open = position + 1, False
    return None
