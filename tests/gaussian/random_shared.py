"""Random linear Gaussian models whose rows share numbers, as text, table and the equations that the text means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

Terms = Mapping[str, float]


@dataclass(frozen=True)
class Equation:
    """``cell ~ Normal(intercept + terms, sd)``: other cells by name, with their coefficients."""

    cell: str
    intercept: float
    terms: Terms
    sd: float


@dataclass(frozen=True)
class SharedModel:
    """``names``: the cells of each variable that is not seen, in the order of its elements; ``seen``: values of cells; ``log_given``: what the rest of the
    table has for a log-density."""

    text: str
    table: dict[str, list[object]]
    equations: tuple[Equation, ...]
    names: Mapping[str, tuple[str, ...]]
    seen: Mapping[str, float] = field(default_factory=dict)
    log_given: float = 0.0

    def moments(self) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Mean and covariance of all cells before any is seen; parents stand first."""
        place = {e.cell: i for i, e in enumerate(self.equations)}
        n = len(place)
        slopes, intercept, sd = np.zeros((n, n)), np.zeros(n), np.zeros(n)
        for i, e in enumerate(self.equations):
            intercept[i], sd[i] = e.intercept, e.sd
            for cell, coefficient in e.terms.items():
                slopes[i, place[cell]] += coefficient
        inverse = np.linalg.inv(np.eye(n) - slopes)
        return list(place), inverse @ intercept, inverse @ np.diag(sd**2) @ inverse.T

    def posterior(self) -> tuple[dict[str, tuple[float, float]], float]:
        """Mean and sd of each cell that is not seen, and the log-density of the table, by dense algebra (Bishop 2006, section 2.3.1)."""
        cells, mean, covariance = self.moments()
        seen = np.array([c in self.seen for c in cells])
        gap = np.array([self.seen[c] for c in cells if c in self.seen]) - mean[seen]
        of_seen = covariance[np.ix_(seen, seen)]
        gain = np.linalg.solve(of_seen, covariance[np.ix_(seen, ~seen)]).T
        centre = mean[~seen] + gain @ gap
        left = covariance[np.ix_(~seen, ~seen)] - gain @ covariance[np.ix_(seen, ~seen)]
        sds = np.sqrt(np.diag(left))
        log = -0.5 * gap @ np.linalg.solve(of_seen, gap) - 0.5 * np.linalg.slogdet(2 * np.pi * of_seen)[1]
        hidden = [c for c in cells if c not in self.seen]
        return dict(zip(hidden, zip(centre.tolist(), sds.tolist(), strict=True), strict=True)), float(
            log
        ) + self.log_given


def _number(rng: np.random.Generator) -> float:
    return round(float(rng.normal()), 3)


def _sd(rng: np.random.Generator) -> float:
    return round(float(np.exp(0.7 * rng.normal())), 3)


def random_shared(rng: np.random.Generator, *, has_labels: bool = True) -> SharedModel:
    """Numbers at the top, in groups, in groups that cross these, along rows that may be a chain, and seen labels that choose."""
    groups, items, rows = int(rng.integers(2, 5)), int(rng.integers(2, 4)), int(rng.integers(6, 14))
    is_chain = rng.random() < 0.4
    group = np.append(np.arange(groups), rng.integers(0, groups, rows - groups))
    item = np.append(np.arange(items), rng.integers(0, items, rows - items))
    x, kind = np.round(rng.normal(size=rows), 3), rng.integers(0, 2, rows) * has_labels
    equations: list[Equation] = []
    top = [f"s{k}" for k in range(int(rng.integers(1, 4)))]
    lines = ["model shared"]
    for k, name in enumerate(top):
        c, sd = _number(rng), _sd(rng)
        terms = {top[j]: _number(rng) for j in range(k) if rng.random() < 0.5}
        equations.append(Equation(name, c, terms, sd))
        lines.append(f"{name} ~ Normal({c}{_said(terms)}, {sd})")
    names = {name: (name,) for name in top}
    inner = "a" if rng.random() < 0.5 else "a[group]"
    for plate, size, variable in (("group", groups, "a"), ("item", items, "e")):
        c, sd = _number(rng), _sd(rng)
        terms = {t: _number(rng) for t in top if rng.random() < 0.6}
        lines.append(f"plate {plate} {{ {variable} ~ Normal({c}{_said(terms)}, {sd}) }}")
        names[variable] = tuple(f"{variable}{i}" for i in range(size))
        equations += [Equation(f"{variable}{i}", c, terms, sd) for i in range(size)]
    lines.append("plate row in group, item {" if not is_chain else "plate row = chain {")
    lines += ["  input x : real"] + (
        ["  k : {u, v} ~ Categorical([0.3, 0.7])"] if has_labels and not is_chain else []
    )
    by_row = [
        {"top": {t: _number(rng) for t in top}, "x": {t: _number(rng) for t in top if rng.random() < 0.5}, "c": _number(rng), "sd": _sd(rng)}
        for _ in range(3)
    ]  # fmt: skip
    w, lag, other = _number(rng), round(0.9 * float(np.tanh(rng.normal())), 3), _number(rng)
    mean = [_said(b["top"])[3:] + "".join(f" + {v} * x * {t}" for t, v in b["x"].items()) for b in by_row]
    if is_chain:
        lines.append(f"  z ~ Normal((if first then {top[0]} else {lag} * prev(z)) + {w} * x, {by_row[0]['sd']})")
        lines.append(f"  y ~ Normal({mean[1]} + {other} * z, {by_row[1]['sd']})")
    else:
        lines.append(f"  z ~ Normal({mean[0]} + {w} * {inner}, {by_row[0]['sd']})")
        lines.append(
            f"  y ~ Normal({mean[1]} + x * a + e + {other} * z, {by_row[1]['sd']})"
            if not has_labels
            else f"  y ~ Normal(if k == u then {mean[1]} + x * a + e else {by_row[2]['c']} + {other} * z, if k == u then {by_row[1]['sd']} else {by_row[2]['sd']})"
        )
    lines.append("}")
    for i in range(rows):
        z, a, e = f"z{i}", f"a{group[i]}", f"e{item[i]}"

        def of(b: dict[str, object], i: int = i) -> dict[str, float]:
            out = dict(b["top"])  # type: ignore[call-overload]
            for t, v in b["x"].items():  # type: ignore[attr-defined]
                out[t] += v * x[i]
            return out

        if is_chain:
            before = {top[0]: 1.0} if i == 0 else {f"z{i - 1}": lag}
            equations.append(Equation(z, w * x[i], before, by_row[0]["sd"]))
            equations.append(Equation(f"y{i}", 0.0, {**of(by_row[1]), z: other}, by_row[1]["sd"]))
            continue
        equations.append(Equation(z, 0.0, {**of(by_row[0]), a: w}, by_row[0]["sd"]))
        if kind[i] == 0:
            terms = of(by_row[1])
            equations.append(
                Equation(
                    f"y{i}", 0.0, {**terms, a: x[i], e: 1.0, **({} if has_labels else {z: other})}, by_row[1]["sd"]
                )
            )
        else:
            equations.append(Equation(f"y{i}", by_row[2]["c"], {z: other}, by_row[2]["sd"]))
    names["z"] = tuple(f"z{i}" for i in range(rows))
    model = SharedModel("\n".join(lines), {}, tuple(equations), names)
    cells, centre, covariance = model.moments()
    drawn = dict(zip(cells, rng.multivariate_normal(centre, covariance), strict=True))
    is_told = {f"y{i}": rng.random() < 0.8 for i in range(rows)} | {
        f"z{i}": rng.random() < 0.4 for i in range(rows)
    }
    seen = {c: float(drawn[c]) for c, told in is_told.items() if told}
    table: dict[str, list[object]] = {"x": x.tolist()}
    for variable in ("y", "z"):
        table[variable] = [seen.get(f"{variable}{i}", float("nan")) for i in range(rows)]
    log_given = 0.0
    if not is_chain:
        table |= {
            "group": [f"g{i}" for i in group],
            "item": [f"i{i}" for i in item],
        } | ({"k": [("u", "v")[c] for c in kind]} if has_labels else {})
        log_given = float(np.log(np.where(kind == 0, 0.3, 0.7)).sum()) if has_labels else 0.0
    if is_chain:
        # nothing names the elements of plates that no row is in
        lines = [
            line for line in lines if not line.startswith("plate group") and not line.startswith("plate item")
        ]
        equations = [e for e in equations if e.cell[0] not in "ae"]
        names = {n: c for n, c in names.items() if n not in ("a", "e")}
    return SharedModel("\n".join(lines) + "\n", table, tuple(equations), names, seen, log_given)


def _said(terms: Terms) -> str:
    return "".join(f" + {v} * {t}" for t, v in terms.items())
