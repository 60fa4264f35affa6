"""Models of one column by the others: a row for each kind of target, and the naive Bayes classifier."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pgmlang.first_model.page import Page, number
from pgmlang.first_model.predictors import linear_terms, summed
from pgmlang.first_model.variables import centre, drawn, estimated_alone, label_set, labels_of, spread
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.identifiers import quoted
from pgmlang.profile.table import TableProfile
from pgmlang.profile.zeros import count_family, zeros_of_amount

Others = list[ColumnProfile]


def _linear(page: Page, table: TableProfile, target: ColumnProfile, others: Others) -> str:
    name, has_zeros = page.names[target.name], zeros_of_amount(target) > 0
    is_log, values = has_zeros or target.kind == "skewed", target.sorted_numbers
    if is_log:
        values = np.log(values[values > 0])
    scale = number(spread(values), 1)
    base, noise = page.fresh("base"), page.fresh("noise")
    of = f"log {name}" if is_log else name
    page.priors.append(
        f"{base} ~ Normal({number(centre(values))}, {number(2 * spread(values), 1)})  # {of} of an average row"
    )
    terms = linear_terms(page, table, others, scale)
    page.priors.append(f"{noise} ~ HalfNormal({scale})  # what the other columns do not say")
    mean = summed(base, terms, page.rows.append, page.fresh(f"{name}_mean"))
    zeros = _share_of_zeros(page, name) if has_zeros else ""
    page.rows.append(
        drawn(name, f"LogNormal({mean}, {noise})" if is_log else f"Normal({mean}, {noise})", zeros, is_real=True)
    )
    return f"a linear regression of {of}" + (
        f", where it is not 0, and the share of rows where it is ({zeros})" if zeros else ""
    )


def _share_of_zeros(page: Page, name: str) -> str:
    """A parameter for it."""
    zeros = page.fresh(f"{name}_zeros")
    page.priors.append(
        f"{zeros} ~ Beta(1, 1)  # the share of zeros; if the others say when, `sigmoid(...)` of them"
    )
    return zeros


def _counted(page: Page, table: TableProfile, target: ColumnProfile, others: Others) -> str:
    name, values = page.names[target.name], target.sorted_numbers
    family, base = count_family(values), page.fresh("base")
    page.priors.append(
        f"{base} ~ Normal({number(float(np.log(max(values.mean(), 0.05))))}, 2)  # log of the mean of an average row"
    )
    terms = linear_terms(page, table, others, "1")
    rate = page.fresh(f"{name}_log_mean")
    log_mean = summed(base, terms, page.rows.append, rate)
    zeros = _share_of_zeros(page, name) if family.is_inflated else ""
    density, words = f"Poisson(exp({log_mean}))", "a Poisson"
    if family.is_overdispersed:
        shape = page.fresh("shape")
        page.priors.append(f"{shape} ~ Gamma(2, 1)  # the smaller, the more {name} varies beyond a Poisson")
        density, words = f"NegativeBinomial(exp({log_mean}), {shape})", "a negative binomial"
    page.rows.append(drawn(name, density, zeros, is_real=False))
    words = words.replace("a ", "a zero-inflated ") if zeros else words
    return f"{words} regression of {name}: a coefficient of 0.1 is about 10 % more"


def _logistic(page: Page, table: TableProfile, target: ColumnProfile, others: Others) -> str:
    name = page.names[target.name]
    base = page.fresh("base")
    one = "true" if target.is_of_truth_values else "1"
    page.priors.append(f"{base} ~ Normal(0, 3)  # log odds of {one} in an average row")
    terms = linear_terms(page, table, others, "2")
    logit = summed(base, terms, page.rows.append, page.fresh(f"{name}_log_odds"))
    page.rows.append(f"{name} : bit ~ Bernoulli(logit = {logit})")
    return f"a logistic regression of {name}: coefficients are log odds, 0.7 doubles the odds"


def _ordered(page: Page, table: TableProfile, target: ColumnProfile, others: Others) -> str:
    name, labels = page.names[target.name], labels_of(target)
    step, cut = page.fresh(f"{name}_step"), page.fresh(f"{name}_cut")
    page.dims.append(f"dim {step}[{len(labels) - 1}]")
    says = "where one label ends and the next begins"
    if len(labels) == 2:
        says = f"log odds of {quoted(labels[0])} in an average row"
    page.priors.append(f"{cut}[{step}] : ordered ~ Normal(0, 3)  # {says}")
    terms = linear_terms(page, table, others, "2")
    first, *rest = terms or ["0"]
    score = summed(first, rest, page.rows.append, page.fresh(f"{name}_score"))
    page.rows.append(f"{name} : {label_set(target)} ~ OrderedLogistic({score}, {cut})")
    if len(labels) == 2:
        return f"a logistic regression of {name}: coefficients are log odds of {quoted(labels[1])}, 0.7 doubles the odds"
    return f"an ordinal regression of {name}: positive coefficients make high labels likelier"


def _softmax(page: Page, table: TableProfile, target: ColumnProfile, others: Others) -> str:
    name = page.names[target.name]
    dim, base = page.fresh(f"{name}_label"), page.fresh("base")
    page.dims.append(f"dim {dim} = {label_set(target)}")
    page.priors.append(f"{base}[{dim}] ~ Normal(0, 3)")
    terms = linear_terms(page, table, others, "2", axis=dim)
    score = page.fresh(f"{name}_score")
    total = summed(base, terms, page.rows.append, f"{score}[{dim}]")
    page.rows.append(f"{name} : {dim} ~ Categorical(logit = {score if total.startswith(score) else total})")
    return f"a softmax regression of {name}: what counts is by how much the coefficients of two labels differ"


def naive_bayes(page: Page, table: TableProfile, target: ColumnProfile, others: Others) -> str:
    """Each column by the target alone; cells of any may be missing."""
    name = page.names[target.name]
    dim = page.fresh(f"{name}_label")
    has_numbers = any(c.kind in ("number", "skewed", "count") for c in others)
    if has_numbers:
        page.dims.append(f"dim {dim} = {label_set(target)}")
    page.rows.append(f"{name} : {dim if has_numbers else label_set(target)} ~ Table(prior = 1)")
    for column in others:
        estimated_alone(page, column, name, dim)
    return f"a naive Bayes classifier of {name}: given it, the columns know nothing of each other"


def _is_ordered(target: ColumnProfile) -> bool:
    return target.kind == "bins" or (target.kind == "ordinal" and (target.is_numeric or target.scale is not None))


REGRESSIONS: tuple[
    tuple[Callable[[ColumnProfile], bool], Callable[[Page, TableProfile, ColumnProfile, Others], str]], ...
] = (
    (lambda c: c.kind == "binary" or c.is_of_truth_values, _logistic),
    (_is_ordered, _ordered),
    (lambda c: c.kind in ("category", "code", "group") and c.distinct == 2, _ordered),
    (lambda c: c.kind in ("category", "code", "group"), _softmax),
    (lambda c: c.kind == "count", _counted),
    (lambda c: c.kind in ("number", "skewed"), _linear),
)
"""Which regression is of which kind of target: the first that holds."""
