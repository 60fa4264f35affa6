"""A document as what can be run in it: commands with the output that it shows, Python, and the figures of its prose.

Commands stand in `console` fences (after `$`) or indented blocks; the lines after one, up to the next, are its output, `...`
for lines left out. `console within 5%` states how far figures that are drawn may lie from those shown; others differ by no
more than their last digit. In Python a comment after an expression is its value. A listing with a file's name (the caption of
a `code-block`, or a first line `# name.pgm`) is that file: a model of an example, or one that the page has the reader write.
Cells of a notebook page (`code-cell`) are run by the build of the site. `<!-- slow -->` marks a page for the slow tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("pgmc", "python", "make", "pip")
_COMMAND = re.compile(rf"(?:\$ )?((?:{'|'.join(PROGRAMS)}) .*)")
_FENCE = re.compile(r"(`{3,}|:{3,})\s*(?:\{([\w-]+)\}\s*)?(.*)$")
_CAPTION = re.compile(r":caption:\s*(\S+\.\w+)\s*$")
_FILE = re.compile(r"# ([\w/]+\.pgm)\b.*")
_NUMBER = re.compile(r"(?<![\w.])(?<!\w\[)[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\d)")


@dataclass
class Step:
    """A command, a block of Python or a file (its name, then its text): ``shown``, lines of output; ``within``: the share
    by which figures may differ."""

    line: int
    language: str
    text: str
    within: float = 0.0
    shown: list[str] = field(default_factory=list)


@dataclass
class Document:
    """``steps``: in order; ``prose``: the lines outside of code, by their number; ``listings``: files shown, by name."""

    path: Path
    steps: list[Step] = field(default_factory=list)
    prose: dict[int, str] = field(default_factory=dict)
    listings: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_slow(self) -> bool:
        return "<!-- slow -->" in self.prose.values()

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def folder(self) -> Path | None:
        """The example that the document tells of, whose files its commands name."""
        return self.path.parent if self.path.parent.parent == ROOT / "examples" else None


def read_document(path: Path) -> Document:
    document, fence, block = Document(path), None, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if fence is not None and line.strip() == fence.mark:
            add_fence(document, fence, block, number)
            fence = None
        elif fence is not None:
            block.append(line)
        elif (opened := _FENCE.match(line)) and opened[1][0] == "`":
            fence, block = Fence(opened[1], opened[2] or "", opened[3]), []
        elif opened:
            continue  # a directive of text: what stands in it is read as the page's own
        elif line.startswith("    ") and (command := _COMMAND.match(line[4:])):
            document.steps.append(Step(number, "console", command[1]))
        elif not line.startswith("    "):
            document.prose[number] = line
    assert fence is None, f"{path} has a fence without an end"
    return document


@dataclass
class Fence:
    """A fence by its first line: the backticks, the directive in braces and what follows."""

    mark: str
    directive: str
    info: str

    @property
    def language(self) -> str:
        return (self.info.split() or [""])[0]

    @property
    def within(self) -> float:
        share = re.search(r"within (\d+)\s*%", self.info)
        return float(share[1]) / 100 if share else 0.0


def add_fence(document: Document, fence: Fence, block: list[str], end: int) -> None:
    """Adds what a fence says to do: commands, Python, or a file to be written, named by its caption or first comment."""
    begin = end - len(block)
    if fence.directive not in ("", "code-block"):
        return
    caption = next((m[1] for line in block if (m := _CAPTION.match(line))), "")
    code = list(dropwhile(lambda line: re.match(r":[\w-]+:|\s*$", line), block)) if fence.directive else block
    text = "\n".join(code)
    if fence.language == "python" and not caption:
        document.steps.append(Step(begin, "python", text, fence.within))
    elif fence.language == "console":
        for number, line in enumerate(code, end - len(code)):
            if line.startswith("$ "):
                document.steps.append(Step(number, "console", line[2:], fence.within))
            elif document.steps[-1].text.endswith("\\"):
                document.steps[-1].text = document.steps[-1].text[:-1] + line.lstrip("> ")
            else:
                document.steps[-1].shown.append(line)
    elif caption or (fence.language in ("", "pgm") and (caption := (_FILE.match(text) or ["", ""])[1])):
        document.listings.append((caption, text))
        document.steps.append(Step(begin, "file", f"{caption}\n{text}"))


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
