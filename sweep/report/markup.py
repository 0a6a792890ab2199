"""HTML in which text is escaped by construction: only what these functions made is markup."""

import html
from collections.abc import Iterable, Sequence

VOID = {"meta", "link", "br", "hr", "input"}


class Markup(str):
    """Text that is HTML already; every other string is escaped where it is placed."""

    __slots__ = ()


Piece = str | Markup | None


def escape(piece: Piece) -> str:
    """`piece` as it may stand in a page."""
    return "" if piece is None else str(piece) if isinstance(piece, Markup) else html.escape(piece)


def join(pieces: Iterable[Piece], separator: str = "") -> Markup:
    """Pieces one after another."""
    return Markup(separator.join(escape(piece) for piece in pieces if piece))


def tag(name: str, /, *children: Piece, **attributes: str | None) -> Markup:
    """`<name attribute="value">children</name>`; `class_` writes `class`, an attribute of None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{''.join(escape(child) for child in children)}</{name}>")


def table(
    head: Sequence[Piece], rows: Iterable[Sequence[Piece]], *, numeric: Iterable[int] = (), caption: Piece = None
) -> Markup:
    """A table; columns named in `numeric` are set to the right. Wide ones scroll inside their frame."""
    right = set(numeric)

    def cells(name: str, row: Sequence[Piece]) -> list[Markup]:
        return [tag(name, piece, class_="number" if i in right else None) for i, piece in enumerate(row)]

    body = tag("tbody", *[tag("tr", *cells("td", row)) for row in rows])
    header = tag("thead", tag("tr", *cells("th", head)))
    return tag("div", tag("table", tag("caption", caption) if caption else None, header, body), class_="scroll")


def stacked(value: str, below: str) -> Markup:
    """A number with its interval on the line beneath."""
    return join([value, tag("span", below, class_="interval") if below else None])


def facts(pairs: Iterable[tuple[Piece, Piece]]) -> Markup:
    """A list of names and what they are."""
    return tag("dl", *[join([tag("dt", name), tag("dd", value)]) for name, value in pairs])


def section(identifier: str, title: str, *children: Piece) -> Markup:
    """A section with its heading."""
    return tag("section", tag("h2", title), *children, id=identifier)


def missing(text: str, command: str | None = None) -> Markup:
    """What is not there yet, and the command that brings it."""
    return tag("p", text, join([" Run ", tag("code", command), "."]) if command else None, class_="missing")
