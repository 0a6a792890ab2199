"""Which files a process writes, as the interpreter itself sees it."""

import os
import sys
from pathlib import Path

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def recorded(folder: str) -> set[str]:
    """Paths below `folder` that this process makes, opens to write, or gives a name, from now on. Checkpoints are
    left out: each process writes its part of them.
    """
    root, found = Path(folder).resolve(), set[str]()

    def hear(event: str, arguments: tuple) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        count = 1 if writes else {"os.mkdir": 1, "os.remove": 1, "os.rename": 2, "os.link": 2}.get(event, 0)
        for path in arguments[:count]:
            if isinstance(path, str | os.PathLike):
                file = Path(path).absolute()
                if file.is_relative_to(root) and "checkpoints" not in file.parts and not file.name.endswith(".part"):
                    found.add(file.relative_to(root).as_posix())

    sys.addaudithook(hear)
    return found
