"""How far to trust a fit: eight questions that are asked of every fit of a loss by default, five of the others."""

from sweep.fit.diagnostics.diagnosis import diagnose
from sweep.fit.diagnostics.fitted import Fitted

__all__ = ["Fitted", "diagnose"]
