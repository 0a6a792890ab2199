"""Which logger left what: files and folders of TensorBoard and W&B, exported histories, a project on W&B's server."""

from collections.abc import Iterable
from pathlib import Path

from sweep import files
from sweep.errors import InputError
from sweep.tables.logged import events, exported, offline, server
from sweep.tables.logged.history import History

EXPORTED = (".csv", ".json", ".jsonl", ".parquet")
WANTED = (
    f"TensorBoard event files (*{events.MARK}*), runs of W&B (*{offline.ENDING}, {server.SCHEME}ENTITY/PROJECT), or "
    f"histories of runs as files ({', '.join(EXPORTED)})"
)


def histories(sources: Iterable[str]) -> list[History]:
    """Every run of the sources, each under a name of its own.

    Raises:
        InputError: a source that is not there, or holds no runs.
    """
    found: list[History] = []
    for source in sources:
        found += server.runs_at(source) if source.startswith(server.SCHEME) else runs_in(files.local(source))
    seen: dict[str, int] = {}
    for run in found:
        seen[run.name] = number = seen.get(run.name, 0) + 1
        if number > 1:
            run.name = f"{run.name} ({number})"
    return found


def runs_in(path: Path) -> list[History]:
    """The runs in a file or below a folder. W&B keeps copies of event files: where it has been, its own runs count."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; give {WANTED}")
    if path.is_file():
        named = {events.MARK: events.runs_below, offline.ENDING: offline.runs_below}
        reads = [read for mark, read in named.items() if mark in path.name]
        return reads[0](path) if reads else [exported.run_of(path)]
    if any(path.rglob(f"*{offline.ENDING}")):
        return offline.runs_below(path)
    if any(path.rglob(f"*{events.MARK}*")):
        return events.runs_below(path)
    if tables := sorted(file for file in path.iterdir() if file.suffix in EXPORTED):
        return [exported.run_of(file) for file in tables]
    raise InputError(f"{path}: no runs here; give {WANTED}")
