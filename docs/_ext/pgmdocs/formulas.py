"""Formulas of the families' records as LaTeX.

The records spell densities so that they are right far out; a page wants the textbook's spelling. Where the two differ,
`READABLE` has the textbook's, in the same small language with a few more words, and ``tests/docs/test_formulas.py``
computes both.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from pgmlang.families import Family

READABLE: dict[tuple[str, int], str] = {
    ("StudentT", 0): "lgamma((df + 1) / 2) - lgamma(df / 2) - log(pi * df) / 2 - log(sd) - (df + 1) / 2 * log(1 + z * z / df)",
    ("Cauchy", 0): "-log(pi * scale * (1 + z * z))",
    ("HalfCauchy", 0): "log(2 / (pi * scale * (1 + z * z)))",
    ("Logistic", 0): "-z - log(scale) - 2 * log(1 + exp(-z))",
    ("Gamma", 0): "shape * log(rate) - lgamma(shape) + (shape - 1) * log(x) - rate * x",
    ("InverseGamma", 0): "shape * log(scale) - lgamma(shape) - (shape + 1) * log(x) - scale / x",
    ("Weibull", 0): "log(shape / scale) + (shape - 1) * log(x / scale) - (x / scale) ** shape",
    ("Beta", 0): "(a - 1) * log(x) + (b - 1) * log(1 - x) - log(Beta(a, b))",
    ("VonMises", 0): "concentration * cos(x - loc) - log(2 * pi * I0(concentration))",
    ("Bernoulli", 0): "x * log(p) + (1 - x) * log(1 - p)",
    ("Bernoulli", 1): "x * logit - log(1 + exp(logit))",
    ("Poisson", 0): "x * log(rate) - rate - log(factorial(x))",
    ("NegativeBinomial", 0): "log(choose(x + shape - 1, x)) + shape * log(shape / (shape + mean)) + x * log(mean / (shape + mean))",
    ("NegativeBinomial", 1): "log(choose(x + n - 1, x)) + n * log(p) + x * log(1 - p)",
    ("Geometric", 0): "log(p) + x * log(1 - p)",
    ("Binomial", 0): "log(choose(n, x)) + x * log(p) + (n - x) * log(1 - p)",
    ("Binomial", 1): "log(choose(n, x)) + x * logit - n * log(1 + exp(logit))",
    ("BetaBinomial", 0): "log(choose(n, x)) + log(Beta(x + a, n - x + b)) - log(Beta(a, b))",
    ("SkewNormal", 0): "log(2 / (scale * sqrt(2 * pi))) - z * z / 2 + log(Phi(shape * z))",
    ("AsymmetricLaplace", 0): "log(2 * p * (1 - p) / scale) - 2 * abs(z) * where(x < loc, 1 - p, p)",
    ("ExponentiallyModifiedGaussian", 0): "log(rate) + (rate * sd) ** 2 / 2 - rate * (x - loc) + log(Phi((x - loc) / sd - rate * sd))",
    ("Pareto", 0): "log(shape) + shape * log(scale) - (shape + 1) * log(x)",
    ("Lomax", 0): "log(shape / scale) - (shape + 1) * log(1 + x / scale)",
    ("LogLogistic", 0): "log(shape / scale) + (shape - 1) * log(x / scale) - 2 * log(1 + (x / scale) ** shape)",
    ("Frechet", 0): "log(shape / scale) - (shape + 1) * log(x / scale) - (x / scale) ** (-shape)",
    ("InverseGaussian", 0): "log(shape / (2 * pi * x ** 3)) / 2 - shape * (x - mean) ** 2 / (2 * mean ** 2 * x)",
    ("Maxwell", 0): "log(2 / pi) / 2 + 2 * log(x) - 3 * log(scale) - (x / scale) ** 2 / 2",
    ("GeneralizedGamma", 0): "log(power) + shape * power * log(rate) + (shape * power - 1) * log(x) - (rate * x) ** power - lgamma(shape)",
    ("ChiSquared", 0): "(df / 2 - 1) * log(x) - x / 2 - df / 2 * log(2) - lgamma(df / 2)",
    ("InverseChiSquared", 0): "-(df / 2 + 1) * log(x) - 1 / (2 * x) - df / 2 * log(2) - lgamma(df / 2)",
    ("ScaledInverseChiSquared", 0): "df / 2 * log(df * scale ** 2 / 2) - (df / 2 + 1) * log(x) - df * scale ** 2 / (2 * x) - lgamma(df / 2)",
    ("FisherSnedecor", 0): "df1 / 2 * log(df1 * x) + df2 / 2 * log(df2) - (df1 + df2) / 2 * log(df1 * x + df2) - log(x)"
    " - log(Beta(df1 / 2, df2 / 2))",
    ("BetaPrime", 0): "(a - 1) * log(x) - (a + b) * log(1 + x) - log(Beta(a, b))",
    ("HalfStudentT", 0): "lgamma((df + 1) / 2) - lgamma(df / 2) - log(pi * df) / 2 - log(scale / 2) - (df + 1) / 2 * log(1 + z * z / df)",
    ("Kumaraswamy", 0): "log(a * b) + (a - 1) * log(x) + (b - 1) * log(1 - x ** a)",
    ("ContinuousBernoulli", 0): "x * log(p / (1 - p)) + log(log(p / (1 - p)) * (1 - p) / (2 * p - 1))",
    ("ContinuousBernoulli", 1): "x * logit - log((exp(logit) - 1) / logit)",
    ("Triangular", 0): "log(2 / (high - low)) + where(x < mode, log((x - low) / (mode - low)), log((high - x) / (high - mode)))",
    ("Weibull", 1): "log(shape * hazard) + (shape - 1) * log(x) - hazard * x ** shape",
    ("BetaNegativeBinomial", 0): "log(choose(x + n - 1, x)) + log(Beta(a + n, b + x)) - log(Beta(a, b))",
    ("DiscreteWeibull", 0): "log(q ** (x ** shape) - q ** ((x + 1) ** shape))",
    ("DiscreteUniform", 0): "-log(high - low + 1)",
    ("Hypergeometric", 0): "log(choose(good, x)) + log(choose(bad, n - x)) - log(choose(good + bad, n))",
    ("Hypergeometric", 1): "log(choose(good, x)) + log(choose(bad, n - x)) + x * log(odds) - log(Z(n, good, bad, odds))",
    ("GeneralizedExtremeValue", 0): "-log(scale) - (1 + 1 / shape) * log(1 + shape * z) - (1 + shape * z) ** (-1 / shape)",
    ("GeneralizedPareto", 0): "-log(scale) - (1 + 1 / shape) * log(1 + shape * x / scale)",
    ("Gompertz", 0): "log(rate) + shape * x - rate * (exp(shape * x) - 1) / shape",
    ("HalfLogistic", 0): "log(2 / scale) - z - 2 * log(1 + exp(-z))",
    ("LogUniform", 0): "-log(x) - log(log(high / low))",
    ("SkewStudentT", 0): "(a + 1 / 2) * log(1 + z / sqrt(a + b + z * z)) + (b + 1 / 2) * log(1 - z / sqrt(a + b + z * z))"
    " - (a + b - 1) * log(2) - log(Beta(a, b)) - log(a + b) / 2 - log(scale)",
    ("GeneralizedPoisson", 0): "log(rate) + (x - 1) * log(rate + dispersion * x) - rate - dispersion * x - log(factorial(x))",
    ("Skellam", 0): "-rate1 - rate2 + x / 2 * log(rate1 / rate2) + log(I(abs(x), 2 * sqrt(rate1 * rate2)))",
    ("Wiener", 0): "-way * start - drift ** 2 * time / 2 - 2 * log(boundary) + log(passage(time / boundary ** 2, start))",
    ("Rice", 0): "log(x / scale ** 2) - (x ** 2 + distance ** 2) / (2 * scale ** 2) + log(I0(x * distance / scale ** 2))",
    ("NoncentralChiSquared", 0): "-log(2) - (x + noncentrality) / 2 + (df / 4 - 1 / 2) * log(x / noncentrality)"
    " + log(I(df / 2 - 1, sqrt(noncentrality * x)))",
    ("NoncentralT", 0): "df / 2 * log(df) - log(pi) / 2 - lgamma(df / 2) - (df - 1) / 2 * log(2) - (df + 1) / 2 * log(x ** 2 + df)"
    " - df * noncentrality ** 2 / (2 * (x ** 2 + df)) + log(moment(df, noncentrality * x / sqrt(x ** 2 + df)))",
}  # fmt: skip
"""Family and variant to its log-density as a textbook has it. ``I(n, t)``: the modified Bessel function; ``moment(n, m)``: the integral of
y^n exp(-(y - m)^2 / 2) over y above 0; ``passage(t, w)``: the density at t of the time at which Brownian motion from w leaves (0, 1) at 0."""

READABLE_MOMENTS: dict[str, tuple[str, str]] = {
    "ContinuousBernoulli": (
        "1 / (1 - exp(-logit)) - 1 / logit", "1 / logit ** 2 - exp(logit) / (exp(logit) - 1) ** 2",
    ),
    "GeneralizedExtremeValue": (
        "loc + scale * (exp(lgamma(1 - shape)) - 1) / shape",
        "scale ** 2 * (exp(lgamma(1 - 2 * shape)) - exp(lgamma(1 - shape)) ** 2) / shape ** 2",
    ),
    "NoncentralT": (
        "noncentrality * sqrt(df / 2) * exp(lgamma((df - 1) / 2) - lgamma(df / 2))",
        "df * (1 + noncentrality ** 2) / (df - 2) - noncentrality ** 2 * df / 2 * exp(lgamma((df - 1) / 2) - lgamma(df / 2)) ** 2",
    ),
    "Rice": (
        "scale * sqrt(pi / 2) * exp(-q) * ((1 + 2 * q) * I0(q) + 2 * q * I(1, q))",
        "2 * scale ** 2 + distance ** 2 - pi * scale ** 2 / 2 * exp(-2 * q) * ((1 + 2 * q) * I0(q) + 2 * q * I(1, q)) ** 2",
    ),
}  # fmt: skip
"""Family to mean and variance of its first variant as a textbook has them, where the record's spelling is for machines."""

PARTS = {"Rice": {"q": "distance ** 2 / (4 * scale ** 2)"}}
"""Family to names in its moments that stand for a formula."""

WRITTEN: dict[tuple[str, int], tuple[str, str, str]] = {
    ("Categorical", 0): (r"\log p_x", "", ""),
    ("Categorical", 1): (r"\mathrm{logit}_x - \log \sum_k e^{\mathrm{logit}_k}", "", ""),
    ("OrderedLogistic", 0): (
        r"\log\left(\sigma(c_{x} - \eta) - \sigma(c_{x-1} - \eta)\right),\quad \eta = \mathrm{predictor},\ c = "
        r"\mathrm{cutpoints},\ \sigma(t) = \frac{1}{1 + e^{-t}},\ c_0 = -\infty,\ c_K = \infty", "", "",
    ),
    ("OrderedProbit", 0): (
        r"\log\left(\Phi(c_{x} - \eta) - \Phi(c_{x-1} - \eta)\right),\quad \eta = \mathrm{predictor},\ c = \mathrm{cutpoints},\ "
        r"c_0 = -\infty,\ c_K = \infty", "", "",
    ),
    ("Dirichlet", 0): (
        r"\log\Gamma\left(\sum_k \alpha_k\right) - \sum_k \log\Gamma(\alpha_k) + \sum_k (\alpha_k - 1) \log x_k",
        r"\frac{\alpha_k}{s},\quad s = \sum_j \alpha_j", r"\frac{\alpha_k (s - \alpha_k)}{s^2 (s + 1)}",
    ),
    ("Multinomial", 0): (
        r"\log n! - \sum_k \log x_k! + \sum_k x_k \log p_k", r"n\, p_k", r"n\, p_k (1 - p_k)",
    ),
    ("DirichletMultinomial", 0): (
        r"\log n! + \log\frac{\Gamma(s)}{\Gamma(s + n)} + \sum_k \log\frac{\Gamma(\alpha_k + x_k)}{x_k!\,\Gamma(\alpha_k)},\quad s = \sum_k \alpha_k",
        r"n\,\frac{\alpha_k}{s}", r"n\,\frac{\alpha_k}{s} \left(1 - \frac{\alpha_k}{s}\right) \frac{s + n}{s + 1}",
    ),
    ("ZeroSumNormal", 0): (
        r"-\frac{1}{2\,\mathrm{sd}^2} \sum_k x_k^2 - (K - 1) \log\left(\mathrm{sd} \sqrt{2 \pi}\right) \quad \text{for } \sum_k x_k = 0",
        r"0", r"\mathrm{sd}^2 \left(1 - \frac{1}{K}\right)",
    ),
    ("ICAR", 0): (
        r"-\frac{1}{2\,\mathrm{sd}^2} \sum_{i < j} w_{ij} (x_i - x_j)^2 + \frac{1}{2} \log\det\!\left(Q + \tfrac{1}{K}\right) - (K - 1) \log\left(\mathrm{sd} "
        r"\sqrt{2 \pi}\right) \quad \text{for } \sum_k x_k = 0,\quad w = \mathrm{weights},\ Q = \mathrm{diag}(w 1) - w",
        r"0", r"\mathrm{sd}^2\, Q^{+}",
    ),
    ("UniformSphere", 0): (
        r"\log\Gamma\left(\frac{K}{2}\right) - \log 2 - \frac{K}{2} \log \pi \quad \text{for } \sum_k x_k^2 = 1", r"0", r"\frac{1}{K}",
    ),
    ("MultivariateNormal", 0): (
        r"-\frac{1}{2} (x - m)^\top \Sigma^{-1} (x - m) - \frac{1}{2} \log\det(2 \pi \Sigma),\quad m = \mathrm{mean},\ "
        r"\Sigma = \mathrm{cov}", r"\mathrm{mean}", r"\mathrm{cov}",
    ),
    ("MultivariateNormal", 1): (
        r"-\frac{1}{2} \left|L^{-1} (x - m)\right|^2 - \log\det L - \frac{d}{2} \log 2\pi,\quad L = "
        r"\mathrm{scale\_tril}", r"\mathrm{mean}", r"L L^\top",
    ),
    ("MultivariateNormal", 2): (
        r"-\frac{1}{2} (x - m)^\top P (x - m) + \frac{1}{2} \log\det P - \frac{d}{2} \log 2\pi,\quad m = \mathrm{mean},\ P = "
        r"\mathrm{precision}", r"\mathrm{mean}", r"P^{-1}",
    ),
    ("LKJCholesky", 0): (
        r"\sum_k (d - k + 2 \eta - 2) \log x_{kk} + \mathrm{const}(\eta)", "", "",
    ),
    ("InverseWishart", 0): (
        r"-\frac{\nu + d + 1}{2} \log\det x - \frac{1}{2} \mathrm{tr}(S x^{-1}) + \mathrm{const}(\nu, S),\quad \nu = "
        r"\mathrm{df},\ S = \mathrm{scale}", r"\frac{S}{\nu - d - 1}", "",
    ),
    ("LKJ", 0): (r"(\eta - 1) \log\det x + \mathrm{const}(\eta)", r"I", ""),
    ("Wishart", 0): (
        r"\frac{\nu - d - 1}{2} \log\det x - \frac{1}{2} \mathrm{tr}(S^{-1} x) + \mathrm{const}(\nu, S),\quad \nu = "
        r"\mathrm{df},\ S = \mathrm{scale}", r"\nu S", r"\nu (S_{ij}^2 + S_{ii} S_{jj})",
    ),
    **{
        ("MultivariateStudentT", variant): (
            r"\log\Gamma\left(\frac{\nu + d}{2}\right) - \log\Gamma\left(\frac{\nu}{2}\right) - \frac{d}{2} \log(\nu \pi) - "
            r"\frac{1}{2} \log\det \Sigma - \frac{\nu + d}{2} \log\left(1 + \frac{(x - m)^\top \Sigma^{-1} (x - m)}{\nu}\right),"
            rf"\quad \nu = \mathrm{{df}},\ m = \mathrm{{mean}},\ \Sigma = {scale}", r"\mathrm{mean}", r"\frac{\nu}{\nu - 2} \Sigma",
        )
        for variant, scale in enumerate((r"\mathrm{scale}", r"\mathrm{scale\_tril}\ \mathrm{scale\_tril}^\top", r"\mathrm{precision}^{-1}"))
    },
    ("Flat", 0): (r"0", "", ""),
    ("Truncated", 0): (
        r"\log f(x) - \log\left(F(\mathrm{upper}) - F(\mathrm{lower})\right) \quad \text{for } \mathrm{lower} \le x \le "
        r"\mathrm{upper}", "", "",
    ),
    ("Censored", 0): (
        r"\begin{cases} \log F(\mathrm{lower}) & x = \mathrm{lower} \\ \log f(x) & \mathrm{lower} < x < \mathrm{upper} \\ "
        r"\log\left(1 - F(\mathrm{upper})\right) & x = \mathrm{upper} \end{cases}", "", "",
    ),
    ("ZeroInflated", 0): (
        r"\begin{cases} \log\left(p + (1 - p) f(0)\right) & x = 0 \\ \log(1 - p) + \log f(x) & x \ne 0 \end{cases}",
        r"(1 - p)\, \mathrm{mean}(f)", "",
    ),
    ("ZeroOneInflated", 0): (
        r"\begin{cases} \log p + \log(1 - q) & x = 0 \\ \log p + \log q & x = 1 \\ \log(1 - p) + \log f(x) & 0 < x < 1 \end{cases}",
        r"p\, q + (1 - p)\, \mathrm{mean}(f)", "",
    ),
    ("Mixture", 0): (r"\log \sum_k p_k f_k(x)", r"\sum_k p_k\, \mathrm{mean}(f_k)", ""),
}  # fmt: skip
"""Families without formulas (vectors, labels, combinators): log-density, mean and variance as LaTeX; f and F are density and
distribution function of the distribution taken."""

GREEK = {"pi": r"\pi", "alpha": r"\alpha", "eta": r"\eta", "inf": r"\infty"}
EULER = 0.5772156649015329


def log_density(family: Family, variant: int) -> tuple[str, list[tuple[str, str]]]:
    """LaTeX of the log-density at x, and of the names it uses that are no parameters, in order."""
    if not family.formulas:
        return WRITTEN[family.name, variant][0], []
    formulas = family.formulas[variant]
    tree = _tree(READABLE.get((family.name, variant), formulas.log_prob))
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    return latex(tree), [
        (latex(_tree(name)), latex(_tree(text))) for name, text in formulas.let.items() if name in used
    ]


def moments(family: Family, variant: int) -> tuple[str, str]:
    """LaTeX of mean and variance, empty where there is none to say."""
    if not family.formulas:
        return WRITTEN[family.name, variant][1:]
    if family.name in READABLE_MOMENTS:
        parts = PARTS.get(family.name, {})
        mean, variance = (latex(_with(_tree(t), parts)) for t in READABLE_MOMENTS[family.name])
        return mean, variance
    formulas = family.formulas[variant]
    let = {} if family.name == "NegativeBinomial" else formulas.let
    mean, variance = (latex(_with(_tree(t), let)) if t else "" for t in (formulas.mean, formulas.variance))
    return mean, variance


def _tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _with(tree: ast.expr, let: Mapping[str, str]) -> ast.expr:
    """A formula with its named parts written out."""

    class Replace(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return _with(_tree(let[node.id]), let) if node.id in let else node

    return Replace().visit(tree)


def latex(tree: ast.expr) -> str:
    """LaTeX of a formula; a choice (``where``) within it becomes cases."""
    choice = next((n for n in ast.walk(tree) if _is_call(n, "where")), None)
    if choice is not None:
        condition, yes, no = choice.args
        branches = [latex(_replaced(tree, choice, branch)) for branch in (yes, no)]
        return (
            rf"\begin{{cases}} {branches[0]} & {latex(condition)} \\ {branches[1]} & \text{{else}} \end{{cases}}"
        )
    text = ast.unparse(tree)
    if "inf - inf" in text:
        return r"\text{none}"
    if "inf" in {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}:
        return r"\infty"
    return _Latex().of(tree, 0)


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _has_call(node: ast.AST, name: str) -> bool:
    return any(_is_call(n, name) for n in ast.walk(node))


def _replaced(tree: ast.expr, old: ast.expr, new: ast.expr) -> ast.expr:
    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else self.generic_visit(node)

    import copy

    if tree is old:
        return new
    memo: dict[int, object] = {id(old): old}
    return Replace().visit(copy.deepcopy(tree, memo))


class _Latex:
    """Prints by precedence: 0 sum, 1 product, 2 power, 3 atom."""

    def of(self, node: ast.expr, level: int) -> str:
        text, own = self._printed(node)
        return text if own >= level else rf"\left({text}\right)"

    def _printed(self, node: ast.expr) -> tuple[str, int]:
        match node:
            case ast.Constant(value):
                return self._number(value), 3
            case ast.Name(name):
                return GREEK.get(name, name if len(name) == 1 else rf"\mathrm{{{name.replace('_', ' ')}}}"), 3
            case ast.UnaryOp(ast.USub(), operand):
                return "-" + self.of(operand, 1), 0
            case ast.BinOp(left, ast.Add() | ast.Sub() as op, right):
                return self._sum(left, op, right), 0
            case ast.BinOp(_, ast.Mult(), _):
                text = self._product(node)
                return text, 0 if text.startswith("-") else 1
            case ast.BinOp(left, ast.Div(), right):
                return rf"\frac{{{self.of(left, 0)}}}{{{self.of(right, 0)}}}", 2
            case ast.BinOp(left, ast.Pow(), right):
                base = rf"\left({self.of(left, 0)}\right)" if isinstance(left, ast.BinOp) else self.of(left, 3)
                return rf"{base}^{{{self.of(right, 0)}}}", 2
            case ast.Compare(left, [op], [right]):
                sign = {ast.Gt: ">", ast.Lt: "<", ast.Eq: "="}[type(op)]
                return f"{self.of(left, 0)} {sign} {self.of(right, 0)}", 0
            case ast.Call(ast.Name(name), arguments):
                return self._call(name, arguments), 2
        raise ValueError(f"no spelling for {ast.unparse(node)}")

    def _number(self, value: float) -> str:
        if value == EULER:
            return r"\gamma"
        return r"\frac{1}{2}" if value == 0.5 else f"{value:g}"

    def _sum(self, left: ast.expr, op: ast.operator, right: ast.expr) -> str:
        if isinstance(right, ast.Constant) and right.value == 0:
            return self.of(left, 0)
        sign = "+" if isinstance(op, ast.Add) else "-"
        return f"{self.of(left, 0)} {sign} {self.of(right, 1 if sign == '-' else 0)}"

    def _product(self, node: ast.expr) -> str:
        factors: list[ast.expr] = []

        sign = ""

        def collect(one: ast.expr) -> None:
            nonlocal sign
            if isinstance(one, ast.UnaryOp) and not factors:
                sign = "-"
                one = one.operand
            if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Mult):
                collect(one.left)
                collect(one.right)
            else:
                factors.append(one)

        collect(node)
        texts, powers = [], {}
        for factor in factors:
            powers.setdefault(ast.unparse(factor), []).append(factor)
        for same in powers.values():
            text = self.of(same[0], 1)
            if len(same) > 1:
                text = rf"{self.of(same[0], 3)}^{len(same)}"
            texts.append(text)
        return sign + r" \, ".join(texts)

    def _call(self, name: str, arguments: list[ast.expr]) -> str:
        first = arguments[0]
        inside = self.of(first, 0)
        match name:
            case "exp" if _is_call(first, "lgamma"):
                return rf"\Gamma\left({self.of(first.args[0], 0)}\right)"
            case "exp" if _is_call(first, "log"):
                return self.of(first.args[0], 2)
            case "exp" if (
                isinstance(first, ast.BinOp)
                and isinstance(first.op, ast.Add | ast.Sub)
                and _has_call(first, "lgamma")
            ):
                left, right = self._call("exp", [first.left]), self._call("exp", [first.right])
                return rf"{left} \, {right}" if isinstance(first.op, ast.Add) else rf"\frac{{{left}}}{{{right}}}"
            case "exp" if isinstance(first, ast.BinOp) and _is_call(first.right, "lgamma"):
                return rf"\Gamma\left({self.of(first.right.args[0], 0)}\right)^{{{self.of(first.left, 0)}}}"
            case "exp":
                return f"e^{{{inside}}}"
            case "expm1":
                return rf"\left(e^{{{inside}}} - 1\right)"
            case "log_of":
                return self._call("log", arguments)
            case "log1p" | "log1p_of":
                return self._call("log", [ast.BinOp(ast.Constant(1), ast.Add(), first)])
            case "factorial":
                return rf"{self.of(first, 3)}!"
            case "choose":
                return rf"\binom{{{inside}}}{{{self.of(arguments[1], 0)}}}"
            case "Beta":
                return rf"\mathrm{{B}}\left({inside}, {self.of(arguments[1], 0)}\right)"
            case "lgamma":
                return rf"\log\Gamma\left({inside}\right)"
            case "abs":
                return rf"\left|{inside}\right|"
            case "sqrt":
                return rf"\sqrt{{{inside}}}"
            case "sigmoid":
                return rf"\sigma\left({inside}\right)"
            case "Phi":
                return rf"\Phi\left({inside}\right)"
            case "Z":
                return rf"Z\left({', '.join(self.of(a, 0) for a in arguments)}\right)"
            case "i0e" | "i1e" | "I0":
                order = "1" if "1" in name else "0"
                return rf"I_{order}\left({inside}\right)"
            case "I":
                return rf"I_{{{inside}}}\left({self.of(arguments[1], 0)}\right)"
            case "moment":
                return (
                    rf"\int_0^\infty y^{{{inside}}} e^{{-\left(y - {self.of(arguments[1], 0)}\right)^2 / 2}} \, dy"
                )
            case "passage":
                time = rf"\left(k \pi\right)^2 {self.of(arguments[0], 2)} / 2"
                return rf"\sum_{{k = 1}}^\infty \pi k \, e^{{-{time}}} \sin\left(k \pi \, {self.of(arguments[1], 1)}\right)"
            case "softplus":
                return rf"\log\left(1 + e^{{{inside}}}\right)"
        operator = {"log": r"\log", "cos": r"\cos", "sin": r"\sin"}[name]
        is_atom = isinstance(first, ast.Name) or any(_is_call(first, n) for n in ("choose", "Beta", "factorial"))
        return rf"{operator} {inside}" if is_atom else rf"{operator}\left({inside}\right)"
