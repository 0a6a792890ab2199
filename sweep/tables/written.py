"""Counts as people write them in cells: 20,833,000, 1_000_000, 8 000 000, 3x10^21, 8 billion, 1.5 PF-days.

What is plainly a number is read fast, by sweep.tables.numbers; this is for the cells that are left. A single comma says
nothing: 20,833 is 20833 to one and 20.833 to another. It is read as a sign of thousands only in a column that has it
twice in some cell, or before a decimal point, and nowhere otherwise.
"""

import re

import numpy as np

from sweep.errors import InputError
from sweep.quantity import any_flops, nonnegative

COMMAS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
SURE = re.compile(r"[+-]?\d{1,3}(?:(?:,\d{3}){2,}(?:\.\d+)?|(?:,\d{3})+\.\d+)")
GROUPS = re.compile(r"[+-]?\d{1,3}(?:([ _'’\u00a0\u2009\u202f])\d{3})(?:\1\d{3})*(?:\.\d+)?")
SEVERAL = 10_000  # kinds of cells that are looked at one by one; a column with more is no column of counts


def counts(cells: np.ndarray) -> np.ndarray:
    """Values [n] of cells that are not plainly numbers; NaN for what is none, or could be two numbers."""
    kinds, where = np.unique(cells.astype(str), return_inverse=True)
    commas = [text for text in kinds.tolist() if "," in text]
    thousands = all(map(COMMAS.fullmatch, commas)) and any(map(SURE.fullmatch, commas))
    slow = len(kinds) <= SEVERAL
    return np.array([count(text, thousands, slow) for text in kinds.tolist()], float)[where.ravel()]


def count(text: str, thousands: bool, slow: bool = True) -> float:
    """The value of one cell, or NaN.

    Args:
        thousands: commas are signs of thousands.
        slow: try every way to write a quantity, which takes some microseconds.
    """
    if "," in text:
        return float(text.replace(",", "")) if thousands else np.nan
    if GROUPS.fullmatch(text):
        return float(re.sub(r"[^\d.+-]", "", text))
    if not slow or not text[:1].isdigit() or "$" in text:
        return np.nan
    for reader in (nonnegative, any_flops):
        try:
            return reader("", text)
        except InputError:
            continue
    return np.nan
