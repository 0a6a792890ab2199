"""What a FLOP costs: devices with dense peaks, the rates a user states, and training and serving in one unit.

A rate is `DEVICE[:DOLLARS]@mfu=SHARE[,precision=KIND]`, such as `h100:2.00@mfu=0.40`. There are no default prices: they
change by the month, and by whom one asks. Training costs k N D FLOPs, serving a token a third of that, k N / 3: the
backward pass takes twice the forward pass (Sardana et al. 2024, arXiv 2401.00448, eq. 3 and 6, with k = 6). So all of
serving costs what some more training tokens would: the load.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from sweep.errors import InputError
from sweep.quantity import pairs, positive

FORWARD = 3.0  # times a forward pass that training takes
FLOPS, HOURS, USD = UNITS = ("FLOPs", "device-hours", "USD")
TRAIN, SERVE, PROMPT = "--train", "--serve", "--prompt"


class Device(NamedTuple):
    """Dense peak FLOP/s by precision (sparse figures are twice these), memory in bytes, and where they are stated."""

    peaks: dict[str, float]
    memory: float
    source: str


NVIDIA, GOOGLE = "NVIDIA datasheet, dense, 2026-11", "Google Cloud TPU documentation, 2026-11"
UNREAD = "the vendor's datasheet, dense, not read again in 2026-11"
DEVICES = {
    "a100-40": Device({"bf16": 312e12, "int8": 624e12}, 40e9, NVIDIA),
    "a100-80": Device({"bf16": 312e12, "int8": 624e12}, 80e9, NVIDIA),
    "h100": Device({"bf16": 989e12, "fp8": 1978e12, "int8": 1978e12}, 80e9, "NVIDIA datasheet, dense, SXM, 2026-11"),
    "h200": Device({"bf16": 989e12, "fp8": 1978e12, "int8": 1978e12}, 141e9, "NVIDIA datasheet, dense, SXM, 2026-11"),
    "l4": Device({"bf16": 121e12, "fp8": 242e12, "int8": 242e12}, 24e9, UNREAD),
    "tpu-v4": Device({"bf16": 275e12}, 32e9, UNREAD),
    "tpu-v5e": Device({"bf16": 197e12, "int8": 393e12}, 16e9, GOOGLE),
    "tpu-v5p": Device({"bf16": 459e12}, 95e9, UNREAD),
    "tpu-v6e": Device({"bf16": 918e12, "int8": 1836e12}, 32e9, GOOGLE),
}
BITS = {"bf16": 16.0, "fp8": 8.0, "int8": 8.0}


@dataclass(frozen=True)
class Rate:
    """One kind of work on one kind of device.

    Attributes:
        usd_per_hour: of a device; None where none was stated.
        mfu: share of the dense peak that the work reaches.
    """

    device: str
    usd_per_hour: float | None
    mfu: float
    precision: str = "bf16"

    @property
    def flops_per_hour(self) -> float:
        """FLOPs that one device does in an hour."""
        return 3600.0 * DEVICES[self.device].peaks[self.precision] * self.mfu

    @property
    def source(self) -> str:
        """The rate with its peak and where that is from, for people."""
        device, peak = DEVICES[self.device], DEVICES[self.device].peaks[self.precision]
        price = "" if self.usd_per_hour is None else f", ${self.usd_per_hour:g} an hour as you stated"
        return f"{self.device} {self.precision} at {self.mfu:g} of {peak:.3g} FLOP/s ({device.source}){price}"


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


def rate(option: str, text: str | None) -> Rate | None:
    """The rate of `h100:2.00@mfu=0.40,precision=fp8`; None of nothing. Raises InputError."""
    if text is None:
        return None
    head, separator, tail = text.partition("@")
    device, _, price = head.partition(":")
    device = {"a100": "a100-80"}.get(device.strip().lower(), device.strip().lower())
    if device not in DEVICES:
        raise InputError(f"{option} {text}: unknown device {device!r}; known: {', '.join(DEVICES)}")
    settings = pairs(f"{option} {text}: after @", tail) if separator else {}
    if unknown := set(settings) - {"mfu", "precision"}:
        raise InputError(f"{option} {text}: unknown {min(unknown)!r}; write @mfu=SHARE or @mfu=SHARE,precision=KIND")
    if "mfu" not in settings:
        raise InputError(f"{option} {text}: say what share of the peak is reached, such as {device}:2.00@mfu=0.40")
    mfu, precision = positive(f"{option} mfu", settings["mfu"]), settings.get("precision", "bf16")
    if mfu > 1:
        raise InputError(f"{option} {text}: mfu {mfu:g} is above 1; it is a share of the dense peak, such as 0.40")
    if precision not in DEVICES[device].peaks:
        raise InputError(f"{option} {text}: {device} has peaks for {', '.join(DEVICES[device].peaks)}")
    return Rate(device, positive(f"{option} price", price) if price else None, mfu, precision)
