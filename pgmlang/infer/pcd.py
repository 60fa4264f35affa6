"""Persistent contrastive divergence; see ``cd``."""

from __future__ import annotations

from pgmlang.infer.cd import PERSISTENT as METHOD

__all__ = ["METHOD"]
