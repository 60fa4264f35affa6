"""Undirected fields: their log Z, sweeps, couplings, and where the exact engine takes them."""
