"""Discrete networks as plain numpy tables: what exact inference contracts and what BIF and UAI files hold."""

from pgmlang.tables.network import DiscreteNetwork, DiscreteVariable, TableFactor

__all__ = ["DiscreteNetwork", "DiscreteVariable", "TableFactor"]
