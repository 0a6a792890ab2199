"""What a person reads: charts and one self-contained page."""

from sweep.report.page import report

__all__ = ["report"]
