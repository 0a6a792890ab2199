"""How a cohort fits the devices of its mesh: what is tried, in which order, and the first that fits by arithmetic."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sweep.config import Memory
from sweep.design import estimate
from sweep.design.cohorts import Cohort, spans
from sweep.design.cost import SPLIT_TOKENS, Axes, Mode, mode_of
from sweep.errors import InputError
from sweep.models.layout import Remat
from sweep.models.shape import Shape

SHARE = 0.92  # of the memory that jax has of a device, which a program may take
JAX_TAKES = {"gpu": 0.75}  # of a device's memory, unless XLA_PYTHON_CLIENT_MEM_FRACTION says otherwise; elsewhere all
AGAIN: dict[Remat, float] = {"none": 1.0, "dots": 1.03, "full": 4 / 3}  # FLOPs of a step, by what is computed again
ALONE_TOKENS = 128  # at once, at which a device on its own takes twice as long a token (E)


class Choice(NamedTuple):
    """What the backward pass computes again, and into how many parts a device's batch is cut."""

    remat: Remat
    micro_batches: int


@dataclass(frozen=True)
class Room:
    """What rows of a shape take of each device of their mesh, an estimate."""

    bytes: float
    choice: Choice
    fits: bool | None  # None: no limit was given, and this is the least that a device must have


def choices(shape: Shape, data: int, asked: Memory) -> Iterator[Choice]:
    """Choices in the order in which they are tried: the fastest first by `slowdown`, the smallest last.

    Raises:
        InputError: micro-batches that do not divide a device's part of the batch.
    """
    local = shape.batch // data
    if asked.micro_batches and local % asked.micro_batches:
        raise InputError(
            f"config: memory.micro_batches is {asked.micro_batches}; it must divide the {local} sequences that a "
            f"device holds of a batch of {shape.batch} over {data}"
        )
    counts = [asked.micro_batches] if asked.micro_batches else divisors(local)
    possible = [Choice(remat, m) for remat in AGAIN for m in counts if asked.remat in ("auto", remat)]
    yield from sorted(possible, key=lambda choice: slowdown(shape, data, choice))


def divisors(number: int) -> list[int]:
    """All numbers that divide it, rising. By pairs, because the batch of a planned size may be astronomical."""
    small = [m for m in range(1, math.isqrt(number) + 1) if number % m == 0]
    return sorted({*small, *(number // m for m in small)})


def slowdown(shape: Shape, data: int, choice: Choice) -> float:
    """Time of a step over that of its products alone, by a model (E): what is computed again, and what each part waits.

    A part gathers all weights and sends all gradients where devices share a trial; alone it only fills a device less.
    """
    tokens = shape.batch_tokens / data / choice.micro_batches
    return AGAIN[choice.remat] + (SPLIT_TOKENS if data > 1 else ALONE_TOKENS) / tokens


def slower(shape: Shape, data: int, choice: Choice) -> float:
    """Time of a step over that of one without recomputation and in one part."""
    return slowdown(shape, data, choice) / slowdown(shape, data, Choice("none", 1))


def room(
    shape: Shape,
    axes: Axes,
    *,
    platform: str,
    limit: float | None,
    rows: int = 1,
    mode: Mode = "map",
    asked: Memory = Memory(),  # noqa: B008 (frozen)
    token_bytes: int = 0,
) -> Room:
    """What `rows` rows take on a mesh by the first choice that fits, or the least that they can take.

    Args:
        limit: bytes of one device that a program may take; None: not known.
        token_bytes: training tokens that a device holds.
    """
    each = math.ceil(rows / axes.trial)
    least = Room(math.inf, Choice("none", 1), None if limit is None else False)
    for choice in choices(shape, axes.data, asked):
        for under_way in halves(each) if mode == "vmap" else [1]:
            taken = estimate.device_bytes(
                shape,
                platform=platform,
                trial_rows=each + (under_way if mode == "vmap" else 0),
                under_way=under_way,
                data=axes.data,
                remat=choice.remat,
                micro_batches=choice.micro_batches,
                token_bytes=token_bytes,
            ).total
            if limit is not None and taken <= limit:
                return Room(taken, choice, True)
            if taken < least.bytes:
                least = Room(taken, choice, least.fits)
    return least


def room_of(cohort: Cohort, axes: Axes, platform: str, asked: Memory, memory: int | None, token_bytes: int = 0) -> Room:
    """`room` of a cohort on devices of `memory` bytes."""
    return room(
        cohort.shape,
        axes,
        platform=platform,
        limit=None if memory is None else SHARE * memory,
        rows=len(spans(cohort)),
        mode=mode_of(cohort.shape, platform),
        asked=asked,
        token_bytes=token_bytes,
    )


def halves(rows: int) -> Iterator[int]:
    """Numbers of rows under way, the most first: the power of two that holds all of them, and its halves."""
    count = 2 ** math.ceil(math.log2(rows))
    while count:
        yield count
        count //= 2
