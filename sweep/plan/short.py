"""A labelled line, and a number in three digits and a letter."""


def line(name: str, text: str) -> str:
    """A labelled line."""
    return f"{name:13s}{text}"


def short(number: float | int) -> str:
    """1234 as 1.23k: three digits and a letter; powers of ten beyond a thousand trillion."""
    if abs(number) >= 1e15:
        return f"{number:.3g}"
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size * 0.9995:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def ratio(number: float | int) -> str:
    """Tokens a parameter: whole above a hundred."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
