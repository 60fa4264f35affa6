"""Families of bits and labels: Bernoulli, Categorical, OrderedLogistic, OrderedProbit."""

from __future__ import annotations

from pgmlang.families.family import Family, Formulas
from pgmlang.families.family import parameter as _p

_TABLES = "pgmlang.tables.finite."

FAMILIES = (
    Family(
        "Bernoulli", ((_p("p", "unit"),), (_p("logit"),)), "bit", discrete=True, reparameterised=False,
        says="yes or no, by the probability of 1 or its log-odds",
        formulas=(
            Formulas(
                "times_log(x, log_p) + times_log(1 - x, log_q)", "log_q", "log_p", draw="dist.Bernoulli(p)", mean="p",
                variance="p * (1 - p)", let={"log_p": "log_of(p)", "log_q": "log1p_of(-p)"},
            ),
            # linear in x: the logit of a bit given all the rest is a derivative (see graph/multilinear)
            Formulas(
                "x * logit - softplus(logit)", "-softplus(logit)", "-softplus(-logit)",
                draw="dist.Bernoulli(logits=logit)", mean="sigmoid(logit)", variance="sigmoid(logit) * sigmoid(-logit)",
            ),
        ),
        bounds=("0.0", "1.0"), pyro=("dist.Bernoulli(p)", "dist.Bernoulli(logits=logit)"), finite=_TABLES + "bernoulli",
    ),
    Family(
        "Categorical", ((_p("p", "unit", 1),), (_p("logit", "real", 1),)), "labels", discrete=True,
        reparameterised=False, says="a label, by the probabilities of all labels or their logits",
        runtime=("Categorical", ""), torch=("", "dist.Categorical(logits=logit)"),
        pyro=("dist.Categorical(p)", "dist.Categorical(logits=logit)"), finite=_TABLES + "categorical", vectors=("p", "logit"),
    ),
    Family(
        "OrderedLogistic", ((_p("predictor", safe=0.0), _p("cutpoints", "ordered", 1)),), "labels", discrete=True,
        ordinal="logistic", reparameterised=False, says="a label of an ordered scale: a hidden number, cut at cutpoints",
        runtime=("OrderedLogistic",), pyro=("dist.OrderedLogistic(predictor, cutpoints)",),
        finite=_TABLES + "ordered", vectors=("cutpoints",),
    ),
    Family(
        "OrderedProbit", ((_p("predictor", safe=0.0), _p("cutpoints", "ordered", 1)),), "labels", discrete=True,
        ordinal="normal", reparameterised=False, says="a label of an ordered scale: a hidden normal number, cut at cutpoints",
        runtime=("OrderedProbit",),
        finite=_TABLES + "ordered_normal", vectors=("cutpoints",),
    ),
)  # fmt: skip
