"""A table before there is a model of it: described, and a first model written."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgmlang.signatures.arguments import checked_arguments

if TYPE_CHECKING:
    from pgmlang.first_model import FirstModel
    from pgmlang.profile import Description


@checked_arguments
def describe(data: Any, *, sep: str | None = None, **reading: Any) -> Description:
    """What a table holds, to be printed: the kind, labels or range and missing cells of every column, and remarks with the
    option that mends each. ``data``: as of `CompiledModel.bind`; ``reading``: ``encoding decimal thousands na strip fold_case merge unit
    accounting magnitudes dates bins``. Raises PgmError (07xx)."""
    from pgmlang.data import read_frame
    from pgmlang.profile import describe as described

    frame = read_frame(data, sep=sep, **reading)
    frame.reading.check_columns(frame.columns, frame.name)
    return described(frame)


@checked_arguments
def init(
    data: Any, target: str | None = None, *, classifier: str = "logistic", name: str | None = None, as_is: bool = False,
    sep: str | None = None, **reading: Any,
) -> FirstModel:  # fmt: skip
    """A first model of a table: each column by its kind, or ``target`` by the others. What `describe` is sure of is taken into
    account unless ``as_is``; ``compile(first.text).fit(data, **first.binding)`` fits it. Arguments as of `describe`.

    ``classifier``: ``logistic`` or ``naive-bayes``, for a target of labels. Raises PgmError PGM0720 for an unknown target,
    PGM0602 for one that cannot be predicted, PGM0612 for another classifier, and (07xx).
    """
    from pgmlang.data import Reading, read_frame
    from pgmlang.first_model import drafted

    how = Reading.of(**reading)
    frame = read_frame(data, sep=sep, decimal=how.decimal_mark, encoding=how.encoding)
    stem = Path(data).name.split(".")[0] if isinstance(data, str | os.PathLike) and str(data) != "-" else ""
    return drafted(
        replace(frame, reading=Reading(), notes=()), how, name or stem or "first", target, classifier, as_is
    )
