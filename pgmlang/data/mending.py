"""A table read as its `Reading` says: missing cells, labels that are one, dates and bins; and what each of these did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from pgmlang.data.binned import binned
from pgmlang.data.bridge import coded_texts
from pgmlang.data.cuts import settled_cuts
from pgmlang.data.dates import dated
from pgmlang.data.frame import Column, Frame, NumberColumn, TextColumn
from pgmlang.data.named_cells import as_written, named_labels, named_numbers, number_of
from pgmlang.data.numbers import PLAIN, parse_numbers
from pgmlang.data.problems import cells, problem, quoted
from pgmlang.data.reading import Reading, texts_for
from pgmlang.data.settling import settled_by, tidy
from pgmlang.data.source_kind import Holds
from pgmlang.diagnostics.suggest import did_you_mean

_COMPARED = 2000
"""Labels of a column among which one that is nearly equal is looked for."""
PLAIN_READING = Reading()
Hits = set[tuple[str, str]]
"""Columns, and texts of theirs that an option names."""


def mended(frame: Frame, reading: Reading, expected: Reading = PLAIN_READING) -> Frame:
    """The frame with its cells as ``reading`` says, and notes of what that did, and of what ``expected`` names and no cell has.
    Raises PgmError for dates and bins of cells that are none."""
    if reading.is_plain:
        return frame
    reading = settled = settled_by(reading, frame.columns.values())
    columns, notes = dict(frame.columns), list(frame.notes)
    hits: Hits = set()
    for name, column in frame.columns.items():
        if isinstance(column, TextColumn):
            number_format = reading.number_format(name)
            if (column.number_format, column.folds_case) != (number_format, reading.fold_case):
                column = replace(column, number_format=number_format, folds_case=reading.fold_case)
        elif isinstance(column, NumberColumn) and column.kind == "int" and name in reading.spelt:
            column = _as_texts(column)  # rows of a column that has whole numbers which no float64 is
        made, said = _without_missing(column, reading, hits)
        if isinstance(made, NumberColumn):
            made, more = _merged_numbers(made, reading, hits)
            said = [*said, *more]
        if isinstance(made, TextColumn):
            made, more = _labelled(made, reading, hits)
            said = [*said, *more, *_formatted(made)]
        columns[name] = made
        notes += said
    arrays = {name: _mended_array(name, frame, reading, hits, notes) for name in frame.arrays}
    _check_merges(reading)
    notes += _idle(frame, expected, reading.fold_case, hits)
    for name, how in reading.dates:
        if name in columns:
            columns[name], how, said_of = dated(columns[name], how)
            settled = replace(settled, dates=tuple((n, how if n == name else f) for n, f in settled.dates))
            notes.append(said_of)
    uncut = dict(columns)
    for name, cut in reading.bins:
        if name in columns:
            columns[name], cuts, said_of = binned(uncut[name], cut, uncut)
            settled = replace(settled, bins=tuple((n, cuts if n == name else c) for n, c in settled.bins))
            notes.append(said_of)
    return replace(frame, columns=columns, arrays=arrays, reading=settled, notes=tuple(notes))


def check_blocks(reading: Reading) -> None:
    """Raises PgmError PGM0612 for what only a whole table can settle, where it is read in blocks."""
    for name, how in reading.bins:
        if settled_cuts(name, how) is None:
            raise problem("PGM0612", f"where `{name}` is cut hangs on all rows, and they are read in blocks",
                          cure=f"give the cut points: `--bins {name}=[18,30,65]`")  # fmt: skip
    for name, how in reading.dates:
        if not how:
            raise problem("PGM0612", f"how dates of `{name}` are written is seen in all rows, and they are read in blocks",
                          cure=f"say it: `--dates {name}=%Y-%m-%d`")  # fmt: skip


def _idle(frame: Frame, said: Reading, folds_case: bool, hits: Hits) -> Iterator[str]:
    """A line on each text that is named and that no cell is."""
    named = [("na", "=", c, t, f"{c}={t}" if c else t) for c, t in said.na]
    named += [("merge", ":", c, t, f"{c}:{t}={to}" if c else f"{t}={to}") for c, t, to in said.merge]
    for option, mark, name, text, typed in named:
        texts = {c: texts_for(c, name, text, mark) for c in (*frame.columns, *frame.arrays)}
        if any((c, t.lower() if folds_case and option == "merge" else t) in hits for c in texts for t in texts[c]):
            continue
        # a column in front of the text says where it was looked for
        column, shorter = next(((c, t[-1]) for c, t in texts.items() if len(t) > 1), (name, text))
        labels = [t for c, one in frame.columns.items() if isinstance(one, TextColumn) and column in ("", c)
                  for t in one.encoded[0].slice(0, _COMPARED).to_pylist()]  # fmt: skip
        near = did_you_mean(shorter, labels)
        where = f" of {quoted(column)}" if column else ""
        yield f"no cell{where} is {quoted(shorter)}: `--{option} {typed}` changes nothing" + (
            f" ({near})" if near else ""
        )


def _check_merges(reading: Reading) -> None:
    for _, text, label in reading.merge:
        if text == label:
            raise problem("PGM0612", f"{quoted(text)} is merged with itself", cure="name two labels")


def _mended_array(name: str, frame: Frame, reading: Reading, hits: Hits, notes: list[str]) -> np.ndarray:
    """An array of numbers with those that mean missing as NaN, and merged ones as the numbers that they are read as; notes of an
    array that is a column too are the column's."""
    array = frame.arrays[name]
    if array.dtype.kind not in "iuf" or not (reading.na_of(name) or reading.merged(name)):
        return array
    kind: Holds = "float32" if array.dtype == np.float32 else "float"
    flat, said = _without_missing(
        NumberColumn(name, frame.place, array.reshape(-1).astype(float), kind), reading, hits
    )
    if isinstance(flat, NumberColumn):
        merged, more = _merged_numbers(flat, reading, hits)
        # what is no number has no cell in an array of numbers
        flat, said = (merged, [*said, *more]) if isinstance(merged, NumberColumn) else (flat, said)
    if not said or not isinstance(flat, NumberColumn):
        return array
    notes += [] if name in frame.columns else said
    return flat.values.reshape(array.shape)


def _without_missing(column: Column, reading: Reading, hits: Hits) -> tuple[Column, list[str]]:
    """The cells that the reading says are missing taken out. Before labels are tidied, and again by `_labelled` after."""
    texts = reading.na_of(column.name)
    if not texts:
        return column, []
    if isinstance(column, NumberColumn):
        values, notes = column.values, []
        for text in texts:
            hit = named_numbers(column, text, reading.number_format(column.name))
            if hit.any():
                hits.add((column.name, text))
                notes.append(_missing_note(int(hit.sum()), text, column.name))
                values = np.where(hit, np.nan, values)
        return replace(column, values=values), notes
    if not isinstance(column, TextColumn):
        return column, []
    missing = dict.fromkeys(texts)
    return _relabelled(column, missing, reading, lambda n, old, _: _missing_note(n, old, column.name), hits)


def _merged_numbers(column: NumberColumn, reading: Reading, hits: Hits) -> tuple[Column, list[str]]:
    """Numbers read as others; a column of texts, still to be merged, where one is read as what is no number."""
    how, name = reading.number_format(column.name), column.name
    cells_of = {text: named_numbers(column, text, how) for text in reading.merged(name)}
    hit = {text: reading.merged(name)[text] for text, named in cells_of.items() if named.any()}
    if not hit:
        return column, []
    numbers = [number for label in hit.values() if (number := number_of(label, how)) is not None]
    if column.kind == "bool" or len(numbers) < len(hit):
        return _as_texts(column), []
    values = np.select([cells_of[text] for text in hit], numbers, column.values)
    is_whole = bool((np.isnan(values) | (values == np.floor(values))).all())
    hits.update((name, text) for text in hit)
    notes = [_merge_note(int(cells_of[text].sum()), text, label, name) for text, label in hit.items()]
    return replace(
        column, values=values, kind="float" if column.kind == "int" and not is_whole else column.kind
    ), notes


def _as_texts(column: NumberColumn) -> TextColumn:
    """Numbers and truth values as their labels."""
    labels, codes = replace(column, pool=None).labels_and_codes()
    array = coded_texts(labels, codes)
    return TextColumn(column.name, column.place, array, pool=column.pool, origin=column.source_kind)


def _merge_note(count: int, text: str, label: str, column: str) -> str:
    return f"{cells(count)} {quoted(text)} of `{column}` read as {quoted(label)}"


def _missing_note(count: int, text: str, column: str) -> str:
    return f"{cells(count)} {quoted(text)} of `{column}` read as missing"


def _labelled(column: TextColumn, reading: Reading, hits: Hits) -> tuple[TextColumn, list[str]]:
    """Labels tidied, in lower case, and merged, one after the other."""
    notes: list[str] = []
    if reading.strip:
        column, said = _mapped(column, tidy, "without stray blanks, in Unicode's NFC")
        notes += said
        again = reading.na_of(column.name)
        if said and again:
            column, said = _without_missing(column, reading, hits)  # type: ignore[assignment]
            notes += said
    if reading.fold_case:
        column, said = _mapped(column, str.lower, "in lower case")
        notes += said
    merges = reading.merged(column.name)
    if merges:
        name, how = column.name, column.number_format
        merges = {t: reading.spelling_of(name, to) or as_written(to, how) for t, to in merges.items()}
        if reading.fold_case:
            merges = {text.lower(): label for text, label in merges.items()}
        column, said = _relabelled(
            column, merges, reading, lambda n, old, new: _merge_note(n, old, new, name), hits
        )
        notes += said
    return column, notes


def _mapped(column: TextColumn, change: Callable[[str], str], words: str) -> tuple[TextColumn, list[str]]:
    """The labels changed; a note with the number of cells and the first few of their labels."""
    dictionary, codes = column.encoded
    old = dictionary.to_pylist()
    new = [change(t) or None for t in old]
    differs = np.array([a != b for a, b in zip(old, new, strict=True)] + [False])
    column = _with_levels(column, lambda t: change(t) or None)
    if not differs.any():
        return column, []
    changed = int(differs[codes].sum())
    shown = [quoted(old[i], 30) for i in np.flatnonzero(differs)[:4]]
    more = ", …" if differs.sum() > 4 else ""
    note = [f"{cells(changed)} of `{column.name}` read {words}: {', '.join(shown)}{more}"] if changed else []
    return _with_texts(column, new, codes), note


def _relabelled(
    column: TextColumn, to: Mapping[str, str | None], reading: Reading, note: Callable[[int, str, str], str], hits: Hits
) -> tuple[TextColumn, list[str]]:  # fmt: skip
    """The cells that the texts of a mapping name replaced (None: missing), each label with its note; texts that name some come
    into ``hits``."""
    dictionary, codes = column.encoded
    old: list[str] = dictionary.to_pylist()
    named = named_labels(
        list(dict.fromkeys((*old, *column.levels))),
        to,
        column.number_format,
        reading.number_format(column.name),
        by_value=column.name not in reading.spelt,
    )
    if not named:
        return column, []
    counts = np.bincount(codes[codes >= 0], minlength=len(old))
    notes = [note(int(n), t, to[named[t]] or "") for t, n in zip(old, counts, strict=True) if n and t in named]
    hits.update((column.name, text) for text in named.values())
    column = _with_levels(column, lambda t: to[named[t]] if t in named else t)
    return _with_texts(column, [to[named[t]] if t in named else t for t in old], codes), notes


def _with_texts(column: TextColumn, texts: list[str | None], codes: np.ndarray) -> TextColumn:
    """A column whose code i means ``texts[i]``; equal texts become one label."""
    position: dict[str, int] = {}
    translation = np.array(
        [-1 if t is None else position.setdefault(t, len(position)) for t in texts] + [-1], np.int32
    )
    return replace(column, array=coded_texts(list(position), translation[codes]))


def _with_levels(column: TextColumn, change: Callable[[str], str | None]) -> TextColumn:
    """A column whose declared labels are as ``change`` makes them (None: missing, and no label)."""
    changed = tuple(dict.fromkeys(t for t in map(change, column.levels) if t is not None))
    return column if changed == column.levels else replace(column, levels=changed)


def _formatted(column: TextColumn) -> Iterator[str]:
    """What the way numbers are written did, where all cells of a column are numbers by it."""
    how = column.number_format
    if how == PLAIN:
        return
    dictionary, codes = column.encoded
    _, plain_bad = parse_numbers(dictionary)
    values, bad = parse_numbers(dictionary, how)
    changed = np.append(plain_bad | (values != parse_numbers(dictionary)[0]), False)
    if not len(dictionary) or bad.any() or not changed.any():
        return
    first = int(np.flatnonzero(changed)[0])
    count = int(changed[codes].sum())
    words = "a number" if count == 1 else "numbers"
    yield f"{cells(count)} of `{column.name}` read as {words}: {quoted(dictionary[first].as_py())} is {values[first]:.12g}"
