"""How long a sampler runs: until its draws agree and are enough, or up to a most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.results.convergence import convergence, plain_r_hat, r_hat_of_codes
from pgmlang.results.effective_draws import enough

USUAL, TIMES = 500, 10
"""Draws of each chain where none are asked for, and how many times as many a run may take until they settle."""
R_HAT = 1.01
"""Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), section 4."""
R_HAT_OF_LABELS = 1.05
"""Of draws of labels, of which there may be thousands."""
APART = 1.05
"""Chains whose R-hat is above had not arrived when their warm-up ended."""
HOPELESS = 1.2
"""Chains whose R-hat is above are in different places: more draws would tell the same."""
EARLY = 0.05
"""The share of a chain's draws that are its beginning."""
FAR = 8.0
"""Standard deviations, by the quantiles of all draws on that side, from their median: a chain whose beginning has its median farther away
comes from elsewhere. Of 10,000 numbers whose draws hang together by 0.95 none does so by chance."""
BACK = 0.5
"""The share of that distance which a later stretch of some chain goes too, where tails are so long that chains are there by right."""
MOST_JUDGED = 20_000
"""Most numbers of a variable that R-hat and effective draws are worked out of: those of all words of all topics take as long as drawing
them."""
MARGIN = 1.2
"""Times as many draws as should just do, that a run goes on to."""
SCREENED = 2**22
"""Values by which numbers are found doubtful: of more, every second, third ... draw."""
DOUBTFUL = 100
"""Numbers of a variable that a run's going on is decided by: those that R-hat without ranks finds worst."""
MOST_NUMBERS = 100_000_000
"""Most numbers of all draws together, for the sake of memory, beyond those that were asked for."""


@dataclass(frozen=True)
class Settlement:
    """What draws say of themselves: the largest share of R-hat's excess over one of what is allowed, and the smallest of the effective
    draws of what is needed; ``r_hat``: the largest; ``size``: numbers of one draw of all chains; ``is_arriving``: a chain `comes_from_elsewhere`."""

    excess: float
    ess: float
    r_hat: float
    size: int
    is_arriving: bool = False

    @property
    def is_settled(self) -> bool:
        return self.excess <= 1.0 and self.ess >= 1.0 and not self.is_arriving


def judged(draws: np.ndarray) -> np.ndarray:
    """The numbers of draws ``[chain, draw, number]`` that are judged: every second, third ... where there are very many."""
    return draws[:, :, :: -(-draws.shape[2] // MOST_JUDGED)] if draws.shape[2] > MOST_JUDGED else draws


def _doubtful(draws: np.ndarray) -> np.ndarray:
    """The `DOUBTFUL` numbers of draws ``[chain, draw, number]`` that look worst, in their place or in their width."""
    size = draws.shape[2]
    if size <= DOUBTFUL:
        return draws
    doubt = np.nan_to_num(plain_r_hat(draws[:, :: 1 + draws.size // SCREENED]), nan=0.0)
    return draws[:, :, np.argpartition(doubt, size - DOUBTFUL)[size - DOUBTFUL :]]


def comes_from_elsewhere(draws: np.ndarray) -> bool:
    """Whether a chain of draws ``[chain, draw, number]`` begins where none of them stays: some tens of draws a thousand sds away make means and
    sds wrong, and ranks, by which R-hat is told, hardly know them. Of many numbers those that R-hat without ranks finds worst are looked at."""
    draws = _doubtful(draws)
    early = max(10, int(EARLY * draws.shape[1]))
    if draws.shape[1] < 4 * early:
        return False
    draws = draws[:, :, np.isfinite(draws).all(axis=(0, 1))]
    if not draws.shape[2]:
        return False
    low, middle, high = np.quantile(draws, (0.05, 0.5, 0.95), axis=(0, 1))
    stretches = draws.shape[1] // early
    medians = np.median(draws[:, : stretches * early].reshape(len(draws), stretches, early, -1), axis=2) - middle
    first, later = medians[:, 0], np.abs(medians[:, stretches // 2 :]).max(axis=(0, 1), initial=0.0)
    sd = np.where(first > 0, high - middle, middle - low) / 1.645
    away = np.abs(first)
    return bool(((away > FAR * sd) & (BACK * away > later) & (high > low)).any())


def settlement(draws: Mapping[str, np.ndarray]) -> Settlement:
    """Of draws ``[chain, draw, ...]`` by name: labels (whole numbers) by the chances of their values."""
    excess, ess, largest, is_arriving = 0.0, np.inf, 1.0, False
    for values in draws.values():
        if values.dtype.kind in "iu":
            r_hat, most = r_hat_of_codes(values), R_HAT_OF_LABELS
        else:
            doubtful = _doubtful(judged(values.reshape(*values.shape[:2], -1)))
            figures, is_arriving = convergence(doubtful), is_arriving or comes_from_elsewhere(doubtful)
            r_hat, most = figures.r_hat, R_HAT
            for known in (figures.ess_bulk, figures.ess_tail):
                ess = min(ess, float(np.fmin.reduce(known, initial=np.inf)) / enough(values.shape[0]))
        worst = float(np.fmax.reduce(r_hat, initial=1.0))
        excess, largest = max(excess, (worst - 1.0) / (most - 1.0)), max(largest, worst)
    return Settlement(excess, ess, largest, sum(v[:, 0].size for v in draws.values()), is_arriving)


@dataclass(frozen=True)
class RunLength:
    """``draws`` of each chain, up to ``most`` where they do not settle."""

    draws: int
    most: int

    def following(self, goal: int, draws: Callable[[], Mapping[str, np.ndarray]], tries: int = 1) -> int:
        """How many draws a chain is to take, of which ``goal`` are there: as many where they have settled, else up to twice that. ``tries``: how
        often chains in different places are given more to come together."""
        return goal if goal >= self.most else self.after(goal, settlement(draws()), tries)

    def after(self, goal: int, said: Settlement, tries: int = 1) -> int:
        """As `following`, where it is known what the draws say."""
        if goal >= self.most or not said.size:
            return goal
        if said.is_settled or (said.r_hat > HOPELESS and goal >= self.draws * 2**tries):
            return goal
        # what is too much of R-hat falls as draws grow, and effective draws grow with them
        wanted = goal * min(2.0, max(MARGIN, MARGIN * said.excess, MARGIN / max(said.ess, 0.1)))
        return max(goal, min(int(wanted), self.most, MOST_NUMBERS // said.size))


def last_half(draws: Mapping[str, np.ndarray]) -> int:
    """The first draw to be told of, of a run that went on: none is left out where all have settled or the last half is no better, else
    the first half, which was a part of the way there."""
    count = next(iter(draws.values())).shape[1]
    if settlement(draws).is_settled:
        return 0
    half = count // 2
    later = settlement({n: v[:, half:] for n, v in draws.items()})
    return half if later.is_settled else 0
