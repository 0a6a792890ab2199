"""How many windows a host cuts, against what the trials of configs/pod.py read; and what feeding costs a CPU.

    python benchmarks/feeder.py --tokens 2e9

Throughput: the feeder cuts the batches of a host, its sixteenth of each batch, out of a shard of random ids on this
disk. Beside it the floor, a plain NumPy gather from the memory map, cuts the same windows. `warm`: the shard is in the
page cache. `cold`: its pages are dropped before each chunk, so that every window comes from the disk. Demand: a host's
share of what one trial on all of v5p:4x4x4 (64 chips, 16 hosts) reads at 50 % of the peak, by exact FLOPs; of the
largest trial and of the size that reads the most.

Overhead: models of the demo, whose tokens are resident or fed from a file, take turns on one device; CPU seconds of all
threads, the feeder's included.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import record
from sweep.configs import pod
from sweep.design import families
from sweep.devices import PARTS
from sweep.models import counting
from sweep.models.shape import Shape
from sweep.train.data.feeder import Feeder, Part, Stretch, Wanted
from sweep.train.data.order import host_indices, window_count
from sweep.train.data.windows import Stream

CHIPS, HOSTS, MFU = 64, 16, 0.5  # v5p:4x4x4
VOCAB, CORPUS = 32_768, int(6e10)
STEPS = 32  # of a chunk
WIDTHS = 3  # sizes of the demo


def demand() -> dict[str, dict[str, float]]:
    """Windows and bytes a second and host of the largest trial, and of the size that reads the most."""
    plan = families.plan(pod.SWEEP, vocab=VOCAB, data="assumed", unique_tokens=CORPUS, platform="tpu")
    shapes = sorted({t.shape for t in plan.trials}, key=lambda s: counting.params(s).total)
    return {name: of_shape(shape) for name, shape in (("largest", shapes[-1]), ("smallest", shapes[0]))}


def of_shape(shape: Shape) -> dict[str, float]:
    """What a host reads for one trial of this shape on the whole slice."""
    tokens = MFU * CHIPS * PARTS["tpu-v5p"].peaks["bf16"] / counting.train_flops_per_token(shape)
    windows = tokens / shape.seq_len / HOSTS
    return {
        "params": counting.params(shape).with_head,
        "batch": shape.batch,
        "windows_per_s": windows,
        "bytes_per_s": windows * 2 * (shape.seq_len + 1),
    }


def make_shard(folder: Path, tokens: int) -> Path:
    """A shard of random ids."""
    block = np.random.default_rng(0).integers(0, VOCAB, 1 << 24).astype(np.uint16)
    with open(folder / "train.bin", "wb") as file:
        for start in range(0, tokens, len(block)):
            file.write(block[: tokens - start].tobytes())
        file.flush()
        os.fsync(file.fileno())
    return folder / "train.bin"


def drop(shard: Path) -> None:
    """Let the page cache forget the shard."""
    with shard.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed(call: Callable[[int], int], rounds: int, before: Callable[[], None]) -> dict[str, float]:
    """Windows a second of wall and of CPU, the best round; `before` is not timed."""
    wall, cpu = [], []
    for number in range(rounds):
        before()
        began, worked = time.perf_counter(), time.process_time()
        windows = call(number)
        wall.append(windows / (time.perf_counter() - began))
        cpu.append(windows / max(1e-9, time.process_time() - worked))
    return {"windows_per_s": max(wall), "windows_per_cpu_s": max(cpu)}


def throughput(file: Path, batch: int, seq_len: int, rounds: int) -> dict[str, Any]:
    """The feeder and the floor, warm and cold, on the same windows."""
    shard = np.memmap(file, np.uint16, mode="r")
    part, count = Part(0, 1, 0, batch // HOSTS), window_count(len(shard), seq_len)
    feeder = Feeder(Stream(shard, seq_len, VOCAB), batch)

    def fed(number: int) -> int:
        cut = feeder.take(Wanted((Stretch(0, number * STEPS, STEPS),), STEPS, (part,)))[part]
        return cut.shape[1] * cut.shape[2]

    def gathered(number: int, shard: np.ndarray = shard) -> int:
        one = slice(0, part.sequences)
        starts = host_indices(0, number * STEPS, STEPS, batch=batch, n_windows=count, part=one) * seq_len
        return shard[starts[..., None] + np.arange(seq_len + 1)].shape[1] * STEPS

    def anew(number: int) -> int:
        return gathered(number, np.memmap(file, np.uint16, mode="r"))  # pages that a map has in use are not dropped

    sides = {"feeder": fed, "floor": anew}
    result = {"cold": {name: timed(call, rounds, lambda: drop(file)) for name, call in sides.items()}}
    for number in range(rounds):  # into the page cache
        gathered(number)
    sides = {"feeder": fed, "floor": gathered}
    result["warm"] = {name: timed(call, rounds, lambda: None) for name, call in sides.items()}
    feeder.close()
    return result


def overhead(folder: Path, seconds: float) -> list[dict[str, Any]]:
    """CPU seconds of fed against resident tokens, for models of the demo."""
    import jax

    from benchmarks.shapes import peers, walk
    from sweep.train import state
    from sweep.train.machine import Machine, chunk_steps
    from sweep.train.program import Execution
    from sweep.train.sharding import make_mesh

    tokens = walk(256, 1 << 22)
    tokens.tofile(folder / "demo.bin")
    shard, group = np.memmap(folder / "demo.bin", np.uint16, mode="r"), jax.local_devices()[:1]
    found = []
    for shape in peers("cpu")[:WIDTHS]:
        steps, mesh = chunk_steps(shape, 1, group), make_mesh(group, 1)
        windows = np.zeros((4, shape.seq_len + 1), np.int32)
        with jax.set_mesh(mesh):
            both = {
                fed: Machine(shape, mesh, Execution("map"), steps, shard if fed else tokens, windows, fed)
                for fed in (False, True)
            }
            hypers = state.stack([state.example_hyper()])
            states = {fed: machine.init(hypers) for fed, machine in both.items()}
            limits = both[True].by_trial((hypers, np.full(1, 2**30, np.int32)))
            both[True].compiled = both[False].compiled  # one program trains on both
            took: dict[bool, list[float]] = {False: [], True: []}
            began, number = time.perf_counter(), 0
            while number < 6 or time.perf_counter() - began < seconds:
                for fed, machine in both.items() if number % 2 else reversed(both.items()):
                    worked = time.process_time()
                    batches = machine.batches(*reads(number * steps, steps))
                    states[fed], report = machine.chunk(1)(batches, states[fed], *limits)
                    machine.foresee(*reads((number + 1) * steps, steps))
                    jax.block_until_ready(report)
                    took[fed].append(time.process_time() - worked)
                number += 1
            both[True].feeder.close()
        resident, fed = (np.array(took[x][2:]) for x in (False, True))  # what compiles comes first
        found.append(
            {
                "params": counting.params(shape).total,
                "steps": steps,
                "chunks": len(fed),
                "resident_cpu_s": float(np.median(resident)),
                "fed_cpu_s": float(np.median(fed)),
                "overhead": float(np.median(fed) / np.median(resident) - 1),
                "overhead_90": [float(x) - 1 for x in np.quantile(fed / resident, (0.05, 0.95))],
            }
        )
    return found


def reads(first: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of one row."""
    return np.zeros(1, np.uint32), np.array([first]), np.array([steps])


def main() -> None:
    """Measure both, print a few lines and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=float, default=2e9, help="of the shard: two bytes of the disk each")
    parser.add_argument("--rounds", type=int, default=6, help="chunks of each side")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each model of the overhead")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure; a temporary one by default")
    parser.add_argument("--out", type=Path, default=record.RESULTS)
    args = parser.parse_args()
    record.one_device_a_core()
    wanted = demand()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        shard = make_shard(Path(folder), int(args.tokens))
        cut = throughput(shard, int(wanted["largest"]["batch"]), pod.SWEEP.architecture.seq_len, args.rounds)
        cost = overhead(Path(folder), args.seconds)
    result = {**record.environment(), "shard_bytes": 2 * int(args.tokens), "demand": wanted, "throughput": cut}
    record.write(args.out, "feeder-cpu", result | {"load": os.getloadavg()[0], "overhead": cost})
    for name, need in wanted.items():
        for state, sides in cut.items():
            got = sides["feeder"]["windows_per_s"]
            print(f"{name} trial, {state}: {got:,.0f} windows/s of {need['windows_per_s']:,.0f}, "
                  f"{got / need['windows_per_s']:,.0f} x; floor {sides['floor']['windows_per_s']:,.0f}")  # fmt: skip
    for one in cost:
        print(f"{one['params']:,} params: {one['overhead']:+.1%} of CPU for fed tokens")


if __name__ == "__main__":
    main()
