"""The known name that an unknown one is most like."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """'; did you mean X?' or nothing."""
    known = list(known)
    leaves = {k.rsplit(".", 1)[-1]: k for k in reversed(known)}
    close = difflib.get_close_matches(name, known, 1, 0.6) or [
        leaves[leaf] for leaf in difflib.get_close_matches(name.rsplit(".", 1)[-1], leaves, 1, 0.6)
    ]
    return f"; did you mean {close[0]!r}?" if close else ""
