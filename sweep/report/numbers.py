"""How numbers are written for a person: few digits, a unit where one is due, an en dash where there is none."""

import math
from collections.abc import Callable, Sequence

Number = int | float  # both are meant: the tables hold counts as integers
MISSING = "–"
PREFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def known(value: Number | None) -> bool:
    """Is there a finite number?"""
    return value is not None and math.isfinite(value)


def count(value: Number | None) -> str:
    """Parameters or tokens in three digits: 512, 12.4k, 1.30M, 70.2B."""
    if value is None or not math.isfinite(value):
        return MISSING
    for scale, prefix in PREFIXES:
        if abs(value) >= 0.9995 * scale:
            return three_digits(value / scale) + prefix
    return f"{value:.0f}"


def three_digits(value: Number) -> str:
    """1.30, 12.4, 512, and 1235 where there are more."""
    size = abs(value)
    return f"{value:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}"


def flops(value: Number | None) -> str:
    """FLOPs in two digits: 3.0e11."""
    if value is None or not math.isfinite(value):
        return MISSING
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def loss(value: Number | None) -> str:
    """Nats/token to the third decimal, about a tenth of the noise between seeds."""
    return fixed(value, 3)


def exponent(value: Number | None) -> str:
    """A power law's exponent."""
    return fixed(value, 3)


def fixed(value: Number | None, digits: int) -> str:
    """A plain decimal with a real minus sign."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.{digits}f}".replace("-", "−")


def signed(value: Number | None, digits: int = 3) -> str:
    """A difference: +0.012, −0.004."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:+.{digits}f}".replace("-", "−")


def short(value: Number | None) -> str:
    """Any other number in three significant digits: 0.0120, 477, 2143, 2.10e−7."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if -4 <= size < 6:
        return fixed(value, max(0, 2 - size))
    return f"{fixed(value / 10.0**size, 2)}e{size}".replace("e-", "e−")


def given(value: Number | None) -> str:
    """A number somebody chose, as they would write it: 0.001, 300."""
    return MISSING if value is None else f"{value:g}"


def times(value: Number | None) -> str:
    """A factor: 3.2×."""
    return MISSING if value is None or not math.isfinite(value) else f"{float(f'{value:.2g}'):g}×"


def percent(value: Number | None, digits: int = 0) -> str:
    """A share: 0.9 as 90 %."""
    return MISSING if value is None or not math.isfinite(value) else f"{fixed(100 * value, digits)}\N{NO-BREAK SPACE}%"


def interval(ends: Sequence[Number | None] | None, write: Callable[[Number | None], str]) -> str:
    """[lo, hi] as 'lo to hi', or nothing where there is no interval."""
    if not ends or len(ends) != 2 or not all(known(end) for end in ends):
        return ""
    return f"{write(ends[0])} to {write(ends[1])}"


def with_interval(
    value: Number | None, ends: Sequence[Number | None] | None, write: Callable[[Number | None], str]
) -> str:
    """'12.4k (11.0k to 13.9k)', or the number alone."""
    text = interval(ends, write)
    return f"{write(value)} ({text})" if text else write(value)


def plural(n: int, noun: str) -> str:
    """'1 trial', '3 trials', '2 families'."""
    if n == 1:
        return f"1 {noun}"
    return f"{n} {noun[:-1]}ies" if noun.endswith("y") else f"{n} {noun}s"


def spread(value: Number | None, error: Number | None) -> str:
    """A loss with its standard error where there is one."""
    return f"{loss(value)} ± {loss(error)}" if known(error) else loss(value)
