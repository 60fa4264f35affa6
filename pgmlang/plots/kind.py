"""What a kind of picture is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pgmlang.binding.record import Binding
    from pgmlang.results.fit import Fit


class Request(NamedTuple):
    """What is to be drawn: a fit, its ``variables`` (empty: those that the kind takes by itself), the data where they were
    given; ``shape``: rows and columns of an image; ``sampled``: draws fresh rows of the fit, as columns."""

    fit: Fit
    variables: tuple[str, ...] = ()
    binding: Binding | None = None
    seed: int = 0
    shape: tuple[int, int] | None = None
    sampled: Callable[[int], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Kind:
    """``against``: why a fit has no such picture, empty where it has; ``draw``: the picture; ``spellings``: other names;
    ``is_of_draws``: drawn by arviz-plots; ``needs_data``: of the fit and its data together; ``usual``: the lower the sooner
    it is taken where no kind is named and it ``suits`` the fit, None: never; ``against_shape``: of images, why a fit has none of so many rows and
    columns."""

    name: str
    says: str
    against: Callable[[Fit], str]
    draw: Callable[[Request], Figure]
    spellings: tuple[str, ...] = ()
    is_of_draws: bool = False
    needs_data: bool = False
    usual: int | None = None
    suits: Callable[[Fit], bool] = lambda fit: True
    against_shape: Callable[[Fit, tuple[int, int]], str] | None = None

    def reason_against(self, request: Request) -> str:
        """Why there is no such picture, of images of a shape where one is said."""
        if request.shape is None or self.against_shape is None:
            return self.against(request.fit)
        return self.against_shape(request.fit, request.shape)
