"""What a FLOP costs: devices with dense peaks, the rates a user states, and training and serving in one unit.

A rate is `DEVICE[:DOLLARS]@mfu=SHARE[,precision=KIND]`, such as `h100:2.00@mfu=0.40`; a device that the table
(sweep.devices) does not hold, or holds otherwise, is stated: `gb200:6@peak=2.5e15,memory=192,mfu=0.4`. There are no
default prices: they change by the month, and by whom one asks. Training costs k N D FLOPs, serving a token a third of
that, k N / 3: the backward pass takes twice the forward pass (Sardana et al. 2024, arXiv 2401.00448, eq. 3 and 6, with
k = 6). So all of serving costs what some more training tokens would: the load.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sweep.devices import ALIASES, GB, PARTS
from sweep.errors import InputError
from sweep.quantity import pairs, positive

FORWARD = 3.0  # times a forward pass that training takes
FLOPS, HOURS, USD = UNITS = ("FLOPs", "device-hours", "USD")
TRAIN, SERVE, PROMPT = "--train", "--serve", "--prompt"


class Device(NamedTuple):
    """Dense peak FLOP/s by precision (sparse figures are twice these), memory in bytes, and where they are stated.

    Memory is what programs may use where that is known, else as sold; None of a device stated without it.
    """

    peaks: dict[str, float]
    memory: float | None
    source: str


DEVICES = {name: Device(part.peaks, part.most, part.source) for name, part in PARTS.items()}
STATED = "as you stated"
LEAST_PEAK, MOST_PEAK = 1e11, 1e18  # FLOP/s of one device; beyond them the number is in another unit
LEAST_GB, MOST_GB = 1.0, 1e4  # of memory
BITS = {"bf16": 16.0, "fp8": 8.0, "int8": 8.0}


@dataclass(frozen=True)
class Rate:
    """One kind of work on one kind of device.

    Attributes:
        device: its name.
        usd_per_hour: of a device; None where none was stated.
        mfu: share of the dense peak that the work reaches.
        facts: of the device, from the table or as stated.
    """

    device: str
    usd_per_hour: float | None
    mfu: float
    facts: Device
    precision: str = "bf16"

    @property
    def peak(self) -> float:
        """Dense FLOP/s in the precision."""
        return self.facts.peaks[self.precision]

    @property
    def flops_per_hour(self) -> float:
        """FLOPs that one device does in an hour."""
        return 3600.0 * self.peak * self.mfu

    @property
    def source(self) -> str:
        """The rate with its peak and where that is from, for people."""
        price = "" if self.usd_per_hour is None else f", ${self.usd_per_hour:g} an hour as you stated"
        return f"{self.device} {self.precision} at {self.mfu:g} of {self.peak:.3g} FLOP/s ({self.facts.source}){price}"


@dataclass(frozen=True)
class Costs:
    """Rates of training, generated tokens and prompt tokens, and the unit in which they are compared."""

    unit: str = FLOPS
    train: Rate | None = None
    serve: Rate | None = None
    prompt: Rate | None = None

    def per_flop(self, rate: Rate | None) -> float:
        """Price of a FLOP in the unit."""
        if self.unit == FLOPS or rate is None:
            return 1.0
        return (1.0 if self.unit == HOURS else rate.usd_per_hour or 0.0) / rate.flops_per_hour

    def load(self, prompt: Any, generated: Any) -> Any:
        """Training tokens that cost what serving `prompt` and `generated` tokens does, whatever the model's size."""
        served = prompt * self.per_flop(self.prompt) + generated * self.per_flop(self.serve)
        return served / (FORWARD * self.per_flop(self.train))


def costs(train: str | None, serve: str | None, prompt: str | None, unit: str | None, served: bool) -> Costs:
    """Costs of the rates as typed.

    Args:
        unit: the one that a target is stated in; None: dollars where all rates have prices, else FLOPs.
        served: there is a demand, asked about or sought, which needs a rate as well.

    Raises:
        InputError: a rate that cannot be read; one that is missing.
    """
    given = [rate(TRAIN, train), rate(SERVE, serve), rate(PROMPT, prompt)]
    if given[0] is None and (given[1] or given[2]):
        raise InputError(f"{SERVE} and {PROMPT} need {TRAIN}: say what training costs, such as h100:2.00@mfu=0.40")
    if given[0] and served and not given[1]:
        raise InputError(
            f"{TRAIN} with tokens to serve needs {SERVE}: say what serving costs, such as h100:2.00@mfu=0.10"
        )
    needed = [x for x in given if x]
    if unit in (USD, HOURS) and not needed:
        raise InputError(f"a budget in {unit} needs {TRAIN} DEVICE:DOLLARS@mfu=SHARE, such as h100:2.00@mfu=0.40")
    unpriced = [x.device for x in needed if x.usd_per_hour is None]
    if unpriced and (unit == USD or len(unpriced) < len(needed)):
        raise InputError(f"{unpriced[0]}: no price; write {unpriced[0]}:DOLLARS@mfu=SHARE, there is no default price")
    chosen = unit or (FLOPS if not needed else HOURS if unpriced else USD)
    return Costs(chosen, given[0], given[1], given[2] or given[1])


SETTINGS = {"mfu", "precision", "peak", "memory"}


def rate(option: str, text: str | None) -> Rate | None:
    """The rate of `h100:2.00@mfu=0.40,precision=fp8`, or of a device that is stated:
    `gb200:6@peak=2.5e15,memory=192,mfu=0.4`, FLOP/s in the precision and GB. None of nothing. Raises InputError."""
    if text is None:
        return None
    head, separator, tail = text.partition("@")
    device, _, price = (x.strip() for x in head.partition(":"))
    device = ALIASES.get(device.lower(), device.lower())
    settings = pairs(f"{option} {text}: after @", tail) if separator else {}
    if unknown := set(settings) - SETTINGS:
        raise InputError(f"{option} {text}: unknown {min(unknown)!r}; write @mfu=SHARE, precision=KIND, peak=, memory=")
    if not device or (device not in DEVICES and "peak" not in settings):
        raise InputError(
            f"{option} {text}: unknown device {device!r}; known: {', '.join(DEVICES)}; state any other by its dense "
            f"peak in FLOP/s and its memory in GB: {device or 'NAME'}:{price or '2.00'}@peak=1e15,memory=80,mfu=0.40"
        )
    if "mfu" not in settings:
        raise InputError(f"{option} {text}: say what share of the peak is reached, such as {device}:2.00@mfu=0.40")
    mfu, precision = positive(f"{option} mfu", settings["mfu"]), settings.get("precision", "bf16")
    if mfu > 1:
        raise InputError(f"{option} {text}: mfu {mfu:g} is above 1; it is a share of the dense peak, such as 0.40")
    facts = stated(f"{option} {text}", device, precision, settings)
    return Rate(device, positive(f"{option} price", price) if price else None, mfu, facts, precision)


def stated(option: str, device: str, precision: str, settings: Mapping[str, str]) -> Device:
    """What is known of a device, with what the user states instead. Raises InputError for what no device has."""
    if precision not in BITS:
        raise InputError(f"{option}: no precision {precision!r}; known: {', '.join(BITS)}")
    known = DEVICES.get(device, Device({}, None, STATED))
    peaks, memory = dict(known.peaks), known.memory
    if "peak" in settings:
        peaks[precision] = within(option, "peak", settings["peak"], (LEAST_PEAK, MOST_PEAK), "FLOP/s, such as 2.5e15")
    if "memory" in settings:
        text = settings["memory"].lower().removesuffix("gb")
        memory = GB * within(option, "memory", text, (LEAST_GB, MOST_GB), "GB, such as 192")
    if precision not in peaks:
        raise InputError(
            f"{option}: {device} has peaks for {', '.join(known.peaks)}; state that of {precision}: peak=…"
        )
    return Device(peaks, memory, STATED if {"peak", "memory"} & settings.keys() else known.source)


def within(option: str, name: str, text: str, ends: tuple[float, float], unit: str) -> float:
    """A number that a device can have."""
    value = positive(f"{option}: {name}", text)
    if not ends[0] <= value <= ends[1]:
        raise InputError(f"{option}: {name} {value:g} is in another unit; it is in {unit}")
    return value
