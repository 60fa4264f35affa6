"""Text to syntax objects and back."""

from pgmlang.syntax.parser import load_source, parse, parse_collecting, source_from_bytes

__all__ = ["load_source", "parse", "parse_collecting", "source_from_bytes"]
