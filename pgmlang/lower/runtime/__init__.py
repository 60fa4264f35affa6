"""Functions that emitted programs carry in their foot: real source, copied as text."""
