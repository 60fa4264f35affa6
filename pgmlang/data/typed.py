"""Columns out of typed sources: Arrow tables, data frames, dicts of sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pgmlang.data.bridge import floats_of, strings_of, text_scalar, valid_of
from pgmlang.data.column_names import named, told_apart
from pgmlang.data.frame import Column, Frame, NumberColumn, OtherColumn, TextColumn
from pgmlang.data.pool import LabelPool
from pgmlang.data.problems import problem
from pgmlang.data.records import mixed_column, mixed_values
from pgmlang.data.row_origin import RowOrigin
from pgmlang.data.source_kind import SourceKind

_EXACT = 2**53
"""Whole numbers beyond it lose digits as float64; their columns are kept as text."""
_UNITS_A_DAY = {"s": 86_400.0, "ms": 86_400e3, "us": 86_400e6, "ns": 86_400e9}


def frame_of_table(table: Any, name: str, start: int = 0, pools: Mapping[str, LabelPool] | None = None) -> Frame:
    """An Arrow table as a frame. Raises PgmError PGM0704, PGM0707 or PGM0719."""
    names, unnamed = named(table.column_names)
    check_names(names, name)
    if not table.num_rows:
        raise problem("PGM0707", "the table has no rows", place=name, cure="at least one row is needed")
    origin = RowOrigin(name, 1 + start)
    columns = {
        n: column_of_arrow(n, table.column(i), origin, pools[n] if pools else None) for i, n in enumerate(names)
    }
    notes = (*unnamed.values(), *duration_notes(names, table.columns))
    return Frame(name, table.num_rows, columns, place=origin, start=start, notes=notes)


def check_names(names: Sequence[str], name: str) -> None:
    """Raises PgmError for names twice, empty names and too many columns."""
    from pgmlang.data.header import MAX_COLUMNS

    if len(names) > MAX_COLUMNS:
        raise problem(
            "PGM0719", f"{len(names):,} columns; at most {MAX_COLUMNS:,} are read", place=name,
            cure="give the data in long form, one row per observation, or as an array",
        )  # fmt: skip
    seen: set[str] = set()
    for i, column in enumerate(names):
        if not column.strip():
            cure = "name the column, or leave it out"
            raise problem("PGM0702", f"column {i + 1} has no name", place=name, cure=cure)
        if column in seen:
            again = told_apart(names)[i]
            cure = f"give every column its own name, such as `{again}` for column {i + 1}"
            raise problem("PGM0704", f"two columns are named `{column}`", place=name, cure=cure)
        seen.add(column)


def column_of_arrow(name: str, array: Any, place: RowOrigin, pool: LabelPool | None = None) -> Column:
    """An Arrow array as a column: null, NaN and the empty text are missing."""
    import pyarrow as pa

    chunked = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    if pa.types.is_dictionary(chunked.type) and chunked.type.ordered and len(chunked):
        return _ordered_column(name, chunked, place, pool)
    chunked = _plain_texts(chunked)
    kind, t = chunked.type, pa.types
    if t.is_dictionary(kind):
        return _of_categories(name, chunked, place, pool)
    if t.is_boolean(kind):
        return NumberColumn(name, place, _floats(chunked.cast(pa.uint8())), "bool", pool)
    if t.is_integer(kind):
        if _fits(chunked):
            return NumberColumn(name, place, _floats(chunked), "int", pool)
        return replace(_text_column(name, chunked.cast(pa.string()), place, pool), origin=SourceKind("int"))
    if t.is_floating(kind):
        small = t.is_float32(kind) or t.is_float16(kind)
        return NumberColumn(name, place, _floats(chunked), "float32" if small else "float", pool)
    if t.is_duration(kind):
        days = _floats(chunked.cast(pa.int64())) / _UNITS_A_DAY[kind.unit]
        return NumberColumn(name, place, days, "float", pool)
    if t.is_timestamp(kind) or t.is_date(kind):
        return replace(_text_column(name, iso_texts(chunked), place, pool), holds_dates=True)
    if t.is_null(kind) or t.is_decimal(kind) or t.is_time(kind):
        return _text_column(name, chunked.cast(pa.string()), place, pool)
    if _is_text(kind):
        return _text_column(name, chunked, place, pool)
    return OtherColumn(name, place, _in_words(kind), ~valid_of(chunked))


def _of_categories(name: str, chunked: Any, place: RowOrigin, pool: LabelPool | None) -> Column:
    """Cells of categories, as those of what the categories are; which these are, unused ones too, is kept."""
    coded = chunked.unify_dictionaries()
    values = coded.chunk(0).dictionary if coded.num_chunks else []
    cells = coded if _is_text(coded.type.value_type) else coded.cast(coded.type.value_type)
    column = (
        _text_column(name, cells, place, pool) if cells is coded else column_of_arrow(name, cells, place, pool)
    )
    if isinstance(column, OtherColumn):
        return column
    categories = column_of_arrow(name, values, place).labels
    if isinstance(column, NumberColumn):
        return replace(column, categories=categories)
    assert isinstance(column, TextColumn), "all others are texts"
    return replace(column, origin=SourceKind(column.origin.holds, categories))


def _ordered_column(name: str, chunked: Any, place: RowOrigin, pool: LabelPool | None) -> Column:
    """An ordered set of labels, whatever they are in the source, as texts that know their order and those that no cell has."""
    import pyarrow as pa

    chunks, levels = [], dict[str, None]()
    for chunk in chunked.chunks:
        values = column_of_arrow(name, chunk.dictionary, place)
        if isinstance(values, OtherColumn):
            return replace(values, absent=~valid_of(chunked))
        labels, codes = values.labels_and_codes()
        texts = [labels[code] if code >= 0 else None for code in codes]
        levels |= dict.fromkeys(text for text in texts if text is not None)
        chunks.append(strings_of(texts).cast(pa.string()).take(chunk.indices))
    kind = SourceKind(values.source_kind.holds, tuple(levels), is_ordered=True)
    array = pa.chunked_array(chunks, pa.string())
    return TextColumn(name, place, array, pool=pool, levels=tuple(levels), origin=kind)


def _plain_texts(chunked: Any) -> Any:
    """Intervals and periods of pandas, by themselves or as categories, as their texts; others as they are."""
    import pyarrow as pa

    is_coded = pa.types.is_dictionary(chunked.type)
    kind = chunked.type.value_type if is_coded else chunked.type
    if getattr(kind, "extension_name", "") not in ("pandas.interval", "pandas.period"):
        return chunked

    def texts(array: Any) -> Any:
        series = array.to_pandas()
        return pa.array([None if x else str(v) for v, x in zip(series, series.isna(), strict=True)], pa.string())

    plain = [texts(c.dictionary).take(c.indices) if is_coded else texts(c) for c in chunked.chunks]
    return pa.chunked_array(plain, pa.string())


def _in_words(kind: Any) -> str:
    """What cells hold that are neither text nor numbers."""
    import pyarrow as pa

    t = pa.types
    if t.is_list(kind) or t.is_large_list(kind) or t.is_fixed_size_list(kind):
        return "lists"
    if t.is_struct(kind) or t.is_map(kind):
        return "records"
    return "bytes" if t.is_binary(kind) or t.is_large_binary(kind) or t.is_fixed_size_binary(kind) else str(kind)


def iso_texts(times: Any) -> Any:
    """Arrow dates and times as texts by ISO 8601, in UTC where they have a zone: days alone at midnight, no zeros at the end."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = times.type
    if pa.types.is_date(kind):
        return times.cast(pa.date32()).cast(pa.string())
    if kind.tz is not None:
        times = times.cast(pa.timestamp(kind.unit, "UTC"))
    plain = times.cast(pa.timestamp(kind.unit)).cast(pa.string())
    short = pc.replace_substring_regex(pc.replace_substring_regex(plain, r"(\.\d*?)0+$", r"\1"), r"\.$", "")
    if kind.tz is not None:
        return pc.replace_substring_regex(short, "$", "Z")
    return pc.replace_substring_regex(short, r" 00:00:00$", "")


def duration_notes(names: Sequence[str], arrays: Sequence[Any]) -> tuple[str, ...]:
    """What is said of columns of durations."""
    import pyarrow as pa

    named = [n for n, a in zip(names, arrays, strict=True) if pa.types.is_duration(a.type)]
    return tuple(f"the durations of `{n}` read as days" for n in named)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view"


def _fits(chunked: Any) -> bool:
    import pyarrow.compute as pc

    if chunked.type.bit_width <= 32:
        return True
    ends = pc.min_max(chunked).as_py()
    return ends["min"] is None or (ends["min"] >= -_EXACT and ends["max"] <= _EXACT)


def _floats(chunked: Any) -> np.ndarray:
    """As float64, null as NaN."""
    import pyarrow as pa

    return floats_of(chunked.cast(pa.float64()))


def _text_column(name: str, chunked: Any, place: RowOrigin, pool: LabelPool | None) -> TextColumn:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(chunked.type):
        # As plain text, so that unused categories vanish and labels come in order of appearance.
        plain = [c.dictionary.cast(pa.string()).take(c.indices) for c in chunked.chunks]
        chunked = pa.chunked_array(plain, pa.string())
    chunked = chunked.cast(pa.string())
    absent = pc.is_in(chunked, value_set=strings_of([""]).cast(pa.string()), skip_nulls=True)
    if pc.any(absent).as_py():
        chunked = pc.if_else(absent, text_scalar(None, pa.string()), chunked)
    return TextColumn(name, place, chunked, pool=pool)


def arrow_of_values(values: Any, name: str, frame: str) -> Any:
    """A sequence, array or series as an Arrow array. Raises PgmError PGM0702 if its values have no one type."""
    import pyarrow as pa

    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    is_of_arrow = hasattr(values, "__arrow_c_stream__")
    is_of_pandas = type(values).__module__.partition(".")[0] == "pandas"
    if hasattr(values, "__array__") and not is_of_pandas and not is_of_arrow:
        values = np.asarray(values)
    if isinstance(values, np.ndarray) and values.dtype.kind in "mM":
        values = _in_arrow_units(values)
    try:
        return pa.chunked_array(values) if is_of_arrow else pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, TypeError) as error:
        raise mixed_values(values, name, frame, str(error).split("\n")[0]) from None


def _in_arrow_units(times: np.ndarray) -> np.ndarray:
    """Times of NumPy in a unit that Arrow has too: hours and minutes as seconds, weeks, months and years as days."""
    unit = np.datetime_data(times.dtype)
    if unit[1] == 1 and unit[0] in (
        ("D", "s", "ms", "us", "ns") if times.dtype.kind == "M" else ("s", "ms", "us", "ns")
    ):
        return times
    is_coarse = unit[0] in "YMWD" and times.dtype.kind == "M"
    return times.astype(f"{times.dtype.kind}8[{'D' if is_coarse else 's' if unit[0] in 'YMWDhm' else 'ns'}]")


def _with_text_names(data: Any) -> Any:
    """A data frame of pandas whose columns are named by texts, as Arrow's are; any other object as it is."""
    names = getattr(data, "columns", None)
    is_of_pandas = type(data).__module__.partition(".")[0] == "pandas"
    if not is_of_pandas or names is None or all(isinstance(n, str) for n in names):
        return data
    return data.set_axis([str(n) for n in names], axis=1)


def table_of_object(data: Any, name: str) -> Any:
    """An object with an Arrow or data frame interface as an Arrow table. Raises PgmError PGM0702 or PGM0704."""
    import pyarrow as pa

    try:
        if isinstance(data, pa.RecordBatch):
            return pa.Table.from_batches([data])
        if isinstance(data, pa.RecordBatchReader):
            return data.read_all()
        if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
            return pa.table(_with_text_names(data))
        from pyarrow.interchange import from_dataframe

        return from_dataframe(data)
    except PermissionError:
        raise
    except Exception as error:  # foreign objects raise what they like
        message = str(error).split("\n")[0]
        if "uplicate" in message:
            raise problem("PGM0704", "two columns have the same name", place=name, notes=[message],
                          cure="give every column its own name") from None  # fmt: skip
        if not hasattr(data, "columns") and not hasattr(data, "column_names"):
            column = getattr(data, "name", None) or "x"
            raise problem("PGM0702", f"this {type(data).__name__} is one column, not a table", place=name, notes=[message],
                          cure=f"say what it is called: `{{{str(column)!r}: data}}`") from None  # fmt: skip
        mixed = mixed_column(data, name, message)
        if mixed is not None:
            raise mixed from None
        raise problem(
            "PGM0702", f"this {type(data).__name__} cannot be read as a table", place=name, notes=[message],
            cure="give a data frame whose columns each hold text or numbers only, or a dict of columns",
        ) from None  # fmt: skip
