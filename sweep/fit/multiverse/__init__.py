"""Every defensible fit of a table at once, and what they agree on.

from sweep.fit.multiverse import multiverse
m = multiverse("losses.csv", target_compute=1e24)
m.record["verdict"], m.table()
"""

from sweep.fit.multiverse.axes import Axes
from sweep.fit.multiverse.multiverse import Multiverse, multiverse

__all__ = ["Axes", "Multiverse", "multiverse"]
