"""The lines every run prints first: what the data decided."""

from __future__ import annotations

from pgmlang.binding.record import Binding


def binding_report(binding: Binding) -> list[str]:
    """What is observed, latent, missing, unused and renamed."""
    model = binding.model
    rows = [p.name for p in model.plates if p.is_rows and p.name in binding.sizes]
    counted = ", ".join(f"{binding.sizes[p]:,} of plate {p}" for p in rows)
    inputs = [n for n in binding.values if model.by_name[n].role == "input"]
    lines = [f"observed  {_names(binding.observed)} (rows: {counted})"]
    if inputs:
        lines.append(f"inputs    {_names(inputs)}")
    if binding.latent:
        lines.append(f"latent    {_names(binding.latent)}")
    if binding.missing:
        lines.append("missing   " + ", ".join(f"{n} {c:,} cells" for n, c in list(binding.missing.items())[:12]))
    if binding.dropped_rows:
        lines.append(f"dropped   {binding.dropped_rows:,} rows with missing cells")
    if binding.weights is not None:
        lines.append(f"{'counts' if binding.is_counts else 'weights'}    summing to {binding.weights.sum():,.6g}")
    if binding.renamed:
        lines.append("renamed   " + ", ".join(f"{a} is {b}" for a, b in binding.renamed[:12]))
    if binding.unused:
        lines.append(f"unused    columns {_names(binding.unused)}")
    return lines


def _names(names: object, limit: int = 16) -> str:
    listed = list(names)  # type: ignore[call-overload]
    return (
        ", ".join(listed[:limit]) + (f", ... ({len(listed)} in all)" if len(listed) > limit else "")
    ) or "nothing"
