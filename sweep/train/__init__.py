"""Cohorts of trials, trained by one compiled program each."""
