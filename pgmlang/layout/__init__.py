"""What a bound model looks like in numbers: sizes, labels, outer elements, sequences, edges. Made once, at the binding."""

from pgmlang.layout.close import close_layout, close_sizes
from pgmlang.layout.layout import Layout, Sequences

__all__ = ["Layout", "Sequences", "close_layout", "close_sizes"]
