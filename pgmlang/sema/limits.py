"""Sizes beyond which a text is refused, so that what it asks for does not fill a machine."""

MAX_SIZE = 1 << 26
"""Elements of an axis, of an array or of a network's weights, and rows that ``prev`` looks back."""

MAX_WIDTH = 1 << 20
"""Units of one layer of a network."""
