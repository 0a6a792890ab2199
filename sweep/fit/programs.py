"""Compiled programs of the solver: for few sizes of table, a bounded number at a time.

A program is compiled for one number of rows. Each takes seconds to compile and some hundred regions of memory, of which
Linux grants a process 65,530. So tables are padded to a few sizes, by rows without weight, and the programs that have
not been used for longest are let go.
"""

CHUNK = 4096  # rows of a larger table are summed in chunks of this
STEP = 32  # between sizes of small tables, for which rows cost little
KEPT = 20  # programs of near, and of each of the three stages of newton: some 40,000 regions in all


def padded(rows: int) -> int:
    """Rows that a table is padded to: steps of 32 up to 128, then eight to an octave, whole chunks of large ones."""
    eighth = 2 ** max((rows - 1).bit_length() - 4, 0)
    step = STEP if rows <= 4 * STEP else max(eighth, CHUNK if rows > CHUNK else 0)
    return -(-rows // step) * step
