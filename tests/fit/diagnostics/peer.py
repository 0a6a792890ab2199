"""The additive law fitted by SciPy: an independent judge of refits."""

import numpy as np
from scipy.optimize import least_squares


def scipy_fit(params, tokens, loss, *, start, weight=None, floor=None) -> np.ndarray:
    """(ln A, ln B, ln E, alpha, beta) of least weighted squared residuals of ln loss; E may be pinned."""
    weight = np.ones(len(loss)) if weight is None else weight
    x, y = np.log(params) - 20.0, np.log(tokens) - 23.0  # centred roughly: A and B are found at these
    start = np.array(start, float)
    start[0] -= start[3] * 20.0
    start[1] -= start[4] * 23.0

    def full(z: np.ndarray) -> np.ndarray:
        return z if floor is None else np.insert(z, 2, np.log(floor))

    def residual(z: np.ndarray) -> np.ndarray:
        a, b, e, alpha, beta = full(z)
        predicted = np.exp(a - alpha * x) + np.exp(b - beta * y) + np.exp(e)
        return np.sqrt(weight) * (np.log(predicted) - np.log(loss))

    begin = start if floor is None else np.delete(start, 2)
    found = least_squares(residual, begin, xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=5000)
    a, b, e, alpha, beta = full(found.x)
    return np.array([a + alpha * 20.0, b + beta * 23.0, e, alpha, beta])


def log_theta(coefficients) -> list[float]:
    """(ln A, ln B, ln E, alpha, beta)."""
    c = coefficients
    return [float(v) for v in (np.log(c.A), np.log(c.B), np.log(c.E), c.alpha, c.beta)]
