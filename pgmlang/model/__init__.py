"""The Model: what a `.pgm` file means."""

from pgmlang.model.model import (
    Choice,
    Conditional,
    Definition,
    Density,
    Dim,
    Dist,
    Distribution,
    Factor,
    Guide,
    Model,
    Net,
    Plate,
    Potential,
    Structure,
    TableDist,
    Variable,
    density_net,
)
from pgmlang.model.types import Type

__all__ = [
    "Choice",
    "Conditional",
    "Definition",
    "Density",
    "Dim",
    "Dist",
    "Distribution",
    "Factor",
    "Guide",
    "Model",
    "Net",
    "Plate",
    "Potential",
    "Structure",
    "TableDist",
    "Type",
    "Variable",
    "density_net",
]
