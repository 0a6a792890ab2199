"""Programs through the compilers of a CPU and of TPUs: bytes, collectives, FLOPs, and what does not fit."""

import importlib.util
from dataclasses import replace

import jax
import pytest

from sweep.design.cost import Mode
from sweep.models import counting
from sweep.models.layout import Remat
from sweep.models.shape import Shape
from sweep.train.ahead import compile as ahead
from sweep.train.ahead.compile import Compiled, compiled
from sweep.train.ahead.planned import Corpus, Planned, machine_of
from sweep.train.ahead.targets import Target, target
from sweep.train.program import Execution
from sweep.train.sharding import make_mesh
from tests.tpu import needs_libtpu

SMALL = Shape(
    vocab=256, width=128, depth=1, heads=1, kv_heads=1, head_dim=128, ffn=352, seq_len=512, batch=8, dtype="bfloat16"
)
NOTHING = Compiled(0, 100, 100, 2**34, False, 1.0, 1.5)


def program(
    to: Target, trial: int, rows: int, shape: Shape = SMALL, mode: Mode = "map", remat: Remat = "none", parts: int = 1
) -> Compiled:
    mesh, corpus = make_mesh(list(to.devices), trial), Corpus(2**22, shape.batch_tokens)
    machine = machine_of(shape, mesh, Execution(mode, remat, parts), corpus)
    return compiled(Planned(machine, rows), to)


def test_out_of_memory_is_read_from_what_libtpu_says():
    everything = "XLA:TPU compile permanent error. Ran out of memory in memory space hbm. Used 20.31G of 15.75G hbm."
    found = ahead.too_large(NOTHING, everything)
    assert (found.fits, found.error) == (False, "")
    assert found.limit_bytes == round(15.75 * 2**30)
    assert found.temp_bytes + found.argument_bytes == found.used_bytes == round(20.31 * 2**30)
    temporaries = (
        "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for HLO temporaries (512.00M) exceeds "
        "available HBM (15.75G)."
    )
    found = ahead.too_large(NOTHING, temporaries)
    assert found.temp_bytes == 2**29
    assert found.used_bytes == 2**29 + 100


def test_another_reason_is_kept_as_one_line():
    found = ahead.too_large(NOTHING, "INTERNAL: Mosaic failed to compile TPU kernel\nmore\nlines")
    assert (found.fits, found.error) == (False, "INTERNAL: Mosaic failed to compile TPU kernel")


def test_an_exception_inside_of_the_compiler_is_named():
    text = "INTERNAL: partitioner: Traceback (most recent call last):\n  File a.py, in b\nAttributeError: no spec\n\nat"
    assert ahead.too_large(NOTHING, text).error == "AttributeError: no spec"


def test_this_machine_compiles_and_counts():
    to = target("local")
    tiny = Shape(vocab=64, width=32, depth=2, heads=2, kv_heads=1, head_dim=16, ffn=48, seq_len=16, batch=8)
    found = program(to, 4, 8, tiny)
    assert found.fits
    assert found.error == ""
    assert found.crossing == 0
    state = 3 * 4 * counting.params(tiny).total * 2  # two rows a device: weights and two moments in float32
    assert found.argument_bytes > state
    assert found.used_bytes >= found.temp_bytes + found.argument_bytes
    assert found.flops_ratio == pytest.approx(
        counting.forward_flops_per_token(tiny, causal=False) / counting.forward_flops_per_token(tiny), rel=0.01
    )  # XLA's attention computes the whole square
    assert not program(replace(to, limit=1000), 4, 8, tiny).fits


def test_a_kernel_that_is_refused_is_told_and_does_not_end_the_command():
    found = program(target("local"), 8, 8, replace(SMALL, attention="cudnn"))
    assert not found.fits
    assert found.error
    assert "\n" not in found.error


@needs_libtpu
@pytest.mark.parametrize(
    ("trial", "mode", "remat"), [(8, "map", "none"), (4, "vmap", "dots"), (4, "map", "none"), (1, "map", "full")]
)
def test_the_cohort_compiles_for_a_tpu(trial, mode, remat):
    """With splash attention, on devices that share no trial, two a trial and eight."""
    splash = replace(SMALL, attention="splash")
    found = program(target("v5e:2x4"), trial, trial, splash, mode=mode, remat=remat)
    assert found.error == ""
    assert found.fits
    assert found.crossing == 0
    assert found.limit_bytes == int(15.75 * 2**30)
    assert found.argument_bytes > 12 * counting.params(SMALL).total / (8 // trial)
    sent = [t for t in found.traffic if t.inside is not None]
    assert bool(sent) == (trial < 8)  # a trial of its own device tells nobody anything
    assert all(t.per_step is not None for t in sent)
    assert set(jax._src.xla_bridge._backends) <= {"cpu"}  # pyright: ignore


@needs_libtpu
def test_a_program_that_is_too_large_is_an_answer():
    large = replace(SMALL, width=1024, heads=8, depth=12, ffn=2816, seq_len=2048, batch=64, vocab=8192)
    found = program(target("v5e:2x4"), 8, 8, large)
    assert not found.fits
    assert found.error == ""
    assert found.used_bytes > 2 * int(15.75 * 2**30)
    assert found.compile_s > 0


@pytest.mark.skipif(
    not any(importlib.util.find_spec(f"jax_cuda{n}_plugin") for n in (12, 13)),
    reason="jax's CUDA plugin is not installed: pip install 'isoflop[cuda12]'",
)
@pytest.mark.parametrize(
    ("name", "trial", "attention"),
    [
        ("h100:4", 2, "xla"),
        ("a100:1", 1, "xla"),
        ("h200:1", 1, "cudnn"),
        ("h100:4", 4, "cudnn"),
        ("h100:4", 2, "cudnn"),
        ("h100:4", 1, "cudnn"),
    ],
)
def test_the_cohort_compiles_for_gpus(name, trial, attention):
    to = target(name)
    found = program(to, trial, max(trial, 2), replace(SMALL, attention=attention))
    assert found.error == ""
    assert found.fits
    assert found.crossing == 0
    assert to.limit is not None
    assert found.limit_bytes == to.limit
    assert to.devices[0].device_kind.startswith(to.kind)
    assert bool([t for t in found.traffic if t.inside is not None]) == (len(to.devices) > trial)
    assert set(jax._src.xla_bridge._backends) <= {"cpu"}  # pyright: ignore
