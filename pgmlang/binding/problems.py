"""Problems of one binding, collected so that a run names them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pgmlang.diagnostics import Diagnostic, PgmError


@dataclass
class BindingProblems:
    """Errors and warnings so far. ``troubled``: variables that an error is about; what follows from it is not said."""

    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    troubled: set[str] = field(default_factory=set)

    def error(
        self,
        code: str,
        message: str,
        place: str = "",
        cure: str = "",
        notes: tuple[str, ...] = (),
        about: str = "",
    ) -> None:
        self.errors.append(Diagnostic(code, message, place=place, help=cure, notes=notes))
        if about:
            self.troubled.add(about)

    def warn(self, code: str, message: str, place: str = "", cure: str = "") -> None:
        self.warnings.append(Diagnostic(code, message, place=place, help=cure))

    def extend(self, error: PgmError, about: str = "") -> None:
        self.errors.extend(error.diagnostics)
        if about:
            self.troubled.add(about)

    def stop(self) -> None:
        """Raises what was collected."""
        if self.errors:
            raise PgmError(self.errors)


def listed(names: Iterable[str], limit: int = 10) -> str:
    """Names in backticks, the first few of them."""
    every = list(names)
    shown = ", ".join(f"`{n}`" for n in every[:limit])
    return (shown + (f", … ({len(every):,} in all)" if len(every) > limit else "")) or "none"
