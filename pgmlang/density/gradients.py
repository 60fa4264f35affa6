"""Gradients that are not finite: which value's they are, and which line of the model they come from.

An optimiser that went on with one would stop where it began and call that converged. Autograd knows for each step of a
gradient which line of the emitted program made it (its anomaly mode), and the program's source map leads from there to
the model.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import FreeKey, GuideMoment, GuideParam, NetworkWeight
from pgmlang.diagnostics import Diagnostic, PgmError, Span
from pgmlang.lower.program import line_of_model

CURE = (
    "a function has no slope there (log or sqrt at zero, a division by zero, an exp that overflows): keep it away with "
    "a prior or a bound, or take another branch there by an `if`"
)


def are_finite(gradients: Sequence[Tensor | None]) -> bool:
    """Whether all numbers of all gradients are finite."""
    known = [g for g in gradients if g is not None]
    # squares may overflow where all are finite; the norm of the largest would be exact, and is thirty times as slow
    if not known or math.isfinite(float(torch.nn.utils.get_total_norm(known, 2.0))):
        return True
    return _all_finite(known)


def slopes_of(total: Tensor, leaves: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The gradients of a number by its leaves, zero where it does not hang on one (a param that nothing mentions)."""
    if not total.requires_grad:
        return tuple(map(torch.zeros_like, leaves))
    slopes = torch.autograd.grad(total, list(leaves), allow_unused=True)
    return tuple(torch.zeros_like(x) if s is None else s for x, s in zip(leaves, slopes, strict=True))


def gradients_of(
    objective: Callable[[], Tensor], leaves: Mapping[FreeKey, Tensor], joint: BoundDensity, label: str
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """An objective and its gradients by the leaves. Raises PgmError PGM0808 where
    the objective is finite and a gradient is not, PGM0803 where neither is."""
    with torch.enable_grad():
        total = objective()
        gradients = slopes_of(total, list(leaves.values()))
    if not are_finite(gradients):
        raise gradient_error(objective, leaves, joint, label)
    return total.detach(), gradients


def gradient_error(
    objective: Callable[[], Tensor], leaves: Mapping[FreeKey, Tensor], joint: BoundDensity, label: str
) -> PgmError:
    """The error of an objective whose gradient by some of the leaves is not finite; it is evaluated again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that anomaly mode is slow
        with torch.enable_grad(), torch.autograd.set_detect_anomaly(True, check_nan=False):
            total = objective()
            node, gradients = _first_not_finite(total, list(leaves.values()))
    if not bool(torch.isfinite(total.detach()).all()):
        cure = "look for a scale that may become zero, or values of the data far from all others"
        return PgmError(
            Diagnostic("PGM0803", f"the {label} is {float(total.detach()):g}, and has no gradient", help=cure)
        )
    bad = [
        k for k, g in zip(leaves, gradients, strict=True) if g is not None and not bool(torch.isfinite(g).all())
    ]
    by = ", ".join(dict.fromkeys(_spelled(name) for name in bad)) or "one of its variables"
    step = f", by way of `{_function(node)}`" if node is not None else ""
    message = f"the gradient of the {label} by {by} is not a finite number{step}"
    return PgmError(Diagnostic("PGM0808", message, _span(node, joint), help=CURE))


def _first_not_finite(total: Tensor, leaves: list[Tensor]) -> tuple[Any, tuple[Tensor | None, ...]]:
    """The first node of the backward pass that makes what is not finite of what is, and the gradients."""
    made: list[Any] = []

    def watch(node: Any) -> None:
        def look(inputs: Sequence[Tensor | None], outputs: Sequence[Tensor | None]) -> None:
            if not made and _all_finite(outputs) and not _all_finite(inputs):
                made.append(node)

        node.register_hook(look)

    pending, seen = [total.grad_fn], set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        watch(node)
        pending.extend(parent for parent, _ in node.next_functions)
    gradients = torch.autograd.grad(total, leaves, allow_unused=True)
    return (made[0] if made else None), gradients


def _all_finite(values: Sequence[Tensor | None]) -> bool:
    return all(v is None or bool(torch.isfinite(v).all()) for v in values)


def _function(node: Any) -> str:
    """``LogBackward0`` is the way back through ``log``."""
    return re.sub(r"Backward\d*$", "", str(node.name())).removesuffix("Kernel").lower()


def _span(node: Any, joint: BoundDensity) -> Span | None:
    """The model's line that made a node of the backward pass."""
    if node is None:
        return None
    frames = "".join(node.metadata.get("traceback_", ()))
    for program in joint.programs.loaded:
        lines = re.findall(rf'File "{re.escape(program.__file__ or "")}", line (\d+)', frames)
        spans = [span for n in lines if (span := line_of_model(program, int(n))) is not None]
        if spans:
            return spans[-1]
    return None


def _spelled(key: FreeKey) -> str:
    """A leaf as a person knows it."""
    match key:
        case NetworkWeight(name=name):
            return f"the weights of the network `{name.partition('.')[0]}`"
        case GuideMoment(name=name):
            return f"the {name} of the guide"
        case GuideParam(name=name):
            return f"`{name}`"
    return f"`{key}`"
