"""Scaling-law sweeps of language models: design, train, fit, plan, report."""
