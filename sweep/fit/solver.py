"""Thousands of small regressions at once: stages of damped Newton in float64, unfinished lanes packed together.

A lane is one problem: a start, row weights, a threshold, perhaps its own targets; `newton` says what is minimised and
how. All lanes share the law and the features. They go through stages, each of which only gets the lanes that the one
before it left unfinished:

    near       where many lanes share a start, by the law's expansion there: ends nearly all of them (`near`)
    float32    other lanes, where they are many: cheap passes to near the optimum
    float64    passes to the optimum
    curved     with the law's own curvature in each, for lanes in a flat, bent valley, along which the others only crawl

The first two need a threshold far above float32's rounding.

A least-squares objective is delta = infinity; least absolute deviations are approached by falling deltas
(`approach3`). Blocks are spread over all devices that fit (`platforms.fitting_devices`): some lanes that stay in the
cache of a CPU, on a GPU thousands.
"""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from sweep import interrupt, platforms
from sweep.fit import near, newton, programs
from sweep.fit.lanes import Lanes
from sweep.fit.newton import CERTIFIED, End
from sweep.fit.programs import CHUNK, ROOM, padded
from sweep.laws import Law

CALMED = 1e-4  # of the damping, for the float64 program that takes over


class Stage(NamedTuple):
    """A program and the passes that it gives its lanes at each level; if curved, so many times the parameters squared.

    Whatever `near` leads to the exact law gets EXACT passes over that.
    """

    dtype: str
    curved: bool
    passes: tuple[int, ...]


NEAR, SCOUT = Stage("near", False, (7, 4, 8, 16)), Stage("float32", False, (7,))
FIRM, LAST = Stage("float64", False, (3, 3, 12)), Stage("float64", True, (1, 2, 4))
EXACT = (2, 1, 1)
NEAR_LANES, SCOUT_LANES = 64, 256  # of a start, or of all; fewer do not repay compiling
MANY = 8192  # lanes in all that repay compiling `near`, which takes 3 to 4 s
LEAST_DELTA = 1e-4  # float32 rounds residuals to 1e-7


class State(NamedTuple):
    """What a lane takes from one stage to the next: damping [lanes], the law's curvature [lanes, k (k + 1) / 2]."""

    damping: np.ndarray
    kept: np.ndarray


class Layout(NamedTuple):
    """How lanes lie on this machine: in a block of each stage, in a call of the device, and between looks.

    Few lanes reach the later stages, and fewest the last, where a block takes hundreds of passes if one lane does.
    """

    lead: int
    exact: int
    firm: int
    last: int
    call: int
    last_call: int
    group: int
    devices: int


def layout(rows: int) -> Layout:
    """Blocks that fit a cache on a CPU and fill the chip elsewhere; at most 256 MiB of row weights a call.

    Args:
        rows: as they are padded.
    """
    devices = platforms.fitting_devices()
    cpu = devices[0].platform == "cpu"
    fit = 2 ** (max(8, 2**20 // rows).bit_length() - 1)  # powers of two, so that the blocks of one stage fill another's
    lead, exact, firm, last = (min(x, fit) for x in (128, 64, 16, 8)) if cpu else (8192, 8192, 8192, 256)
    least = lead * len(devices)
    call = max(least, min(2048 if cpu else 65536, 2**25 // rows) // least * least)
    return Layout(lead, exact, firm, last, call, min(call, 16 * last * len(devices)), 8 * call, len(devices))


def solve(
    law: Law,
    features: np.ndarray,
    target: np.ndarray,
    theta: np.ndarray,
    weight: np.ndarray,
    *,
    delta: float | int | np.ndarray,
    in_loss: bool = False,
    rivals: int = 1,
    partial: bool = False,
    progress: Callable[[int, int], None] | None = None,
    added: int = 0,
) -> Lanes:
    """Optimum of every lane.

    Args:
        features: of the law, centred, [f, n].
        target: ln loss [n], or [lanes, n] where each lane has its own; loss with `in_loss`.
        theta: starts [lanes, k].
        weight: row weights [lanes, n], or [n] for all lanes alike.
        delta: Huber threshold, or [lanes]; infinity for least squares.
        rivals: so many lanes in a row are starts of one problem, of which the best is wanted: one that is still above
            another's optimum when only the last stage is left is given up, finished but not converged.
        partial: an interrupt (Ctrl-C) ends the work and lanes without an end are not `finished`, for callers that look
            at it; else the interrupt goes on.
        progress: called with (lanes done, lanes) after each call of the device.
        added: so many of the rows are not of the table; up to ROOM of them need no program of their own.
    """
    lanes, rows = len(theta), features.shape[1]
    size = max(padded(rows - added), rows if added <= ROOM else padded(rows))
    plan, delta = layout(size), np.broadcast_to(np.asarray(delta, float), lanes)
    fill = size - rows
    lane_data = {"delta": delta, "weight": np.broadcast_to(weight, (lanes, rows))}
    if np.ndim(target) == 2:
        lane_data["target"] = target
    shared = (pad(np.asarray(target, float), fill) if np.ndim(target) == 1 else None, pad(features, fill))
    blank = np.full(lanes, np.inf)
    end = Lanes(np.array(theta, float), blank, blank.copy(), blank.copy(), np.zeros(lanes, int), np.zeros(lanes, bool))
    state = State(np.ones(lanes), np.zeros((lanes, theta.shape[1] * (theta.shape[1] + 1) // 2)))

    def send(stage: Stage, part: np.ndarray, call: int, slots: np.ndarray) -> End:
        """Start the device on the lanes `part` in their slots of a call."""
        own = shared[0] is None
        mine = {name: taken(values, part, slots, call, fill) for name, values in lane_data.items()}
        common = (mine["delta"], mine["weight"], mine["target"] if own else shared[0], shared[1])
        passes, size = np.array(stage.passes) * (theta.shape[1] ** 2 if stage.curved else 1), (call, rows + fill)
        began, known = time.perf_counter(), made()
        if stage is NEAR:
            compiled = near.program(law, in_loss, own, plan.lead, plan.exact, plan.devices, size)
            reached = compiled(end.theta[part[0]], mine["weight"].sum(axis=0), *common, passes, np.array(EXACT))
        else:
            block = {SCOUT: plan.lead, FIRM: plan.firm, LAST: plan.last}[stage]
            compiled = newton.program(law, in_loss, own, stage.curved, stage.dtype, block, plan.devices, size)
            reached = compiled(*(taken(x, part, slots, call) for x in (end.theta, *state)), *common, passes)
        if made() > known:
            programs.MADE.add(programs.NEAR if stage is NEAR else 1.0, time.perf_counter() - began)
        return reached

    def run(work: list[tuple[Stage, np.ndarray]]) -> None:
        """Take lanes through their stages, and write down where they are."""
        sent: tuple[Stage, np.ndarray, np.ndarray, End] | None = None
        for stage, chosen in work:
            call = plan.last_call if stage is LAST else plan.call
            for part in np.split(chosen, range(call, len(chosen), call)):
                slots = spread(len(part), call, plan.devices)
                ahead = send(stage, part, call, slots)
                if sent:
                    receive(*sent)
                sent = (stage, part, slots, ahead)  # the device works on it while the host reads the call before
        if sent:
            receive(*sent)

    def receive(stage: Stage, part: np.ndarray, slots: np.ndarray, reached: End) -> None:
        """Write down where a call left its lanes."""
        record(end, state, stage, part, End(*(np.asarray(x)[slots] for x in reached)))
        if progress:
            progress(int(end.finished.sum()), lanes)
        interrupt.check()  # of one that a callback of JAX's has swallowed, or that is held back

    with jax.enable_x64(True):
        try:
            for work in schedule(end, delta, plan, rows, rivals):
                run(work)
        except KeyboardInterrupt:
            if not partial:
                raise
            interrupt.met()
    return end


def made() -> int:
    """Programs of the solver that this process has made so far."""
    return newton.program.cache_info().misses + near.program.cache_info().misses


def schedule(
    end: Lanes, delta: np.ndarray, plan: Layout, rows: int, rivals: int
) -> Iterator[list[tuple[Stage, np.ndarray]]]:
    """What can be done at one time, [(stage, unfinished lanes)]: group by group, then the hard lanes of all groups."""
    every = np.arange(len(end.theta))
    lead = delta.min() >= LEAST_DELTA
    for members in np.split(every, range(plan.group, len(every), plan.group)):
        if lead:
            alikes, others = alike(end.theta, members) if rows <= CHUNK else ([], members)
            near = alikes if len(every) >= MANY else []
            scout = len(others) and len(every) >= SCOUT_LANES
            yield [*((NEAR, lanes) for lanes in near), *([(SCOUT, others)] if scout else [])]
        if len(left := members[~end.finished[members]]):
            yield [(FIRM, left)]
        give_up(end, rivals, members)  # group by group, so that an interrupt leaves whole problems
    give_up(end, rivals, every)
    if len(left := every[~end.finished]):
        yield [(LAST, left)]


def give_up(end: Lanes, rivals: int, members: np.ndarray) -> None:
    """Finish, in place, the lanes of the members' problems that are above the optimum of a rival."""
    problems = slice(members[0] // rivals * rivals, (members[-1] // rivals + 1) * rivals)
    finished, objective = end.finished[problems], end.objective[problems]
    known = np.where(finished, objective, np.inf).reshape(-1, rivals).min(axis=1)
    finished |= objective > np.repeat(known, rivals)


def alike(theta: np.ndarray, members: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Lanes of one start each, where they are many, and the lanes of all other starts."""
    rows = theta[members]
    heads = np.flatnonzero(np.concatenate([[True], (rows[1:] != rows[:-1]).any(axis=1)]))  # mostly lie in a row
    _, start = np.unique(rows[heads], axis=0, return_inverse=True)
    start = np.repeat(start, np.diff(heads, append=len(rows)))
    many = np.flatnonzero(np.bincount(start) >= NEAR_LANES)
    return [members[np.isin(start, which)] for which in many], members[~np.isin(start, many)]


def record(end: Lanes, state: State, stage: Stage, part: np.ndarray, reached: End) -> None:
    """Write where a stage left the lanes `part` into `end` and `state`, in place: float32 ends no lane."""
    good = np.isfinite(reached.objective)
    end.steps[part] += reached.steps
    end.theta[part[good]] = reached.theta[good]
    lead = stage in (NEAR, SCOUT)
    state.damping[part] = np.where(good, reached.damping * (CALMED if lead else 1.0), 1.0)
    state.kept[part] = np.where(np.isfinite(reached.kept), reached.kept, 0.0)
    if stage is not SCOUT:
        end.objective[part], end.gradient[part] = reached.objective, reached.gradient
        end.decrement[part] = reached.decrement
        end.finished[part] = (reached.done & (reached.decrement <= CERTIFIED)) | (stage is LAST)


def pad(rows: np.ndarray, fill: int) -> np.ndarray:
    """[..., n + fill], the last row repeated."""
    return np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, fill)], mode="edge")


def spread(count: int, call: int, devices: int) -> np.ndarray:
    """Slots [count] of a call for its lanes: in order where they fill it, else dealt to the devices in turn."""
    return np.arange(call) if count == call else np.arange(call).reshape(devices, -1).T.ravel()[:count]


def taken(values: np.ndarray, part: np.ndarray, slots: np.ndarray, call: int, fill: int = 0) -> np.ndarray:
    """[call, (n + fill)], the lanes `part` in their slots: zeros elsewhere, so that no other slot or row has weight."""
    if len(part) == call and part[-1] - part[0] == call - 1 and not fill:
        return np.asarray(values[part[0] : part[-1] + 1], float)  # lanes in a row need no copy
    wide = np.zeros((call, *(n + fill for n in values.shape[1:])))
    wide[(slots, slice(0, values.shape[1])) if values.ndim == 2 else slots] = values[part]
    return wide
