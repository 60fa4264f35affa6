"""Automatic guides by the words of the option ``guide`` (`signatures.options`)."""

from __future__ import annotations

from pgmlang.guides.family import GuideFamily
from pgmlang.guides.fullrank import FullRankNormal
from pgmlang.guides.meanfield import MeanFieldNormal

GUIDES: dict[str, GuideFamily] = {"meanfield": MeanFieldNormal(), "fullrank": FullRankNormal()}

__all__ = ["GUIDES"]
