"""``pgmc init``: a first model of a table, that can be fitted at once, with comments for the person who will change it."""

from pgmlang.first_model.write import CLASSIFIERS, FirstModel, drafted, first_model

__all__ = ["CLASSIFIERS", "FirstModel", "drafted", "first_model"]
