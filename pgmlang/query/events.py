"""What the value of an event is compared with: a label's code, or a number."""

from __future__ import annotations

import math

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model.labels import Labels
from pgmlang.query.parse import COMPUTED, Event, Evidence


def code_of(event: Event, name: str, labels: Labels) -> int:
    """The code of the label that a variable is compared with. Raises PgmError PGM0607 for another text or comparison."""
    if event.value not in labels or event.op not in ("=", "!="):
        near = did_you_mean(str(event.value), labels) or "its labels: " + ", ".join(labels)
        message = f"`{event.value}` is not a label of `{name}`"
        raise PgmError(Diagnostic("PGM0607", message, event.variable.span, help=near))
    return labels.index(str(event.value))


def bound_of(event: Event, name: str, has_atoms: bool) -> float:
    """The number that a variable is compared with. ``has_atoms``: a value of it may have a probability. Raises PgmError
    PGM0606 for a text and for `nan`, and for the equality of a number that has a density alone."""
    span = event.variable.span
    if event.op in ("=", "!=") and not has_atoms:
        message = f"`{name}` is a real number: it equals a value with probability zero"
        raise PgmError(Diagnostic("PGM0606", message, span, help=f"ask for `P({name} > {event.value})`"))
    try:
        bound = float(str(event.value))
    except ValueError:
        bound = math.nan
    if math.isnan(bound):
        message = f"`{event.value}` is not a number to compare with"
        raise PgmError(Diagnostic("PGM0606", message, span, help=f"two variables: {COMPUTED}"))
    return bound


def numbers_of(event: Event, name: str, labels: Labels) -> np.ndarray:
    """The labels of a variable as numbers, a bit's 0 and 1 among them. Raises PgmError PGM0606 where one is none."""
    try:
        return np.array([float(label) for label in labels])
    except ValueError:
        raise PgmError(Diagnostic("PGM0606", f"`{name}` has labels, not numbers", event.variable.span,
                                  help=f"ask for `P({name} | ...)`")) from None  # fmt: skip


def label_weights(item: Evidence, labels: Labels) -> np.ndarray:
    """The weight that soft evidence gives every label. Raises PgmError PGM0606 where one is not told, or all are zero,
    PGM0607 for a text that is no label."""
    name = item.variable.name
    told = dict(item.weights)
    for label in told:
        if label not in labels:
            near = did_you_mean(label, labels) or "its labels: " + ", ".join(f"`{x}`" for x in labels[:20])
            raise PgmError(Diagnostic("PGM0607", f"`{label}` is not a label of `{name}`", item.span, help=near))
    absent = [label for label in labels if label not in told]
    if absent:
        listed = ", ".join(f"`{x}`" for x in absent[:8])
        cure = "give each label a weight, 1 where the observation says nothing and 0 where it rules the label out"
        raise PgmError(
            Diagnostic("PGM0606", f"the soft evidence on `{name}` says nothing of {listed}", item.span, help=cure)
        )
    if not any(told.values()):
        message = f"the soft evidence on `{name}` rules every label out"
        raise PgmError(Diagnostic("PGM0606", message, item.span, help="give one label a weight above 0"))
    return np.array([told[label] for label in labels], dtype=float)
