"""What runs in a Ray task: one cohort, trained in the process of the task, which ends with it.

Nothing but names goes in and nothing but a problem comes out: rows, checkpoints and claims are in the run directory.
"""

import os
from pathlib import Path

from sweep import platforms, storage
from sweep.errors import Refusal, SweepError, as_values
from sweep.platforms import Platform
from sweep.storage import Location, locate


def train(out: str, cohort: str, token: str, need: tuple[Platform, int], folder: str) -> dict[str, str] | None:
    """Train one cohort of a run directory that was laid out, from where it was left; None, or what was wrong.

    Args:
        out: the run directory.
        cohort: its hash.
        token: name of a file in `out` that the driver wrote.
        need: platform, and number of devices that Ray gave this task.
        folder: the driver's working directory, from which relative paths of the config are meant.
    """
    SweepError.on_command_line = True
    if Path(folder).is_dir():
        os.chdir(folder)
    place = locate(out)
    try:
        refuse_unseen(place, token)
        prepare(*need)
        from sweep.train.gang.start import unattended  # not before JAX is prepared
        from sweep.train.launch import train_planned

        with unattended() as alone:
            train_planned(place, only=[cohort], gang=alone)
    except SweepError as error:
        return as_values(error)
    return None


def refuse_unseen(out: Location, token: str) -> None:
    """Raise Refusal `unseen` where a node does not see the run directory that the driver has."""
    if storage.read(out / token) is None:
        host = os.uname().nodename
        raise Refusal(
            "unseen",
            f"node {host} does not see {out} as the driver has it; give a directory on a disk that every node mounts, "
            "or in a store",
        )


def prepare(platform: Platform, devices: int) -> None:
    """JAX for what Ray gave this task, as the command line prepares it: on a CPU a device for each core.

    Raises:
        Refusal: `gang`, this host is one of several of a TPU slice.
    """
    flags = os.environ.get("XLA_FLAGS", "").split()
    os.environ["XLA_FLAGS"] = " ".join(f for f in flags if "xla_force_host_platform_device_count" not in f)
    import jax

    if platform == "tpu":
        refuse_part_of_slice()
    platforms.take("cpu" if platform == "cpu" else "any")
    jax.config.update("jax_num_cpu_devices", devices if platform == "cpu" else 1)
    platforms.keep_programs()


def refuse_part_of_slice() -> None:
    """A host of a TPU slice with others starts its chips together with them or not at all. Never run on hardware."""
    from sweep.train.gang import cluster

    slice_of_hosts = cluster.tpu()
    if slice_of_hosts is not None and slice_of_hosts.get_process_count() > 1:
        raise Refusal(
            "gang",
            f"node {os.uname().nodename} is one of several hosts of a TPU slice, which train together: start "
            "`sweep run CONFIG --out DIR` on every host of it",
        )
