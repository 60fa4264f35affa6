"""A remark on a table: what was seen, where, and the option that mends it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any

from pgmlang.data.reading import Reading


@dataclass(frozen=True)
class Remark:
    """``kind``: a row of `registry.REMARKS`; ``columns``: those it is on; ``rows``: line numbers of the first cells.
    ``options``: what mends it, as a `Reading`; ``cure``: what else helps, in words. ``is_sure``: it can hardly be meant
    otherwise, so that `init` reads the table with these options. ``binding``: other options, such as ``--counts n``."""

    kind: str
    columns: tuple[str, ...]
    message: str
    rows: tuple[int, ...] = ()
    options: Reading = field(default_factory=Reading)
    cure: str = ""
    is_sure: bool = False
    binding: tuple[str, ...] = ()

    @property
    def flags(self) -> str:
        """The options as they are typed."""
        return " ".join(map(shlex.quote, [*self.options.flags(), *self.binding]))

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": self.kind, "columns": list(self.columns), "message": self.message, "rows": list(self.rows),
                "options": self.flags, "cure": self.cure, "sure": self.is_sure}  # fmt: skip
