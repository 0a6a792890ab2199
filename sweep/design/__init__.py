"""Budgets to families to trials: what a sweep will train, decided before anything is spent."""
