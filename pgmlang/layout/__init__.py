"""What a bound model looks like in numbers: sizes, labels, outer elements, sequences, edges, missing cells. Made once, at the binding."""

from pgmlang.layout.close import close_layout, close_sizes
from pgmlang.layout.layout import Layout, MissingMask, SequencePositions

__all__ = ["Layout", "MissingMask", "SequencePositions", "close_layout", "close_sizes"]
