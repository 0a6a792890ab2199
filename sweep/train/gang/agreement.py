"""Hosts that disagree are refused at the start, on all of them, by one line that names the host and the difference.

What is installed was compared when the processes met (roll_call). Here: the config, the devices, the tokens, and
whether all see the run directory that process 0 writes.
"""

import json
import time
import uuid
from typing import Any

import jax

from sweep import config
from sweep.config import Sweep
from sweep.errors import Refusal
from sweep.storage import room
from sweep.storage.address import Location
from sweep.train.data.ids import digest
from sweep.train.data.shards import Corpus
from sweep.train.gang.team import Team
from sweep.train.gang.watch import DISAGREE
from sweep.train.store import flat

RECORD = "gang.json"  # in the run directory: who trains there
WHAT = {"--out": "the run directory", "--checkpoint.folder": "the folder of checkpoints"}
SEEN_SECONDS = 45.0  # that a new file may take to be seen on another host: network filesystems remember names


def same_config(gang: Team, sweep: Sweep) -> None:
    """Raises Refusal where the config or an option is another one somewhere."""
    same(gang, flat(config.to_dict(sweep)), "give every host the same config and options")


def same_devices(gang: Team) -> None:
    """Raises Refusal where the number or the kind of devices is another one somewhere. Starts the devices."""
    found = {"devices": jax.local_device_count(), "device kind": jax.local_devices()[0].device_kind}
    same(gang, found, "give every process as many devices of one kind")


def same_data(gang: Team, corpus: Corpus) -> None:
    """Raises Refusal where the tokens are others somewhere: by the manifest, and by what is in the files."""
    if gang.alone:
        return
    remedy = "give every host the same data.path with the same files"
    same(gang, {"fingerprint of the tokens": corpus.fingerprint, "training tokens": len(corpus.train)}, remedy)
    content = {f"SHA-256 of what {s}.bin holds": digest(t) for s, t in (("train", corpus.train), ("val", corpus.val))}
    same(gang, content, remedy)


def same(gang: Team, values: dict[str, Any], remedy: str) -> None:
    """Raises Refusal, in every process, where one of the named values is not that of process 0."""
    of_all = gang.gather(values)
    for rank, theirs in enumerate(of_all):
        for name in sorted(theirs | of_all[0]):
            there, here = (one.get(name) for one in (theirs, of_all[0]))
            if there != here:
                name_of = gang.watch.name
                raise Refusal(DISAGREE, f"{name} is {there} in {name_of(rank)} and {here} in {name_of(0)}; {remedy}")


def same_folder(gang: Team, out: Location, option: str = "--out") -> None:
    """Process 0 writes a record of the gang to the run directory, or to that of `option`, and the others look for it.

    Args:
        out: already claimed for the sweep by process 0.

    Raises:
        Refusal: in every process, where one does not see it.
        InputError: it cannot be written, or not be read.
    """
    if gang.alone:
        return
    mark = gang.share(lambda: record(gang, out))
    answers = gang.gather(gang.leads or seen(out, mark))
    for rank, answer in enumerate(answers):
        if not answer:
            raise Refusal(
                DISAGREE,
                f"{gang.watch.name(rank)} does not see {WHAT[option]} {out} of {gang.watch.name(0)}; give {option} a "
                f"folder that all hosts share{', or an address in a store' * (option == '--out')}",
            )


def record(gang: Team, out: Location) -> str:
    """Write who trains here; returns the mark by which the others know that they see this very file."""
    mark = uuid.uuid4().hex
    device = jax.local_devices()[0]
    devices = {"processes": len(gang.watch.hosts), "devices": jax.device_count(), "kind": device.device_kind}
    text = json.dumps({"mark": mark, "hosts": gang.watch.hosts, **devices}, indent=1)
    room.put(out / RECORD, text.encode())
    return mark


def seen(out: Location, mark: str) -> bool:
    """Whether the record of process 0 is seen here, now or soon."""
    limit = time.monotonic() + SEEN_SECONDS
    while True:
        text = room.read(out / RECORD)
        if text is not None and json.loads(text)["mark"] == mark:
            return True
        if time.monotonic() > limit:
            return False
        time.sleep(0.5)
