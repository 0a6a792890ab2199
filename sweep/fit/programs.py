"""Compiled programs of the solver: for few sizes of table, a bounded number at a time.

A program is compiled for one number of rows. Each takes seconds to compile and some hundred regions of memory, of which
Linux grants a process 65,530. So tables are padded to a few sizes, by rows without weight, and the programs that have
not been used for longest are let go.
"""

from dataclasses import dataclass

CHUNK = 4096  # rows of a larger table are summed in chunks of this
STEP = 32  # between sizes of small tables, for which rows cost little
ROOM = 4  # rows that the floor's profile adds to a table, which then needs no programs of its own
KEPT = 20  # programs of near, and of each of the three stages of newton: some 40,000 regions in all


def padded(rows: int) -> int:
    """Rows that a table is padded to: steps of 32 up to 128, then eight to an octave, whole chunks of large ones.

    All but large ones have room for ROOM rows more.
    """
    rows += ROOM if rows <= CHUNK // 4 else 0
    eighth = 2 ** max((rows - 1).bit_length() - 4, 0)
    step = STEP if rows <= 4 * STEP else max(eighth, CHUNK if rows > CHUNK else 0)
    return -(-rows // step) * step


@dataclass
class Made:
    """Programs made: seconds of their first calls, which trace and compile them, and how many, `near` for NEAR."""

    units: float = 0.0
    seconds: float = 0.0

    def copy(self) -> "Made":
        """As it is now."""
        return Made(self.units, self.seconds)

    def since(self, before: "Made") -> "Made":
        """What was added."""
        return Made(self.units - before.units, self.seconds - before.seconds)

    def add(self, units: float, seconds: float) -> None:
        """One more program."""
        self.units, self.seconds = self.units + units, self.seconds + seconds


NEAR = 3.0  # times as long as a program of `newton` takes one of `near`
MADE = Made()  # by this process
