"""What devices send one another, read in the compiler's own text of a program (HLO, after partitioning).

Devices are numbered by their place in the mesh (trial, data), row by row. A collective runs as often as the loops
around it: the scan over steps, and inside it the blocks of the model, micro-batches, slices of the head. Loops that
hold the step (rows that a device trains one after another) are left out, so counts are of one step of one row.
"""

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute", "collective-broadcast")
INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = (.*)$")
COLLECTIVE = re.compile(rf"\s((?:ragged-)?(?:{'|'.join(KINDS)}))(?:-start)?\(")
CALLED = re.compile(r"\b(body|condition|to_apply|calls|\w+_computation)=%?([\w.\-]+)")
BRANCHES = re.compile(r"\bbranch_computations=\{([^}]*)\}")
WHILE = re.compile(r"\swhile\(%?([\w.\-]+)\)")
ARRAY = re.compile(r"\b([a-z]+\d*\w*)\[([\d,]*)\]")
Loops = tuple[int | None, ...]  # trip counts of the loops around an instruction, outermost first; None: not known


@dataclass(frozen=True)
class Collective:
    """One collective instruction where it is called from."""

    kind: str
    loops: Loops
    bytes: int  # of its operands on one device, each time it runs
    groups: tuple[tuple[int, ...], ...]  # devices that talk to one another


@dataclass(frozen=True)
class Traffic:
    """Collectives of one kind at one place of a program."""

    kind: str
    inside: Loops | None  # loops inside the step; None: outside of it, once a chunk
    instructions: int
    per_step: int | None  # how often they run in a step of one row; None: outside, or a loop of unknown length
    bytes: int | None  # that one device gives to them in that step


class Module:
    """The computations of one program's text."""

    def __init__(self, text: str):
        self.computations: dict[str, list[str]] = {}
        self.lines: dict[str, str] = {}  # of each instruction, by its name
        self.entry = name = ""
        for line in text.splitlines():
            if line[:1] not in ("", " ", "}") and line.rstrip().endswith("{") and " -> " in line:
                name = line.removeprefix("ENTRY ").lstrip("%").split(" ")[0]
                self.computations[name] = []
                self.entry = name if line.startswith("ENTRY ") else self.entry
            elif name and (found := INSTRUCTION.match(line)):
                self.computations[name].append(line)
                self.lines[found[1]] = found[2]

    @cached_property
    def contexts(self) -> dict[str, Counter[Loops]]:
        """How a computation is reached: loops around each call of it, with how many calls have the same."""
        callers: dict[str, list[tuple[str, int | str | None]]] = defaultdict(list)
        for name, lines in self.computations.items():
            for line in lines:
                for role, called in CALLED.findall(line):
                    callers[called].append((name, self.trips(line) if role == "body" else ""))
                for branches in BRANCHES.findall(line):
                    for called in re.findall(r"[\w.\-]+", branches):
                        callers[called].append((name, ""))
        known: dict[str, Counter[Loops]] = {self.entry: Counter({(): 1})}

        def reach(name: str) -> Counter[Loops]:
            if name not in known:
                known[name] = Counter()
                for caller, loop in callers[name]:
                    for loops, times in reach(caller).items():
                        known[name][loops if loop == "" else (*loops, loop)] += times  # pyright: ignore
            return known[name]

        return {name: reach(name) for name in self.computations}

    def trips(self, line: str) -> int | None:
        """How often a while loop runs: what the compiler notes beside it, or its limit less its start."""
        if found := re.search(r'"known_trip_count":\{"n":"(\d+)"\}', line):
            return int(found[1])
        condition, start = re.search(r"\bcondition=%?([\w.\-]+)", line), WHILE.search(line)
        lines = self.computations.get(condition[1], []) if condition else []
        root = next((text for text in lines if text.lstrip().startswith("ROOT ")), "")
        compared = re.search(r"\scompare\(%?([\w.\-]+), %?([\w.\-]+)\), direction=LT", root)
        if not compared or not start:
            return None
        counter = re.search(r"\sget-tuple-element\(.*index=(\d+)", self.lines.get(compared[1], ""))
        limit = self.constant(compared[2])
        first = self.constant(self.element(start[1], int(counter[1]))) if counter else None
        return None if limit is None or first is None else limit - first

    def element(self, tuple_name: str, index: int) -> str:
        """Name of one element of a tuple instruction; empty where it is not written out."""
        text = self.lines.get(tuple_name, "")
        names = operands(text, " tuple(")
        return names[index] if index < len(names) else ""

    def constant(self, name: str) -> int | None:
        """The integer that an instruction is, through copies."""
        text = self.lines.get(name, "")
        if found := re.search(r"\sconstant\((-?\d+)\)", text):
            return int(found[1])
        copied = re.search(r"\s(?:copy|bitcast)\(%?([\w.\-]+)\)", text)
        return self.constant(copied[1]) if copied else None


def find(text: str, devices: int) -> list[Collective]:
    """Every collective of a compiled program of `devices` devices. Raises ValueError for groups it cannot read."""
    module, found = Module(text), []
    for name, lines in module.computations.items():
        for line in lines:
            if match := COLLECTIVE.search(line):
                given = operands(line, match[0])
                size = sum(bytes_of(type_of(module.lines.get(operand, ""))) for operand in given)
                groups = tuple(tuple(group) for group in groups_of(line, devices))
                for loops, times in module.contexts[name].items():
                    found += [Collective(match[1], loops, size, groups)] * times
    return found


def type_of(text: str) -> str:
    """The type that an instruction's text begins with: up to the blank before its operation."""
    if not text.startswith("("):
        return text.split(" ")[0]
    depth = 0
    for end, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if not depth:
            return text[: end + 1]
    return ""


def crossing(found: list[Collective], data: int) -> int:
    """How many collectives join devices of different trials, `data` devices a trial."""
    return sum(any(len({device // data for device in group}) > 1 for group in c.groups) for c in found)


def traffic(found: list[Collective], steps: int) -> list[Traffic]:
    """Collectives by kind and place.

    The loop over steps is the one of length `steps` (choose a length that no other loop has), or the outermost of
    unknown length, where a program decides as it runs how many steps a row takes.
    """
    places: dict[tuple[str, Loops | None], list[Collective]] = defaultdict(list)
    for one in found:
        step = next((i for i, length in enumerate(one.loops) if length in (steps, None)), None)
        places[one.kind, None if step is None else one.loops[step + 1 :]].append(one)
    return [counted(kind, inside, some) for (kind, inside), some in sorted(places.items(), key=str)]


def counted(kind: str, inside: Loops | None, some: list[Collective]) -> Traffic:
    if inside is None or None in inside:
        return Traffic(kind, inside, len(some), None, None)
    times = math.prod(n for n in inside if n is not None)
    return Traffic(kind, inside, len(some), times * len(some), times * sum(c.bytes for c in some))


# One line


def operands(line: str, opening: str) -> list[str]:
    """Names of the operands of an instruction, from the bracket that `opening` ends with."""
    at = line.find(opening)
    if at < 0:
        return []
    depth, begin = 1, at + len(opening)
    for end in range(begin, len(line)):
        depth += {"(": 1, ")": -1}.get(line[end], 0)
        if not depth:
            inner = re.sub(r"/\*.*?\*/", "", line[begin:end])
            return re.findall(r"%([\w.\-]+)", inner) or re.findall(r"[A-Za-z_][\w.\-]*", inner)
    return []


def bytes_of(kind: str) -> int:
    """Bytes of a type: `bf16[4,8]{1,0}`, or a tuple of such."""
    return sum(width(name) * math.prod(int(n) for n in dims.split(",") if n) // 8 for name, dims in ARRAY.findall(kind))


def width(name: str) -> int:
    """Bits of an element: of `bf16` 16, of `f8e4m3fn` 8, of `pred` 8."""
    digits = re.match(r"[a-z]+(\d+)", name)
    return int(digits[1]) if digits else 8


def groups_of(line: str, devices: int) -> list[list[int]]:
    """Groups of devices of one collective; there are four ways to write them, and one for all devices."""
    if found := re.search(r"replica_groups=mesh\[([^\]]*)\] ?\{([^}]*)\}", line):
        return mesh_groups(found[1], found[2])
    if found := re.search(r"replica_groups=\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?", line):
        sizes, dims, order = ([int(n) for n in (part or "").split(",") if n] for part in found.groups())
        ids = np.arange(math.prod(dims)).reshape(dims)
        return (ids.transpose(order) if order else ids).reshape(sizes).tolist()
    if found := re.search(r"(?:replica_groups|source_target_pairs)=\{(\{.*?\})\}", line):
        return [[int(n) for n in group.split(",")] for group in re.findall(r"\{([\d, ]+)\}", found[1])]
    if "replica_groups={}" in line:
        return [list(range(devices))]
    raise ValueError(f"no groups of devices in: {line.strip()[:300]}")


def mesh_groups(axes: str, chosen: str) -> list[list[int]]:
    """Groups along the `chosen` axes of a mesh: mesh['trial'=4,'data'=2] {'data'}."""
    names, dims = re.findall(r"'(\w+)'=", axes), [int(n) for n in re.findall(r"=(\d+)", axes)]
    inside = [names.index(name) for name in re.findall(r"'(\w+)'", chosen)]
    order = [axis for axis in range(len(names)) if axis not in inside] + inside
    ids = np.arange(math.prod(dims)).reshape(dims).transpose(order)
    return ids.reshape(-1, math.prod(dims[axis] for axis in inside)).tolist()
