"""What training a shape takes of a device's memory, how many devices hold it, and what is said where none do."""

from typing import Any

from sweep.devices import size_text
from sweep.fit.predict import warning
from sweep.plan.prices import DEVICES, Device
from sweep.plan.question import Question

FLOAT32 = 4  # bytes of a weight, of its gradient, and of each of its two moments


def memory(shape: Any, devices: int, question: Question, platform: str) -> dict[str, Any]:
    """What training takes on each of `devices`, an estimate, by the fastest choice of what to compute again that fits.

    `remat` and `micro_batches` are that choice, or the smallest there is where none fits or the device is not known;
    `held_by` the fewest devices, a power of two up to the batch, that hold it: of the device meant, else of each known
    one; null where no number of them does.
    """
    from sweep.design import estimate

    rate = question.costs.train
    meant = None if rate is None else {rate.device: rate.facts}
    axes = mesh(shape, devices, platform)
    found = needs(shape, axes.devices, platform, None if rate is None else rate.facts.memory)
    held = FLOAT32 * estimate.held_params(shape, axes.data)
    sums = 2 if found.choice.micro_batches > 1 else 1  # of gradients: of one micro-batch, and of those before it
    parts = {"weights": held, "gradients": sums * held, "optimizer": 2 * held}
    parts["activations"] = found.bytes - sum(parts.values())
    held_by = {name: holding(shape, name, device) for name, device in (meant or DEVICES).items()}
    return {
        "memory_bytes": parts | {"total": found.bytes},
        "remat": found.choice.remat,
        "micro_batches": found.choice.micro_batches,
        "fits": found.fits,
        "held_by": held_by,
        "devices_that_hold_it": None if rate is None else held_by[rate.device],
    }


def about_memory(block: dict[str, Any]) -> list[dict[str, str]]:
    """A warning where no number of known devices up to its batch holds any shape that answers the question."""
    shapes = [shape for shape in block["shapes"] if shape["tokens"]]
    if not shapes or any(can_be_held(shape) for shape in shapes):
        return []
    least = min(shapes, key=lambda shape: shape["memory_bytes"]["total"])
    message = (
        f"the shapes next to this size cannot be trained here: {too_large(least)}; the plan stands, but training it "
        "takes parallelism that this trainer does not have"
    )
    return [warning("too_large", message)]


def can_be_held(shape: dict[str, Any]) -> bool:
    """Whether some number of devices holds a shape, or nothing is known of the memory of the device meant."""
    unknown = shape["fits"] is None and len(shape["held_by"]) == 1
    return unknown or any(shape["held_by"].values())


def too_large(shape: dict[str, Any]) -> str:
    """What a shape takes, and that no number of devices holds it."""
    names, sequences = list(shape["held_by"]), shape["batch_tokens"] // shape["seq_len"]
    known = names[0] if len(names) == 1 else "the devices known here"
    size = size_text(3 * FLOAT32 * shape["params"]["total"])
    return f"weights and moments of {size} fit no number of {known} up to the {sequences:,} sequences of its batch"


def mesh(shape: Any, devices: int, platform: str) -> Any:
    """How one model lies on `devices`: some are left over where they do not divide its batch."""
    from sweep.design.mesh import axes_of

    return axes_of(rows=1, batch=shape.batch, seq_len=shape.seq_len, mode="map", devices=devices, platform=platform)


def needs(shape: Any, devices: int, platform: str, memory: float | None) -> Any:
    """What one model takes of each of `devices` with `memory` bytes: sweep.design.room.Room."""
    from sweep.design.room import JAX_TAKES, SHARE, room

    limit = None if memory is None else SHARE * JAX_TAKES.get(platform, 1.0) * memory
    return room(shape, mesh(shape, devices, platform), platform=platform, limit=limit)


def holding(shape: Any, name: str, device: Device) -> int | None:
    """Fewest devices, a power of two up to the batch, whose memory holds the training; None where no number does, or
    where nothing is known of their memory."""
    if device.memory is None:
        return None
    platform = "tpu" if name.startswith("tpu") else "gpu"
    counts = [2**k for k in range(shape.batch.bit_length()) if 2**k <= shape.batch]
    return next((n for n in counts if needs(shape, n, platform, device.memory).fits), None)
