"""Model texts that strangers may send: examples with pieces exchanged, and random models of the whole language.

``python -m tests.hostile.models FIRST COUNT [fit]`` tries the seeds from FIRST on by every verb (and short fits).
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from pgmlang.diagnostics import SourceFile
from pgmlang.families import FAMILIES, LEARNED
from pgmlang.model import Model
from pgmlang.model.model import Variable
from pgmlang.sema import analyse
from pgmlang.signatures.functions import FUNCTIONS, REDUCTIONS
from pgmlang.signatures.kernels import KERNELS
from tests.hostile.running import KNOWN_EXITS, pgmc

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*/*.pgm")) + sorted((ROOT / "tests" / "models").glob("*.pgm"))
TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z_]\w*|\d+(?:\.\d+)?(?:e-?\d+)?|\s+|#[^\n]*|[^\w\s]')
NUMBERS = ("0", "-1", "1", "2", "0.5", "1e-300", "1e300", "1e15", "3000000", "1e5", "inf", "1/3", "64", "7.5")
TYPES = (
    "real",
    "positive",
    "unit",
    "count",
    "bit",
    "spin",
    "ordered",
    "simplex",
    "cov",
    "corr",
    "{a, b}",
    "{...}",
    "g",
    "row",
)
OPERATORS = ("+", "-", "*", "/", "^", "@", "==", "<", "and", "or")
STRANGE_CELLS = ("", "1e300", "-1", "0", "nan", "inf", "zzz", "1e400", "NA")
STAGES = ("syntax", "model", "normal", "layout", "plan", "torch", "pyro")


class Stranger:
    """Texts drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        return self.mutant() if self.random.random() < 0.5 else self.fresh()

    def good(self) -> str:
        """A text that ``check`` calls good: lines with errors are taken out until there are none, or it is given up."""
        text = self.text()
        for _ in range(12):
            errors = [d for d in analyse(SourceFile("m.pgm", text)).diagnostics if d.is_error]
            bad = {d.span.line for d in errors if d.span}
            if not bad:
                break
            text = "\n".join(line for number, line in enumerate(text.split("\n"), 1) if number not in bad)
        return text

    # ---- examples with pieces exchanged

    def mutant(self) -> str:
        text = self.random.choice(EXAMPLES).read_text(encoding="utf-8")
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 6))):
            text = self._changed(text)
        return text

    def _changed(self, text: str) -> str:
        rng = self.random
        lines = text.split("\n")
        row = rng.randrange(len(lines))
        tokens = TOKEN.findall(text)
        words = [t for t in tokens if re.match(r"[A-Za-z_]", t)]
        match rng.randrange(10):
            case 0:
                del lines[row]
                return "\n".join(lines)
            case 1:
                lines.insert(rng.randrange(len(lines)), lines[row])
                return "\n".join(lines)
            case 2 | 3:
                return self._at(
                    tokens, lambda t: t in FAMILIES or t == "Table", rng.choice([*FAMILIES, *LEARNED, "Table"])
                )
            case 4:
                return self._at(tokens, lambda t: t[0].isdigit(), rng.choice(NUMBERS))
            case 5 | 6:
                return self._at(tokens, lambda t: t in words, rng.choice(words))
            case 7:
                return self._at(tokens, lambda t: t in words, rng.choice(TYPES))
            case 8:
                return self._at(
                    tokens, lambda t: t in "+-*/@^,.()[]{}:~=", rng.choice((*OPERATORS, ",", "~", "=", "", ")"))
                )
            case _:
                wrapped = rng.choice(
                    ("({})", "-{}", "exp({})", "log({})", "prev({})", "sum({}, over = row)", "{}[0]", "{} + {}")
                )
                word = rng.choice(words)
                return self._at(tokens, lambda t: t == word, wrapped.replace("{}", word))

    def _at(self, tokens: list[str], wanted: object, new: str) -> str:
        assert callable(wanted)
        places = [i for i, t in enumerate(tokens) if wanted(t)]
        if places:
            tokens[self.random.choice(places)] = new
        return "".join(tokens)

    # ---- random models

    def fresh(self) -> str:
        """A model with a dim, a plate inside another, params, latents and observed variables of any family."""
        rng = self.random
        self.names = {"top": ["2", "0.5"], "group": ["2"], "row": ["1", "0.3"]}
        self.discrete: list[str] = []
        out = ["dim g[3]", f"dim k = {{{', '.join(rng.sample(['a', 'b', 'c', 'no', 'yes'], 3))}}}"]
        if rng.random() < 0.3:
            out.append(f"net f : g -> g = mlp({rng.choice(('4', '3, 2', '1'))})")
        for i in range(rng.randint(1, 4)):
            out.append(self._statement(f"t{i}", "top"))
        if rng.random() < 0.5:
            out.append("plate group {")
            out += ["  " + self._statement(f"u{i}", "group") for i in range(rng.randint(1, 2))]
            out.append("}")
            head = "plate row in group {"
        else:
            head = rng.choice(("plate row {", "plate row = chain {", "plate row[4] {"))
        self.is_chain = "chain" in head
        out.append(head)
        out += ["  " + self._statement(f"y{i}", "row") for i in range(rng.randint(1, 4))]
        out.append("}")
        return "\n".join(out) + "\n"

    def _statement(self, name: str, place: str) -> str:
        rng = self.random
        axes = rng.choice(("", "", "", "[g]", "[k]"))
        kind = rng.randrange(12)
        self.axis = axes.strip("[]")
        if kind < 6:
            declared = f" : {rng.choice(TYPES)}" if rng.random() < 0.2 else ""
            text = f"{name}{axes}{declared} ~ {self._distribution(place, 2)}"
        elif kind < 8:
            parents = rng.sample(self.discrete, min(len(self.discrete), rng.randint(0, 2)))
            options = rng.choice(("", "", "prior = 1", "prior = bdeu(3)", "by = group"))
            inside = ", ".join([*parents, *([options] if options else [])])
            text = f"{name} : {rng.choice(('{a, b}', '{...}', 'bit', 'k', 'g'))} ~ Table({inside})"
            self.discrete.append(name)
        elif kind < 9:
            text = f"param {name}{axes} : {rng.choice(('real', 'positive', 'unit', 'simplex', 'ordered'))}"
        elif kind < 10:
            text = f"{name}{axes} = {self._number(place, 3)}"
        elif kind < 11:
            text = f"input {name}{axes} : {rng.choice(('real', 'bit', '{a, b}', 'count'))}"
        else:
            text = (
                f"field {name} : {rng.choice(('bit', 'spin', 'real'))}\n  factor {self._number(place, 2)} * {name}"
            )
        self.names[place].append(name)
        return text

    def _distribution(self, place: str, depth: int) -> str:
        rng = self.random
        if rng.random() < 0.15 and depth:
            base = self._distribution(place, depth - 1)
            match rng.randrange(4):
                case 0:
                    return f"Truncated({base}, lower = {self._number(place, 1)})"
                case 1:
                    return f"Censored({base}, upper = {self._number(place, 1)})"
                case 2:
                    return f"ZeroInflated(0.3, {base})"
                case _:
                    return f"Mixture({rng.choice(('t0', '0.5', 'y0'))}, {base})"
        family = FAMILIES[rng.choice(list(FAMILIES))]
        variant = rng.randrange(len(family.variants))
        arguments = [f"{p.name} = {self._argument(p.support, place)}" for p in family.variants[variant]]
        drawn = f"{family.name}({', '.join(arguments)})"
        if rng.random() < 0.05:
            return f"if {self._number(place, 1)} > 0 then {drawn} else Normal(0, 1)"
        return drawn

    def _argument(self, support: str, place: str) -> str:
        """Mostly a number of the support."""
        inner = self._number(place, 1)
        if self.random.random() < 0.2:
            return inner
        safe = {
            "positive": "exp({})",
            "unit": "sigmoid({})",
            "count": "3",
            "simplex": "1/3",
            "cov": "1",
            "ordered": "t0",
        }
        return safe.get(support, "{}").replace("{}", inner)

    def _number(self, place: str, depth: int) -> str:
        rng = self.random
        known = [*self.names["top"], *(self.names[place] if place != "top" else [])]
        if depth == 0 or rng.random() < 0.4:
            word = rng.choice(known)
            if rng.random() < 0.1:
                return rng.choice(NUMBERS)
            if rng.random() < 0.1 and not word[0].isdigit():
                return rng.choice((f"prev({word})", f"{word}[{rng.choice(known)}]", f"{word}.W", f"f({word})"))
            return word
        inner = self._number(place, depth - 1)
        match rng.randrange(6):
            case 0:
                return f"{rng.choice(list(FUNCTIONS))}({inner})"
            case 1:
                return f"{rng.choice(list(REDUCTIONS))}({inner}, over = {rng.choice(('g', 'k', 'row'))})"
            case 2:
                return f"(if {inner} > 0 then {self._number(place, depth - 1)} else {inner})"
            case 3:
                return f"exp({inner})"
            case _:
                return f"({inner} {rng.choice(OPERATORS)} {self._number(place, depth - 1)})"

    # ---- data for short fits

    def data(self, text: str) -> str:
        """A table of a few rows that fits the text where it is good, a cell changed here and there."""
        rng = self.random
        compilation = analyse(SourceFile("m.pgm", text))
        columns: dict[str, list[str]] = {}
        model = compilation.model
        for variable in model.variables if model is not None else ():
            if variable.role not in ("random", "field", "input"):
                continue
            if variable.role != "input" and rng.random() < 0.2:
                continue
            if not variable.plates or not model.plate_by_name[variable.plates[-1]].is_rows:
                continue
            if any(variable.plates[-1] in p.parents and p.is_rows for p in model.plates):
                continue
            if len(variable.axes) > 1:
                continue
            labels = model.axis_labels(variable.axes[0]) if variable.axes else None
            for name in (
                [f"{variable.name}.{x}" for x in (labels or ("a", "b"))[:40]] if variable.axes else [variable.name]
            ):
                columns[name] = [rng.choice(self._cells(model, variable)) for _ in range(6)]
        for plate in model.plates if model is not None else ():
            if plate.is_rows and plate.structure is None and any(plate.name in p.parents for p in model.plates):
                columns[plate.name] = [rng.choice(("1", "2")) for _ in range(6)]
        if not columns or rng.random() < 0.05:
            return "x\n1\n"
        for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 3))):
            rng.choice(list(columns.values()))[rng.randrange(6)] = rng.choice(STRANGE_CELLS)
        rows = zip(*columns.values(), strict=True)
        head = ",".join(f'"{c}"' for c in columns)
        return "\n".join([head, *(",".join(row) for row in rows)]) + "\n"

    def _cells(self, model: Model, variable: Variable) -> tuple[str, ...]:
        kind = variable.type.kind
        if kind == "labels":
            return tuple(f'"{x}"' for x in (model.labels_of(variable.type) or ("a", "b"))[:9])
        known = {"bit": ("0", "1"), "spin": ("-1", "1"), "count": ("0", "1", "4"), "unit": ("0.2", "0.7"),
                 "positive": ("0.5", "2"), "simplex": ("0.5",), "ordered": ("1",), "truth": ("0", "1")}  # fmt: skip
        return known.get(kind, ("-1.25", "0.5", "2"))


def verbs(path: Path, folder: Path) -> list[list[str]]:
    """Every verb that asks about a text alone."""
    model = str(path)
    return [
        ["fmt", "--stdout", model], ["check", "--json", model], ["check", model], ["graph", model, "-o", str(folder / "g.svg")],
        ["graph", model, "-o", str(folder / "g.dot")], ["plan", model], ["plan", "--json", model],
        *(["compile", "--stage", stage, model] for stage in STAGES), ["sample", model, "-n", "2", "--seed", "1"],
    ]  # fmt: skip


def fits(path: Path, data: Path, folder: Path, method: str) -> list[list[str]]:
    """A short fit by a method, and what is asked of it."""
    fit, rows = str(folder / "m.fit"), str(data)
    short = ["--max-time", "0.3", "--seed", "1", "--force", "-q"]
    return [
        ["plan", str(path), rows],
        ["fit", str(path), rows, "--method", method, "-o", fit, *short],
        ["predict", fit, rows], ["score", fit, rows], ["summary", fit], ["sample", fit, "-n", "2", "--seed", "1"],
        ["query", fit, "P(y0)"], ["query", fit, "E(t0)"], ["diagnose", fit],
    ]  # fmt: skip


def methods() -> list[str]:
    from pgmlang.plan.registry import METHODS

    return ["auto", *METHODS, *(f"gibbs * {k}" for k in list(KERNELS)[:1])]


def tried(seed: int, folder: Path, with_fit: bool) -> Counter[str]:
    """How the verbs ended on one seed's text; raises AssertionError at an end that is not documented."""
    stranger = Stranger(seed)
    text = stranger.good() if with_fit else stranger.text()
    path, data = folder / "m.pgm", folder / "d.csv"
    path.write_text(text, encoding="utf-8")
    commands = verbs(path, folder)
    if with_fit:
        data.write_text(stranger.data(text), encoding="utf-8")
        commands = fits(path, data, folder, stranger.random.choice(methods()))
    ends: Counter[str] = Counter()
    for arguments in commands:
        end = pgmc(arguments)
        assert end.code in KNOWN_EXITS or (arguments[0], end.code) == ("diagnose", 1), (
            f"seed {seed}: {' '.join(arguments)} ended with {end.code}\n{end.stderr[-4000:]}\n{text}"
        )
        ends[f"{arguments[0]} {end.code}"] += 1
        if arguments[0] == "fit" and end.code not in (0, 75):
            break
        if arguments == ["check", str(path)] and end.code != 0:
            break
    return ends


def main(first: int, count: int, with_fit: bool) -> Counter[str]:
    ends: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        for seed in range(first, first + count):
            try:
                ends += tried(seed, Path(place), with_fit)
            except AssertionError as error:
                print(str(error)[:6000], flush=True)
                ends["FAULT"] += 1
    return ends


if __name__ == "__main__":
    print(main(int(sys.argv[1]), int(sys.argv[2]), "fit" in sys.argv[3:]))
