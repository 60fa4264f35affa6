"""Methods: one file each, found by name in the registry, run by one loop."""

from pgmlang.infer.base import Algorithm, Facts, Method, Options, Outcome, Problem, Verdict, facts_of
from pgmlang.infer.fit import fit_model

__all__ = ["Algorithm", "Facts", "Method", "Options", "Outcome", "Problem", "Verdict", "facts_of", "fit_model"]
