"""The best setting of each configuration, kept for a fit, and what the choice does to it.

The least of several noisy losses lies low: by how much is estimated from the noise of a run, where settings were
repeated, and not known otherwise. The best setting is the one of the least mean loss over its repeats; all of its rows
are kept, as one group, so that a fit resamples configurations.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

FEW_REPEATS = 3  # degrees of freedom from which repeats measure the noise of a run
DRAWS = 200  # pairs of the noise, for the optimism of a minimum


@dataclass(frozen=True)
class Choice:
    """What was chosen from.

    Attributes:
        columns: that the settings differ in.
        configurations: of which the best setting was kept.
        settings: [fewest, most] settings of one configuration.
        left_out: rows that were not of the best one.
        noise: sd of ln loss between repeats of one setting; None with fewer than three degrees of freedom.
        optimism: how much lower than its true value the least ln loss lies, on average; None where no noise is known.
    """

    columns: tuple[str, ...]
    configurations: int
    settings: tuple[int, int]
    left_out: int
    noise: float | None
    optimism: float | None

    @property
    def statement(self) -> str:
        """One line for people."""
        low, high = self.settings
        each = f"{low}" if low == high else f"{low} to {high}"
        text = (
            f"best of {', '.join(self.columns)}: {self.configurations} configurations of {each} settings, "
            f"{self.left_out} rows left out; intervals resample configurations"
        )
        if self.noise is None:
            return f"{text}; no repeats of a setting, so by how much the least of noisy losses lies low is not known"
        return (
            f"{text}; the least of noisy losses lies low by about {self.optimism:.2g} (sd {self.noise:.2g} of ln loss)"
        )

    @property
    def record(self) -> dict[str, Any]:
        """The block `best_of` of a fit."""
        return vars(self) | {"statement": self.statement}


def best(loss: np.ndarray, cell: np.ndarray, level: np.ndarray, columns: tuple[str, ...]) -> tuple[np.ndarray, Choice]:
    """(index of the rows of the best settings, in order; what was chosen from).

    Args:
        loss: positive [m].
        cell: number of the configuration [m].
        level: number of the setting [m]; equal numbers in different configurations are different settings.
    """
    ln_loss = np.log(loss)
    pair, setting, count = np.unique(np.stack([cell, level]), axis=1, return_inverse=True, return_counts=True)
    setting, of = setting.ravel(), pair[0]
    mean = np.bincount(setting, ln_loss) / count
    freedom = len(loss) - len(count)
    noise = None
    if freedom >= FEW_REPEATS:
        noise = float(np.sqrt(np.sum((ln_loss - mean[setting]) ** 2) / freedom))
    chosen = first_of_each(mean, of)
    kept = np.flatnonzero(np.isin(setting, chosen))
    sizes = np.bincount(of)
    low = None if noise is None else optimism(mean, noise / np.sqrt(count), of)
    return kept, Choice(
        columns, len(sizes), (int(sizes.min()), int(sizes.max())), len(loss) - len(kept), noise, low
    )  # fmt: skip


def first_of_each(value: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Index of the least value of each cell [cells]; the first of equal ones."""
    order = np.lexsort((np.arange(len(value)), value, cell))
    return order[np.flatnonzero(np.diff(cell[order], prepend=-1))]


def optimism(mean: np.ndarray, sd: np.ndarray, cell: np.ndarray) -> float:
    """How much lower the least of noisy means lies than its own true value, on average over the cells.

    A parametric bootstrap: the means [s] stand for the truth, noise of `sd` [s] is added and the least taken again.
    """
    rng, total = np.random.default_rng(0), 0.0
    for _ in range(DRAWS):
        noise = sd * rng.standard_normal(len(mean))
        for way in (noise, -noise):  # in pairs, so that noise that changes no choice leaves nothing
            total -= float(way[first_of_each(mean + way, cell)].mean())
    return total / (2 * DRAWS)


def joined(group: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Groups [m] made larger so that the rows of one cell are in one group."""
    label = np.unique(group, return_inverse=True)[1].ravel()
    while True:
        least = label.copy()
        for key in (cell, group):
            codes = np.unique(key, return_inverse=True)[1].ravel()
            low = np.full(codes.max() + 1, len(label))
            np.minimum.at(low, codes, least)
            least = low[codes]
        if np.array_equal(least, label):
            return label
        label = least
