"""What each program takes of a device's memory, as `sweep preview` tells it, and what does not fit."""

from collections.abc import Sequence

from sweep import platforms
from sweep.config import Memory
from sweep.design.cohorts import Cohort, cohorts
from sweep.design.cost import Axes
from sweep.design.families import Plan
from sweep.design.placement import Schedule
from sweep.design.room import SHARE, Room, room_of
from sweep.devices import PARTS, size_text
from sweep.errors import Refusal

ACCURACY = 1.2  # times the compiler's account that an estimate may be: tests/design/test_estimate.py


def memory_of(platform: str, devices: int, *, probed: bool) -> int | None:
    """Bytes of one device: of those that a probe has found, or a part of this host's for each of its CPU devices; None
    for accelerators that are not here.
    """
    if probed:
        import jax

        from sweep.train.devices import memory_bytes

        return memory_bytes(jax.local_devices()[0])
    if platform == "cpu":
        return platforms.host_memory() // devices
    return None


def rooms(plan: Plan, schedule: Schedule | None, platform: str, asked: Memory, memory: int | None) -> dict[str, Room]:
    """What each cohort takes on its mesh, by its hash; without a schedule each is on one device."""
    groups, axes = cohorts(plan.trials), axes_of(schedule)
    tokens = token_bytes(plan.unique_tokens, groups[0].shape.vocab, memory)
    return {c.hash: room_of(c, axes.get(c.hash, Axes(1, 1)), platform, asked, memory, tokens) for c in groups}


def axes_of(schedule: Schedule | None) -> dict[str, Axes]:
    """Meshes by the hashes of cohorts."""
    return {place.cohort.hash: place.axes for place in schedule.places} if schedule else {}


def token_bytes(tokens: int, vocab: int, memory: int | None) -> int:
    """Bytes of a training stream on a device; none where it is too large to lie there and comes with each chunk."""
    from sweep.train.machine import feeds  # here: the engine is slow to import

    size = 2 if vocab <= 2**16 else 4
    return 0 if feeds(tokens, size, memory or 2**63) else tokens * size


def refusals(
    groups: Sequence[Cohort], found: dict[str, Room], schedule: Schedule | None, platform: str, memory: int | None
) -> list[Refusal]:
    """The cohorts that do not fit, the largest first; on accelerators that are not here, those that fit none known."""
    if memory is None:
        memory = largest_known(platform)
        too_large = [c for c in groups if found[c.hash].bytes > SHARE * memory]
        who = f"even the {platform.upper()} with the most memory that is known has room for"
    else:
        too_large = [c for c in groups if found[c.hash].fits is False]
        who = "a device has room for"
    axes = axes_of(schedule)
    ordered = sorted(too_large, key=lambda c: -found[c.hash].bytes)
    return [Refusal("too_large", problem(c, axes.get(c.hash, Axes(1, 1)), found[c.hash], who, memory)) for c in ordered]


def problem(cohort: Cohort, axes: Axes, needs: Room, who: str, memory: int) -> str:
    """One line: what does not fit, by how much, and what could."""
    shape, number = cohort.shape, "one device" if axes.devices == 1 else f"{axes.devices} devices ({axes})"
    close = " (an estimate, so close that only --compile tells)" if needs.bytes < ACCURACY * SHARE * memory else ""
    return (
        f"cohort {cohort.hash} (width {shape.width}, {shape.depth} blocks, batch {shape.batch} x {shape.seq_len} "
        f"tokens) needs at least {size_text(needs.bytes)} a device on {number}, and {who} {size_text(SHARE * memory)}"
        f"{close}; use more devices, or a smaller model or --recipe.batch-tokens"
    )


def largest_known(platform: str) -> int:
    """Bytes of the device of a platform that has the most."""
    sizes = [x.usable or x.memory for name, x in PARTS.items() if name.startswith("tpu") == (platform == "tpu")]
    return int(max(sizes))


def largest(found: dict[str, Room]) -> Room:
    """The room of the cohort that takes the most."""
    return max(found.values(), key=lambda r: r.bytes)


def data_of(needs: Room) -> dict:
    """Plain data; `fits` is null where the memory of a device is not known, and the bytes are then the least."""
    remat, micro_batches = needs.choice
    return {
        "memory_bytes": round(needs.bytes),
        "remat": remat,
        "micro_batches": micro_batches,
        "fits": needs.fits,
    }


def text_of(total: dict) -> str:
    """The line of the largest program."""
    size, least = size_text(total["memory_bytes"]), "" if total["fits"] else "at least "
    return f"memory   the largest program needs {least}{size} a device{how(total)} (estimate)"


def how(one: dict) -> str:
    """With which recomputation, and how many micro-batches."""
    parts = [f"remat {one['remat']}"] * (one["remat"] != "none")
    parts += [f"{one['micro_batches']} micro-batches"] * (one["micro_batches"] > 1)
    return f" with {' and '.join(parts)}" if parts else ""
