"""The accelerators that this project knows: one table for the planner, the previews and the trainer.

Figures are of one part as it is sold and rented. FLOP/s are dense (the sparse figures of datasheets are twice these),
with sums in float32. What a person states of a device of his own, `@peak=2.5e15,memory=192`, needs no entry here.
"""

from typing import NamedTuple

GB, GIB = 1e9, 2**30


UNITS = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes"))


def unit_of(size: float | int) -> tuple[float, str]:
    """The unit in which a number of bytes has one to three digits before the point: decimal, as memory is sold."""
    return next((unit for unit in UNITS if size >= 0.9995 * unit[0]), UNITS[-1])


def size_text(size: float | int) -> str:
    """Bytes for people: 5.48 GB, 81.2 TB."""
    unit, name = unit_of(size)
    return f"{size / unit:.3g} {name}"


class Part(NamedTuple):
    """One kind of accelerator.

    Attributes:
        peaks: FLOP/s by precision.
        bandwidth: bytes/s of its memory.
        memory: bytes, as sold.
        source: who states these figures, and when that was read.
        kinds: what jax calls it, by how its names begin; none where jax does not name it apart from others.
        usable: bytes of a jax device that programs may use, as its compiler or XLA's description of it says; None
            where nobody has said.
        halves: devices that jax makes of one part.
    """

    peaks: dict[str, float]
    bandwidth: float
    memory: float
    source: str
    kinds: tuple[str, ...] = ()
    usable: float | None = None
    halves: int = 1

    @property
    def most(self) -> float:
        """Bytes of one part that programs may use, as far as that is known; else all that it is sold with."""
        return float(self.halves * self.usable if self.usable else self.memory)


NVIDIA, GOOGLE = "NVIDIA datasheet, dense, 2026-11", "Google Cloud TPU documentation, 2026-11"
SXM = "NVIDIA datasheet, dense, SXM, 2026-11"
UNREAD = "the vendor's datasheet, dense, not read again in 2026-11"
QUOTED = "the vendor's datasheet, dense, as others quote it in 2026-11"
GEFORCE = "NVIDIA's architecture paper, dense, float32 sums, as others quote it in 2026-11"

# `usable` of TPUs: "exceeds available HBM (15.75G)", what libtpu 0.0.42.1 says of a program too large for them; of
# GPUs: device_memory_size in XLA's own descriptions of them (openxla/xla, gpu/target_config/specs).
PARTS = {
    "a100-40": Part({"bf16": 312e12, "int8": 624e12}, 1.555e12, 40 * GB, NVIDIA),
    "a100-80": Part({"bf16": 312e12, "int8": 624e12}, 2.039e12, 80 * GB, NVIDIA, ("NVIDIA A100",), 85_100_068_864),
    "h100": Part(
        {"bf16": 989e12, "fp8": 1978e12, "int8": 1978e12}, 3.35e12, 80 * GB, SXM, ("NVIDIA H100",), 84_942_979_072
    ),
    "h200": Part(
        {"bf16": 989e12, "fp8": 1978e12, "int8": 1978e12}, 4.8e12, 141 * GB, SXM, ("NVIDIA H200",), 151_397_597_184
    ),
    "b200": Part(
        {"bf16": 2250e12, "fp8": 4500e12, "int8": 4500e12}, 8e12, 180 * GB, QUOTED + ", HGX", ("NVIDIA B200",)
    ),
    "gb200": Part(
        {"bf16": 2500e12, "fp8": 5000e12, "int8": 5000e12},
        8e12,
        186 * GB,
        QUOTED + ", one GPU of an NVL72",
        ("NVIDIA GB200",),
    ),
    "mi300x": Part(
        {"bf16": 1307.4e12, "fp8": 2614.9e12, "int8": 2614.9e12}, 5.3e12, 192 * GB, QUOTED, ("AMD Instinct MI300X",)
    ),
    "rtx4090": Part(
        {"bf16": 165.2e12, "fp8": 330.3e12, "int8": 660.6e12},
        1.008e12,
        24 * GIB,
        GEFORCE,
        ("NVIDIA GeForce RTX 4090",),
    ),
    "rtx5090": Part(
        {"bf16": 209.5e12, "fp8": 419e12, "int8": 838e12}, 1.792e12, 32 * GIB, GEFORCE, ("NVIDIA GeForce RTX 5090",)
    ),
    "l4": Part({"bf16": 121e12, "fp8": 242e12, "int8": 242e12}, 300e9, 24 * GB, UNREAD, ("NVIDIA L4",)),
    "tpu-v4": Part({"bf16": 275e12}, 1.2e12, 32 * GB, UNREAD, ("TPU v4",)),
    "tpu-v5e": Part({"bf16": 197e12, "int8": 393e12}, 819e9, 16 * GB, GOOGLE, ("TPU v5 lite", "TPU v5e"), 15.75 * GIB),
    "tpu-v5p": Part({"bf16": 459e12}, 2.765e12, 95 * GB, UNREAD, ("TPU v5p", "TPU v5"), 95.74 * GIB),
    "tpu-v6e": Part(
        {"bf16": 918e12, "int8": 1836e12}, 1.64e12, 32 * GB, GOOGLE, ("TPU v6 lite", "TPU v6e"), 31.25 * GIB
    ),
    "tpu7x": Part({"bf16": 2307e12, "fp8": 4614e12}, 7.38e12, 192 * GIB, GOOGLE, ("TPU7x",), 94.75 * GIB, 2),
}
ALIASES = {
    "a100": "a100-80",
    "rtx-4090": "rtx4090",
    "rtx-5090": "rtx5090",
    "tpu-v7x": "tpu7x",
    "v4": "tpu-v4",
    "v5e": "tpu-v5e",
    "v5p": "tpu-v5p",
    "v6e": "tpu-v6e",
}
