"""`sweep verify-resume CONFIG`: kill a small sweep again and again, and compare it with one that nobody interrupted."""

import dataclasses
import math
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from sweep import files, platforms
from sweep.config import Sweep
from sweep.errors import InputError, Refusal
from sweep.resume import children, prove
from sweep.resume.compare import Comparison
from sweep.verbs import verify_resume_text
from sweep.verbs.output import Output

CONFIG = True
DIFFERENT = 2


@dataclass(frozen=True)
class Args:
    """Prove that a sweep which is killed and goes on ends as one that was never interrupted. Take a small one.

    It is trained in one piece; then with kills at random (SIGKILL, SIGTERM, between a checkpoint and its mark), which
    must give the same table and curves bit for bit; then on another number of devices, and in several processes, which
    must give the same losses to 1e-5. The logs must show every step of every trial once. Exit code 2 where they differ.

    Example: sweep verify-resume configs/smoke.py --kills 5
    """

    config: tyro.conf.Positional[str]
    """A config file that sets SWEEP = Sweep(...). Any field can be overridden, as with `sweep run`."""
    kills: int = 5
    """Kills on the same mesh, ten to a run directory; two more on the other mesh, and two with several processes."""
    seed: int = 0
    """When and how it is killed follows from it, as far as processes keep to their pace."""
    out: str = ""
    """A new folder that keeps every run directory; without it they are removed, unless something differs."""
    devices: int = prove.CHOOSE
    """Devices of the other mesh; default: one of several GPUs, on a CPU as many as change it. 0: do not try one."""
    processes: int = prove.CHOOSE
    """Processes that train together; default: 2 on a CPU, none elsewhere. 0: do not try them."""


def without_jax(args: Args) -> bool:
    """The devices are its children's."""
    return True


def run(args: Args, sweep: Sweep) -> Output:
    """Kill, resume, compare; what was found is the output, also where it is a difference."""
    if args.kills < 1:
        raise InputError(f"--kills {args.kills}: it must be 1 or more")
    platform = platforms.here()
    devices, processes = others(args, platform)
    folder = new_folder(args.out)
    keep = bool(args.out)
    try:
        with children.ended_by_sigterm():
            proof = prove.prove(
                sweep, folder, args.kills, args.seed, devices=devices, processes=processes, platform=platform, tell=tell
            )
        keep = keep or bool(proof.differences)
    except Refusal:  # its message names what is there
        keep = True
        raise
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    kept = str(folder) if keep else None
    data = {
        "same": not proof.differences,
        "dir": kept,
        "kills": [dataclasses.asdict(kill) for kill in proof.kills],
        "comparisons": [plain(one) for one in proof.comparisons],
        "differences": [dataclasses.asdict(difference) for difference in proof.differences],
        "skipped": proof.skipped,
        "checkpoint_interval_s": proof.interval_s,
    }
    return Output(data, verify_resume_text.text(sweep.name, proof, kept), DIFFERENT if proof.differences else 0)


def plain(one: Comparison) -> dict[str, Any]:
    """A comparison as JSON has it."""
    return dataclasses.asdict(one) | {"largest": one.largest if math.isfinite(one.largest) else None}


def tell(line: str) -> None:
    """Progress, to stderr."""
    print(line, file=sys.stderr, flush=True)


def others(args: Args, platform: str) -> tuple[int, int]:
    """Devices of the other mesh and processes of the gang, with what is tried where nothing is said."""
    for name in ("devices", "processes"):
        if getattr(args, name) < prove.CHOOSE:
            raise InputError(f"--{name} {getattr(args, name)}: it must be 0 or more")
    devices, processes = args.devices, args.processes
    if devices == prove.CHOOSE and platform == "gpu" and len(platforms.nodes()["cuda"]) > 2:  # beside nvidiactl
        devices = 1
    if processes == prove.CHOOSE:
        processes = 2 if platform == "cpu" else 0
    return devices, processes


def new_folder(out: str) -> Path:
    """An empty folder. Raises InputError where there is something already, or it cannot be made."""
    if not out:
        return Path(tempfile.mkdtemp(prefix="sweep-verify-resume-"))
    folder = files.local(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        filled = any(folder.iterdir())
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}; choose another --out") from error
    if filled:
        raise InputError(f"{out}: not empty; give a new folder as --out")
    return folder
