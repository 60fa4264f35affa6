"""The Python front door: ``compile`` a model, ``fit`` it, ask.

model = pgmlang.compile("sprinkler.pgm")
fit = model.fit("days.csv", seed=1)
fit.query("P(rain | wet = yes)")
"""

from pgmlang.api.asked import Asked
from pgmlang.api.comparison import compare_fits, rank_fits, ranked_bound
from pgmlang.api.compiled import CompiledModel, compile
from pgmlang.api.first_look import describe, init
from pgmlang.api.fitted import FittedModel, load

__all__ = [
    "Asked",
    "CompiledModel",
    "FittedModel",
    "compare_fits",
    "compile",
    "describe",
    "init",
    "load",
    "rank_fits",
    "ranked_bound",
]
