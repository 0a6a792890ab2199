"""Memory against the compilers' own accounts of the cohort's program; hours by arithmetic."""

import dataclasses
import math

import jax
import numpy as np
import pytest

from sweep.design import estimate
from sweep.design.cohorts import cohorts
from sweep.design.trial import Trial
from sweep.models import counting, layout
from sweep.models.shape import Shape
from sweep.train.ahead.compile import compiled
from sweep.train.ahead.planned import Corpus, Planned, machine_of
from sweep.train.ahead.targets import target
from sweep.train.machine import Machine
from sweep.train.program import Execution
from sweep.train.sharding import make_mesh
from tests.tpu import needs_libtpu

SMALL = Shape(vocab=256, width=16, depth=1, heads=1, kv_heads=1, head_dim=16, ffn=44, seq_len=128, batch=8)
DEEP = dataclasses.replace(SMALL, width=64, depth=4, heads=4, kv_heads=4, ffn=172)
WIDE = dataclasses.replace(SMALL, vocab=8192, width=128, heads=2, kv_heads=2, head_dim=64, ffn=1024, batch=4)
SCANNED = Shape(
    vocab=512, width=128, depth=8, heads=2, kv_heads=1, head_dim=64, ffn=384, seq_len=256, batch=8, tied=False
)


def cohort(shape: Shape, steps: int):
    return cohorts([Trial(shape, steps, 0.01, 5, 0, "cosine", "sqrt", 0.1, 0.9, 0.95, 1.0, 0, 0, "d")])[0]


def account(shape: Shape, trial: int, data: int, rows: int, execution: Execution) -> tuple[int, int, int]:
    """(arguments and the stream beside them, temporaries, the stream) in bytes, by the CPU's compiler."""
    train = np.broadcast_to(np.uint16(0), (100_000,))
    windows = np.broadcast_to(np.int32(0), (2 * shape.batch, shape.seq_len + 1))
    machine = Machine(shape, make_mesh(jax.devices()[: trial * data], trial), execution, 10, train, windows)
    memory = machine.chunk(rows).memory_analysis()
    assert memory is not None
    return memory.argument_size_in_bytes + train.nbytes, memory.temp_size_in_bytes, train.nbytes


def estimated(shape: Shape, platform: str, trial: int, data: int, rows: int, execution: Execution, tokens: int):
    each = -(-rows // trial)
    return estimate.device_bytes(
        shape,
        platform=platform,
        trial_rows=each,
        under_way=each if execution.mode == "vmap" else 1,
        data=data,
        remat=execution.remat,
        micro_batches=execution.micro_batches,
        token_bytes=tokens,
    )


MANY = dataclasses.replace(SCANNED, vocab=8192, batch=32)  # logits in slices
LONG = dataclasses.replace(SCANNED, seq_len=4096, batch=2, heads=4, attention="chunked")
BFLOAT16 = dataclasses.replace(SCANNED, dtype="bfloat16")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "trial", "data", "rows", "execution"),
    [
        (SCANNED, 1, 1, 1, Execution("map", "none", 1)),
        (SCANNED, 1, 1, 1, Execution("map", "dots", 4)),
        (SCANNED, 1, 1, 1, Execution("map", "full", 1)),
        (SCANNED, 1, 4, 1, Execution("map", "none", 1)),
        (SCANNED, 1, 4, 1, Execution("map", "dots", 2)),
        (SCANNED, 1, 1, 4, Execution("map", "full", 1)),
        (SCANNED, 4, 1, 8, Execution("vmap", "none", 1)),
        (BFLOAT16, 1, 1, 1, Execution("map", "none", 4)),
        (BFLOAT16, 1, 4, 1, Execution("map", "full", 1)),
        (LONG, 1, 1, 1, Execution("map", "dots", 1)),
        (LONG, 1, 2, 1, Execution("map", "none", 1)),
        (dataclasses.replace(SCANNED, attention="chunked"), 1, 4, 1, Execution("map", "full", 1)),
        (MANY, 1, 1, 1, Execution("map", "full", 1)),
        (dataclasses.replace(MANY, tied=True), 1, 4, 1, Execution("map", "dots", 1)),
        (dataclasses.replace(SCANNED, activation="gelu", qk_norm=False), 1, 1, 1, Execution("map", "none", 1)),
        (dataclasses.replace(SCANNED, depth=4), 1, 1, 1, Execution("map", "full", 1)),
        (dataclasses.replace(SCANNED, width=512, ffn=1408, batch=2, seq_len=64), 1, 1, 1, Execution("map", "full", 1)),
    ],
)
def test_within_a_fifth_of_the_cpus_compiler(shape, trial, data, rows, execution):
    arguments, temporaries, tokens = account(shape, trial, data, rows, execution)
    found = estimated(shape, "cpu", trial, data, rows, execution, tokens)
    assert found.arguments == pytest.approx(arguments, rel=0.01)
    assert found.temporaries == pytest.approx(temporaries, rel=0.2)


POD = {  # shapes of configs/pod.py, vocabulary 32,768: depth, heads, ffn, batch
    512: (5, 4, 1408, 64), 768: (8, 6, 2048, 128), 1024: (10, 8, 2688, 128), 1280: (13, 10, 3456, 256),
    1536: (15, 12, 4096, 256), 2048: (20, 16, 5504, 512), 2560: (26, 20, 6784, 512), 3072: (31, 24, 8192, 1024),
}  # fmt: skip
TOKENS = {2: 2_000_000, 20: 20_000_000}  # bytes of the training stream, by its megabytes


def pod(width: int, attention: str, **changes) -> Shape:
    depth, heads, ffn, batch = POD[width]
    like = Shape(
        vocab=32_768, width=width, depth=depth, heads=heads, kv_heads=heads // 2, head_dim=128, ffn=ffn, seq_len=2048,
        batch=batch, tied=False, dtype="bfloat16", attention=attention,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    return dataclasses.replace(like, **changes)


# MiB of arguments and temporaries as memory_analysis() of `Machine.chunk` told them on 2026-11-30: chunks of 10 steps,
# streams of 1e6 or 1e7 tokens, effort -1. TPU: jax 0.10.2, libtpu 0.0.42.1, topologies v5p:4x4x4, v5e:16x16, v6e:8x8.
# Measured again by `sweep preview configs/pod.py --compile v5p:4x4x4 --assume-tokens 6e10 --assume-vocab 32768`.
TPU = [  # target, width, trial, data, rows, remat, micro-batches, stream MB, arguments, temporaries
    ("v5p", 1024, 1, 64, 1, "none", 1, 2, 35, 5122),
    ("v5p", 1024, 1, 64, 1, "dots", 1, 2, 35, 2240),
    ("v5p", 1024, 1, 64, 1, "full", 1, 2, 35, 1140),
    ("v5p", 2048, 1, 64, 1, "none", 1, 20, 210, 60014),
    ("v5p", 2048, 1, 64, 1, "dots", 1, 20, 210, 15584),
    ("v5p", 2048, 1, 64, 1, "full", 1, 20, 210, 5387),
    ("v5p", 3072, 1, 64, 1, "full", 4, 20, 633, 5420),
    ("v6e", 3072, 1, 64, 1, "full", 4, 20, 633, 5503),
    ("v5p", 1280, 4, 16, 4, "none", 1, 2, 231, 48579),
    ("v5p", 1280, 4, 16, 8, "dots", 2, 2, 461, 7558),
    ("v5e", 2560, 1, 256, 1, "dots", 1, 20, 112, 7198),
    ("v5e", 2560, 1, 256, 1, "full", 1, 20, 112, 2475),
    ("v6e", 512, 1, 64, 1, "none", 1, 2, 10.6, 503),
    ("v6e", 1536, 1, 64, 1, "dots", 1, 2, 90, 5514),
    ("v6e", 1536, 1, 64, 1, "full", 2, 2, 90, 1311),
]
# GPU: jax and jax-cuda12-plugin 0.10.2, cuDNN 9.28, XLA's description of an H100, --xla_gpu_autotune_level=0.
GPU = [  # attention, and the same
    ("cudnn", 512, 1, 8, 1, "none", 1, 20, 88, 2258),
    ("cudnn", 768, 2, 4, 4, "dots", 2, 2, 587, 5250),
    ("cudnn", 1024, 1, 8, 1, "none", 1, 2, 261, 28479),
    ("cudnn", 1024, 1, 8, 1, "dots", 1, 2, 261, 7636),
    ("cudnn", 1024, 1, 8, 1, "dots", 4, 2, 261, 2762),
    ("cudnn", 1024, 1, 8, 1, "full", 1, 2, 261, 2527),
    ("cudnn", 1024, 1, 1, 1, "full", 4, 2, 2075, 4657),
    ("cudnn", 2048, 1, 8, 1, "dots", 8, 20, 1540, 14958),
    ("cudnn", 2048, 1, 8, 1, "full", 1, 20, 1540, 23339),
    ("cudnn", 2048, 1, 8, 1, "full", 4, 20, 1540, 7291),
    ("chunked", 1024, 1, 8, 1, "dots", 1, 20, 278, 10743),
    ("chunked", 1024, 1, 8, 1, "full", 1, 20, 278, 5804),
]


def near(platform: str, shape: Shape, trial, data, rows, remat, micro, stream, arguments, temporaries) -> None:
    found = estimated(shape, platform, trial, data, rows, Execution("map", remat, micro), TOKENS[stream])
    assert found.arguments / 2**20 == pytest.approx(arguments, rel=0.02)
    assert found.temporaries / 2**20 == pytest.approx(temporaries, rel=0.2)


@pytest.mark.parametrize("row", TPU, ids=str)
def test_within_a_fifth_of_what_libtpu_told(row):
    _, width, *rest = row
    near("tpu", pod(width, "splash"), *rest)


@pytest.mark.parametrize("row", GPU, ids=str)
def test_within_a_fifth_of_what_the_gpus_compiler_told(row):
    attention, width, *rest = row
    near("gpu", pod(width, attention), *rest)


@needs_libtpu
@pytest.mark.slow
@pytest.mark.parametrize(
    ("trial", "rows", "remat", "micro"), [(8, 8, "full", 1), (1, 1, "none", 1), (1, 1, "dots", 2)], ids=str
)
def test_within_a_fifth_of_libtpu(trial, rows, remat, micro):
    to, shape = target("v5e:2x4"), pod(512, "splash", depth=8, batch=16)
    corpus, execution = Corpus(2**22, 4 * shape.batch_tokens), Execution("map", remat, micro)
    machine = machine_of(shape, make_mesh(list(to.devices), trial), execution, corpus)
    account = compiled(Planned(machine, rows), to)
    found = estimated(shape, "tpu", trial, 8 // trial, rows, execution, 2 * corpus.tokens)
    stream = 2 * corpus.tokens  # lies on the device beside what the program is given
    assert found.arguments == pytest.approx(account.argument_bytes + stream, rel=0.02)
    assert found.temporaries == pytest.approx(account.temp_bytes, rel=0.2)


def test_a_device_holds_its_part_of_what_is_split_and_all_the_rest():
    for data in (1, 4, 8):
        held = 0
        leaves, axes = (
            jax.tree.leaves(counting.leaves(WIDE), is_leaf=lambda x: isinstance(x, tuple)),
            layout.axes(WIDE, data),
        )
        for dims, axis in zip(leaves, jax.tree.leaves(axes), strict=True):
            held += math.prod(dims) // (1 if axis == layout.WHOLE else data)
        assert estimate.held_params(WIDE, data) == held
    assert estimate.held_params(WIDE, 1) == counting.params(WIDE).total


def test_rows_tokens_and_kernels():
    one = estimate.device_bytes(DEEP, platform="gpu")
    more = estimate.device_bytes(DEEP, platform="gpu", trial_rows=3, token_bytes=1000)
    state = 12 * counting.params(DEEP).total
    assert more.arguments == 3 * state + 1000
    assert more.temporaries == one.temporaries + state
    assert more.total == more.arguments + more.temporaries
    together = estimate.device_bytes(DEEP, platform="gpu", trial_rows=3, under_way=3)
    assert together.temporaries == 3 * one.temporaries
    flash, square = (dataclasses.replace(DEEP, attention=name, seq_len=4096) for name in ("cudnn", "xla"))
    sizes = [estimate.device_bytes(shape, platform="gpu").temporaries for shape in (flash, square)]
    assert sizes[0] < 0.1 * sizes[1]


def test_the_probe_measures_the_ends_and_the_middle_once_each():
    asked = []

    def measure(shape: Shape) -> float:
        asked.append(shape)
        return 1e9

    groups = [cohort(dataclasses.replace(SMALL, width=w, head_dim=w), 100) for w in (64, 8, 16, 32, 48)]
    speeds = estimate.probe(groups, measure)
    assert [s.width for s in asked] == [8, 32, 64]
    assert [s.shape for s in speeds] == asked
    assert len(estimate.probe(groups[:1], measure)) == 1


def test_time_is_work_over_speed_between_the_probed_sizes():
    speeds = [estimate.Speed(SMALL, 1e9), estimate.Speed(DEEP, 4e9)]
    assert estimate.seconds(cohort(SMALL, 100), speeds) == pytest.approx(cohort(SMALL, 100).flops / 1e9)
    assert estimate.seconds(cohort(DEEP, 100), speeds) == pytest.approx(cohort(DEEP, 100).flops / 4e9)
    middle = cohort(dataclasses.replace(SMALL, width=32, head_dim=32), 100)
    assert middle.flops / 4e9 < estimate.seconds(middle, speeds) < middle.flops / 1e9
    assert estimate.seconds(middle, speeds[:1]) == pytest.approx(middle.flops / 1e9)
