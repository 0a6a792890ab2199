"""GPUs as XLA describes them to itself, so that it compiles for one that is not here.

The texts are GpuTargetConfigProto of openxla/xla, xla/backends/gpu/target_config/specs (h100_sxm, h200, a100_sxm_80):
the figures that decide whether a kernel is legal. Products are not autotuned without the GPU, so the number of kernels
and their scratch memory are indicative.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from sweep.train.devices import KINDS

CUDNN = 91_000  # 9.10: what the descriptions below name

HOPPER = """threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152
shared_memory_per_core: 233472 threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535 l2_cache_size: 52428800
clock_rate_ghz: 1.98 shared_memory_per_block_optin: 232448 cuda_compute_capability { major: 9 }
registers_per_core_limit: 65536 registers_per_block_limit: 65536"""
AMPERE = """threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152
shared_memory_per_core: 167936 threads_per_core_limit: 2048 core_count: 108 fpus_per_core: 64
block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535 l2_cache_size: 41943040
clock_rate_ghz: 1.41 shared_memory_per_block_optin: 166912 cuda_compute_capability { major: 8 }
registers_per_core_limit: 65536 registers_per_block_limit: 65536"""


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU."""

    kind: str  # its name in sweep.train.devices.KINDS
    name: str  # its own
    capability: str
    chip: str

    @property
    def config(self) -> str:
        """The GpuTargetConfigProto, as text."""
        facts = KINDS[self.kind]
        return (
            f"gpu_device_info {{ {self.chip} memory_bandwidth: {facts.bandwidth:.0f} "
            f"device_memory_size: {facts.memory:.0f} }} "
            'platform_name: "CUDA" dnn_version_info { major: 9 minor: 10 } runtime_version { major: 12 minor: 8 } '
            f'device_description_str: "{self.name}"'
        )


GPUS = {
    "h100": Gpu("NVIDIA H100", "NVIDIA H100 80GB HBM3", "9.0", HOPPER),
    "h200": Gpu("NVIDIA H200", "NVIDIA H200 141GB HBM3e", "9.0", HOPPER),
    "a100": Gpu("NVIDIA A100", "NVIDIA A100-SXM4-80GB", "8.0", AMPERE),
}


@contextlib.contextmanager
def pretend_cudnn(capability: str) -> Iterator[None]:
    """Answer for an absent GPU the three questions that jax asks before it takes cuDNN's attention."""
    from jax._src.cudnn import fused_attention_stablehlo as cudnn

    answers = {
        "check_cudnn_version": lambda: CUDNN,
        "check_compute_capability": lambda limit: float(limit) <= float(capability),
        "is_cuda_compute_capability_equal": lambda other: other == capability,
    }
    kept = {name: getattr(cudnn, name) for name in answers}
    for name, answer in answers.items():
        setattr(cudnn, name, answer)
    try:
        yield
    finally:
        for name, question in kept.items():
            setattr(cudnn, name, question)
