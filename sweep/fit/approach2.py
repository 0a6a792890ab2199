"""Approach 2: a parabola of loss in ln N through each isoFLOP family, and lines through the vertices.

Hoffmann et al. 2022, section 3.2. A family gives a vertex only where its parabola opens upward, surely (t-ratio of the
curvature 3 or more), and has its minimum between the smallest and the largest size; otherwise it gives a verdict. Lines
are weighted by how well each vertex is known. The vertex of a parabola through a curve that is none is biased, see
sweep.fit.parabola_bias; the variant without a parabola is sweep.fit.interpolation.
"""

from dataclasses import dataclass, replace

import numpy as np

from sweep.tables.load import Runs
from sweep.tables.structure import find_families

SURE = 3.0  # t-ratio of the curvature below which the vertex is mostly noise
ENOUGH = 3  # points of a line
PRIOR = 2.0  # degrees of freedom with which a family's scatter leans on that of the others
OK, TOO_FEW, NOT_UPWARD, OUTSIDE, UNSURE = VERDICTS = (
    "ok", "too_few_sizes", "not_upward", "minimum_outside", "curvature_unsure",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """ln y = intercept + slope ln C; arrays of lanes or floats; NaN where there is no line."""

    slope: np.ndarray
    intercept: np.ndarray

    def at(self, flops: float) -> np.ndarray:
        """y at C FLOPs."""
        return np.exp(self.intercept + self.slope * np.log(flops))


@dataclass(frozen=True)
class Vertices:
    """Vertices of one family on every lane [lanes]: status as an index into VERDICTS, coefficients [lanes, 3]."""

    status: np.ndarray
    ln_params: np.ndarray
    ln_tokens: np.ndarray
    loss: np.ndarray
    coefficients: np.ndarray  # of loss in (ln N - centre): c0, c1, c2


def families(runs: Runs) -> list[tuple[float | None, np.ndarray]]:
    """(nominal budget or None, rows) of each isoFLOP family, in order of FLOPs.

    By the `budget` column where the table has one, else found by sweep.tables.structure.find_families.
    """
    if np.isfinite(runs.budget).any():
        named = np.flatnonzero(np.isfinite(runs.budget))
        order = named[np.argsort(runs.budget[named], kind="stable")]
        cuts = np.flatnonzero(np.diff(runs.budget[order])) + 1
        return [(float(runs.budget[rows[0]]), rows) for rows in np.split(order, cuts)]
    return [(None, rows) for rows in find_families(runs.flops, runs.params)]


def vertices(params: np.ndarray, tokens: np.ndarray, loss: np.ndarray, weight: np.ndarray) -> Vertices:
    """Weighted parabolas of loss in ln N and where they are lowest.

    Args:
        params, tokens, loss: of the family's runs, [m].
        weight: [lanes, m].
    """
    x = np.log(params)
    sizes, first, index = np.unique(x, return_index=True, return_inverse=True)
    centre, half = middle(x)
    powers = ((x - centre) / half) ** np.arange(3)[:, None]
    present = (weight > 0).astype(float) @ np.eye(len(sizes))[index] > 0
    enough = present.sum(axis=1) >= 3
    products = powers[:, None] * powers  # [3, 3, m]
    gram = (weight @ products.reshape(9, -1).T).reshape(-1, 3, 3)
    gram[~enough] = np.eye(3)
    scaled = np.linalg.solve(gram, (weight @ (powers * loss).T)[..., None])[..., 0]
    upward = enough & (scaled[:, 2] > 1e-12)
    top = -scaled[:, 1] / (2 * np.where(upward, scaled[:, 2], 1.0))  # in units of half, from the centre
    inside = upward & (np.abs(top) < 1)
    status = np.select([~enough, ~upward, ~inside], [1, 2, 3], 0)
    ln_params = np.where(inside, centre + half * top, np.nan)
    ln_tokens = np.interp(ln_params, sizes, np.log(tokens)[first])
    best = np.where(inside, scaled[:, 0] + 0.5 * scaled[:, 1] * top, np.nan)
    return Vertices(status, ln_params, np.where(inside, ln_tokens, np.nan), best, scaled / half ** np.arange(3))


def middle(x: np.ndarray) -> tuple[float, float]:
    """(centre, half-width) of the sizes of a family in ln N."""
    return float(x.min() + x.max()) / 2, max(float(np.ptp(x)) / 2, 1e-12)


@dataclass(frozen=True)
class Precision:
    """How well the parabola of a family is known: residual sd of loss, t-ratio of the curvature, sd of ln N*.

    NaN where no family has more runs than a parabola has coefficients; infinite t without scatter.
    """

    residual_sd: float
    curvature_t: float
    ln_params_sd: float


def precisions(runs: Runs, members: list[np.ndarray], found: list[Vertices]) -> list[Precision]:
    """Of each family's parabola on the table (lane 0).

    A family of five runs knows its own scatter badly, so each leans on the median scatter of all, relative to its loss.
    """
    scatter = []  # (sum of squared relative residuals, degrees of freedom) of each family
    for rows, vertex in zip(members, found, strict=True):
        u = np.log(runs.params[rows]) - middle(np.log(runs.params[rows]))[0]
        residual = runs.loss[rows] - np.polynomial.polynomial.polyval(u, vertex.coefficients[0])
        freedom = max(len(rows) - 3, 0) if VERDICTS[vertex.status[0]] != TOO_FEW else 0
        scatter.append((float(np.sum((residual / runs.loss[rows]) ** 2)) * (freedom > 0), freedom))
    variances = [own / count for own, count in scatter if count]
    typical = float(np.median(variances)) if variances else np.nan
    result = []
    for rows, vertex, (own, count) in zip(members, found, scatter, strict=True):
        if not variances or VERDICTS[vertex.status[0]] == TOO_FEW:
            result.append(Precision(np.nan, np.nan, np.nan))
            continue
        sd = float(np.sqrt((own + PRIOR * typical) / (count + PRIOR)) * runs.loss[rows].mean())
        centre, half = middle(np.log(runs.params[rows]))
        powers = ((np.log(runs.params[rows]) - centre) / half) ** np.arange(3)[:, None]
        covariance = np.linalg.inv(powers @ powers.T) * sd**2
        c1, c2 = vertex.coefficients[0, 1:] * (half, half**2)
        gradient = half * np.array([0.0, -1 / (2 * c2), c1 / (2 * c2**2)])
        t = c2 / np.sqrt(covariance[2, 2]) if sd > 1e-12 else np.inf
        result.append(Precision(sd, float(t), float(np.sqrt(gradient @ covariance @ gradient))))
    return result


def doubted(part: Vertices) -> Vertices:
    """A family whose curvature on the table is not sure."""
    status = part.status.copy()
    status[0] = VERDICTS.index(UNSURE) if VERDICTS[status[0]] in (OK, OUTSIDE) else status[0]
    return replace(part, status=status)


def lines(ln_flops: np.ndarray, ln_values: np.ndarray, weight: np.ndarray | None = None) -> Line:
    """Weighted least-squares lines through the finite points of each lane; NaN where these are fewer than three.

    Two points make a line but leave no doubt about it.

    Args:
        ln_flops: [points].
        ln_values: [lanes, points].
        weight: of the points [points]; equal by default.
    """
    w = np.where(np.isfinite(ln_values), 1.0 if weight is None else weight, 0.0)
    y = np.where(np.isfinite(ln_values), ln_values, 0.0)
    total = w.sum(axis=1)
    safe = np.where(total > 0, total, 1.0)
    mean_x, mean_y = (w @ ln_flops) / safe, (w * y).sum(axis=1) / safe
    dx = ln_flops - mean_x[:, None]
    spread = (w * dx**2).sum(axis=1)
    fits = ((w > 0).sum(axis=1) >= ENOUGH) & (spread > 1e-12 * safe)
    slope = np.where(fits, (w * dx * y).sum(axis=1) / np.where(fits, spread, 1.0), np.nan)
    return Line(slope, mean_y - slope * mean_x)


def line_weights(sd: np.ndarray) -> np.ndarray:
    """Weights of vertices with standard deviations sd [points]: no one more than twice that of the median one.

    A vertex scatters by more than its parabola says (tuning, the form of the law), so a small sd is not fully believed.
    """
    known = np.isfinite(sd) & (sd > 0)
    if not known.any():
        return np.ones(len(sd))
    typical = np.median(sd[known])
    return 1 / (np.where(known, sd, typical) ** 2 + typical**2)


@dataclass(frozen=True)
class IsoFlop:
    """Approach 2 on the table (lane 0) and on its resamples (the other lanes).

    Attributes:
        members: (nominal budget or None, rows) of each family.
        vertices, precision: of each family.
        flops: geometric mean of the FLOPs each family really used.
        params, tokens: lines of N* and D* against C through the vertices of the `good` families, [1 + lanes].
        good: [families], whose vertex counts on the table.
    """

    members: list[tuple[float | None, np.ndarray]]
    vertices: list[Vertices]
    precision: list[Precision]
    flops: np.ndarray
    params: Line
    tokens: Line
    good: np.ndarray


def isoflop(runs: Runs, weight: np.ndarray) -> IsoFlop | None:
    """Approach 2, or None where the table holds no isoFLOP family; `weight` [lanes, n] of the resamples."""
    members = families(runs)
    if not members:
        return None
    weight = np.concatenate([np.ones((1, len(runs))), weight])
    parts = [vertices(runs.params[r], runs.tokens[r], runs.loss[r], weight[:, r]) for _, r in members]
    precision = precisions(runs, [rows for _, rows in members], parts)
    flops = np.array([np.exp(np.log(runs.flops[rows]).mean()) for _, rows in members])
    sure = np.array([not p.curvature_t < SURE for p in precision])
    parts = [part if known else doubted(part) for part, known in zip(parts, sure, strict=True)]
    good = np.array([VERDICTS[part.status[0]] == OK for part in parts])
    believe = line_weights(np.array([p.ln_params_sd for p in precision])[good])

    def through(values: list[np.ndarray]) -> Line:
        return lines(np.log(flops[good]), np.stack(values, axis=1)[:, good], believe)

    params, tokens = through([v.ln_params for v in parts]), through([v.ln_tokens for v in parts])
    return IsoFlop(members, parts, precision, flops, params, tokens, good)
