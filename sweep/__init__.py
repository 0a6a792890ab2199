"""Scaling-law sweeps of language models: design, train, fit, plan, report."""

__version__ = "0.1.0"
