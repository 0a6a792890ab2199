"""Fits of scaling laws: no start values from the user, doubt by resampling, verdicts instead of silence."""

from sweep.fit.auto_fit import fit_auto
from sweep.fit.fit import fit
from sweep.fit.result import Fit, Optimum, Prediction

__all__ = ["Fit", "Optimum", "Prediction", "fit", "fit_auto"]
