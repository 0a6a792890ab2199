"""How hard XLA works on a program: a full compile pays where the program runs for long, and not where it is brief."""

import functools
from typing import Any

import jax
from jax.stages import Compiled, Lowered

from sweep.train import devices
from sweep.train.devices import Device

QUICK: dict[str, dict[str, Any]] = {
    # on accelerators a third of the time or less; what a program loses in speed by it is unknown
    "accelerator": {"exec_time_optimization_effort": -1.0},
    # half the time for steps that take 10 percent longer (widths of 32 and 40, 2 blocks); no MLIR pipeline a fusion
    "cpu": {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1},
    # initial weights on a CPU, made once: a third of the time
    "once": {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 0},
}
BRIEF = {"accelerator": 60.0, "cpu": 15.0}  # seconds of work, below which a full compile does not pay
CPU_FLOPS = 8e9  # a second and device
SHARE_OF_PEAK = 0.2  # that a small model reaches on an accelerator


def rate(group: list[Device]) -> float:
    """FLOP/s that a group of devices is expected to reach, to size work with."""
    peak = devices.peak_flops(group[0])
    return len(group) * (SHARE_OF_PEAK * peak if peak else CPU_FLOPS)


def kind(platform: str) -> str:
    return "cpu" if platform == "cpu" else "accelerator"


def brief(flops: float, group: list[Device]) -> bool:
    """Whether a cohort of so many FLOPs is done before a full compile would pay."""
    return flops < BRIEF[kind(group[0].platform)] * rate(group)


@functools.cache
def options(name: str) -> dict[str, Any] | None:
    """QUICK[name], or None where this version of XLA does not know one of them."""
    try:
        jax.jit(lambda x: x + 1).lower(0.0).compile(compiler_options=QUICK[name])
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return None
    return QUICK[name]


def compile(lowered: Lowered, platform: str, *, quick: bool) -> Compiled:
    """Compile at full effort, or quickly."""
    return lowered.compile(compiler_options=options(kind(platform)) if quick else None)
