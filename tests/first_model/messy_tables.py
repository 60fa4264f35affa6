"""Tables as people have them, made anew each time: dates, currencies, words for missing, mixed case, ids, ordinals, codes,
accents, wide one-hot columns, accounts, more zeros than chance, and one of many rows."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Messy:
    """``target``: what a model of it predicts; ``remarks``: kinds of remarks that there must be; ``kinds``: of some columns."""

    name: str
    header: tuple[str, ...]
    rows: Callable[[np.random.Generator], list[list[Any]]]
    target: str
    remarks: tuple[str, ...]
    kinds: dict[str, str]
    sep: str = ","
    encoding: str = "utf-8"

    def write(self, folder: Path, seed: int = 1) -> Path:
        """The table as a file."""
        path = folder / f"{self.name}.csv"
        with path.open("w", newline="", encoding=self.encoding) as file:
            writer = csv.writer(file, delimiter=self.sep)
            writer.writerow(self.header)
            writer.writerows(self.rows(np.random.default_rng(seed)))
        return path


def _dates(r: np.random.Generator) -> list[list[Any]]:
    days = [f"2024-{r.integers(1, 13):02d}-{r.integers(1, 29):02d}" for _ in range(80)]
    wind = r.choice(["calm", "storm"], len(days))
    return [
        [d, f"{d[8:]}/{d[5:7]}/{d[:4]}", w, round(20 + int(d[5:7]) - 5 * (w == "storm") + r.normal(), 1)]
        for d, w in zip(days, wind, strict=True)
    ]


def _currencies(r: np.random.Generator) -> list[list[Any]]:
    area = r.integers(30, 200, 120)
    return [
        [f"€ {1000 * a + r.normal(0, 9000):,.0f}", f"{r.uniform(0, 30):.1f}%", f"{a} m²", r.integers(1, 6)]
        for a in area
    ]


def _missing_words(r: np.random.Generator) -> list[list[Any]]:
    def or_word(value: Any, word: str) -> Any:
        return word if r.random() < 0.1 else value

    x = r.normal(50, 10, 150).round(1)
    return [[or_word(v, "NA"), or_word(int(r.integers(1, 9)), "?"), or_word(r.choice(["a", "b"]), "-"), 999 if i % 40 == 0 else int(v),
             round(3 * float(v) + r.normal(0, 5), 2)] for i, v in enumerate(x)]  # fmt: skip


def _mixed_case(r: np.random.Generator) -> list[list[Any]]:
    sex = r.choice(["male", "Male", "MALE ", "female", "Female"], 140)
    return [[s, r.choice(["Y", "yes", "n", "no"]), r.choice(["München", "Mu\u0308nchen", "Köln"]),
             int(r.random() < (0.8 if s.strip().lower() == "male" else 0.2))] for s in sex]  # fmt: skip


def _ids(r: np.random.Generator) -> list[list[Any]]:
    effect = r.normal(0, 2, 25)
    school = r.integers(0, 25, 200)
    return [[i + 1, f"P-{i:05d}", f"school {g:02d}", f"pupil {i} wrote that {r.integers(1000)} was fine", round(10 + effect[g] + r.normal(), 2)]
            for i, g in enumerate(school)]  # fmt: skip


def _ordinals(r: np.random.Generator) -> list[list[Any]]:
    x = r.normal(size=180)
    level = np.digitize(x + r.logistic(size=180), [-1, 1])
    return [
        [round(float(v), 3), ["low", "medium", "high"][k], r.integers(1, 6), r.choice(["18-25", "26-40", "41-60"])]
        for v, k in zip(x, level, strict=True)
    ]


def _coded(r: np.random.Generator) -> list[list[Any]]:
    region = r.choice([101, 250, 377], 160)
    return [[g, f"{r.integers(0, 9):03d}", r.poisson(2 if g == 101 else 5), r.integers(0, 2)] for g in region]


def _accents(r: np.random.Generator) -> list[list[Any]]:
    return [
        [r.choice(["é", "ü", "ø"]), round(r.normal(5, 1), 2), r.choice(["oui", "non"]), r.poisson(3)]
        for _ in range(100)
    ]


def _one_hot(r: np.random.Generator) -> list[list[Any]]:
    colour = r.integers(0, 12, 240)
    return [[*(int(c == j) for j in range(12)), round(2.0 * c + r.normal(), 2)] for c in colour]


def many_rows(num_rows: int) -> Callable[[np.random.Generator], list[list[Any]]]:
    """A table of as many rows."""

    def rows(r: np.random.Generator) -> list[list[Any]]:
        age = r.integers(18, 90, num_rows)
        city = np.array(["Oslo", "Bergen", "bergen", "Narvik"])[r.integers(0, 4, num_rows)]
        spent = np.round(1000 + 3.0 * age + np.where(city == "Oslo", 40, 0) + r.normal(0, 20, num_rows), 2)
        gone = r.random(num_rows) < 0.01
        return [
            [i, "?" if g else a, c, f"{s:,.2f}"]
            for i, a, c, s, g in zip(
                range(num_rows), age.tolist(), city.tolist(), spent.tolist(), gone.tolist(), strict=True
            )
        ]

    return rows


def _ledger(r: np.random.Generator) -> list[list[Any]]:
    size = np.exp(r.normal(11, 2, 120))
    balance = 400 * (np.log(size) - 11) + r.normal(0, 300, 120)
    return [
        [f"{-b:,.2f}".join("()") if b < 0 else f"{b:,.2f}", f"{s / 1e6:.2f}M" if s > 1e6 else f"{s / 1e3:.1f}k", r.choice(["Retail ", "Energy"])]
        for b, s in zip(balance, size, strict=True)
    ]  # fmt: skip


def _claims(r: np.random.Generator) -> list[list[Any]]:
    return [
        [f"{r.integers(1, 29):02d}-{r.integers(1, 13):02d}-{r.integers(30, 60)}", k, r.poisson(4) * (r.random() < 0.6),
         0.0 if r.random() < 0.7 else round(float(np.exp(6 + (k - 12000) / 4000 + r.normal())), 2)]
        for k in r.normal(12000, 4000, 200).round().tolist()
    ]  # fmt: skip


TABLES = (
    Messy("dates", ("day", "seen on", "wind", "temperature"), _dates, "temperature", ("dates", "names"), {"day": "date", "seen on": "date"}),
    Messy("currencies", ("price", "discount", "area", "rating"), _currencies, "price", ("number-marks",),
          {"price": "number", "discount": "number", "area": "number", "rating": "ordinal"}),
    Messy("missing_words", ("x", "n", "arm", "score", "y"), _missing_words, "y", ("missing-words", "missing-codes"), {"x": "number", "arm": "category"}),
    Messy("mixed_case", ("sex", "smoker", "city", "ill"), _mixed_case, "ill", ("near-labels",), {"ill": "binary"}),
    Messy("ids", ("id", "code", "school", "note", "mark"), _ids, "mark", ("identifiers",), {"id": "id", "code": "id", "school": "group", "note": "text"}),
    Messy("ordinals", ("x", "level", "stars", "age group"), _ordinals, "level", ("names",),
          {"level": "ordinal", "stars": "ordinal", "age group": "ordinal"}),
    Messy("coded", ("region", "zip", "visits", "member"), _coded, "visits", ("coded-numbers",), {"region": "code", "zip": "code", "member": "binary"}),
    Messy("accents", ("é lettre", "größe (cm)", "déjà vu?", "2nd"), _accents, "déjà vu?", ("names",), {"é lettre": "category"}, sep=";", encoding="utf-8-sig"),
    Messy("one_hot", (*(f"colour_{j}" for j in range(12)), "weight"), _one_hot, "weight", ("one-hot",), {"colour_3": "binary"}),
    Messy("ledger", ("balance", "revenue", "sector"), _ledger, "balance", ("number-marks", "near-labels"), {"balance": "number", "revenue": "skewed"}, sep=";"),
    Messy("claims", ("since", "km", "visits", "amount"), _claims, "amount", ("dates", "zeros"), {"since": "date", "visits": "count"}),
    Messy("many_rows", ("id", "age", "city", "spent"), many_rows(2000), "spent", ("identifiers", "missing-words", "near-labels", "number-marks"),
          {"id": "id", "age": "number", "spent": "number"}),
)  # fmt: skip
