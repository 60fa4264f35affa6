"""The buffers of Arrow arrays from files: as long as the arrays say, and whole elements of their types."""

from __future__ import annotations

from typing import Any


def check_buffers(batch: Any) -> None:
    """Raises ArrowInvalid for a record batch that tells what its buffers do not hold.

    Arrow's own validation sees sizes against offsets and counts, and indices, offsets and text that point outside; it takes
    a buffer that ends within an element, which NumPy refuses to see as an array of the type.
    """
    batch.validate(full=True)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        _check_whole(column, name)


def _check_whole(array: Any, name: str) -> None:
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        _check_whole(array.indices, name)
        _check_whole(array.dictionary, name)
        return
    bits = _element_bits(array.type)
    size = array.buffers()[1].size if bits >= 8 and array.buffers()[1] is not None else 0
    if size * 8 % (bits or 1):
        raise pa.ArrowInvalid(f"column `{name}`: {size} bytes are no whole number of elements of {bits // 8}")


def _element_bits(kind: Any) -> int:
    """The bits of an element of an array's second buffer; 0 where that holds no numbers."""
    import pyarrow as pa

    types = pa.types
    if types.is_string(kind) or types.is_binary(kind):
        return 32
    if types.is_large_string(kind) or types.is_large_binary(kind):
        return 64
    is_fixed = types.is_primitive(kind) or types.is_decimal(kind) or types.is_fixed_size_binary(kind)
    return int(kind.bit_width) if is_fixed else 0
