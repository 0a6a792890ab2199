"""Row filters written as Python comparisons: `outlier == 0`, `epochs <= 1 and dataset == 'c4'`.

The expression is parsed, never run: only column names, literals, comparisons, `in`, `and`, `or` and `not` are known.
A missing value satisfies no comparison.
"""

import ast
import operator
from collections.abc import Callable, Mapping

import numpy as np

from sweep.config import nearest
from sweep.errors import InputError

COMPARISONS: dict[type[ast.cmpop], Callable] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
KNOWN = "use column names, numbers, 'text', == != < <= > >= in, and, or, not"


def select(expression: str, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Rows [n] of the table that satisfy `expression`.

    Args:
        columns: name -> values [n]; numbers as floats, anything else as objects with None where empty.

    Raises:
        InputError: an expression that does not parse, an unknown column, or a text compared with a number.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as error:
        raise InputError(f"--where {expression!r}: not an expression; {KNOWN}") from error
    rows = len(next(iter(columns.values())))
    result = value(tree, columns, expression)
    if not isinstance(result, np.ndarray) or result.dtype != bool:
        raise InputError(f"--where {expression!r}: not a condition on a column; {KNOWN}")
    return np.broadcast_to(result, (rows,))


def value(node: ast.expr, columns: Mapping[str, np.ndarray], expression: str):
    """A column, a literal or a mask, for one node of the tree."""
    match node:
        case ast.Name(id=name):
            if name not in columns:
                hint = nearest(name, columns) or f"; columns: {', '.join(columns)}"
                raise InputError(f"--where {expression!r}: no column {name!r}{hint}")
            return columns[name]
        case ast.Constant(value=literal) if isinstance(literal, int | float | str):
            return literal
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=literal)) if isinstance(literal, int | float):
            return -literal
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [value(item, columns, expression) for item in items]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~mask(operand, columns, expression)
        case ast.BoolOp(op=op, values=parts):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return combine.reduce([mask(part, columns, expression) for part in parts])
        case ast.Compare(left=left, ops=ops, comparators=rights):
            sides = [value(side, columns, expression) for side in (left, *rights)]
            pairs = zip(ops, sides[:-1], sides[1:], strict=True)
            return np.logical_and.reduce([compare(op, a, b, expression) for op, a, b in pairs])
    raise InputError(f"--where {expression!r}: {ast.unparse(node)!r} is not understood; {KNOWN}")


def mask(node: ast.expr, columns: Mapping[str, np.ndarray], expression: str) -> np.ndarray:
    """The value of a node that must be a condition."""
    result = value(node, columns, expression)
    if not isinstance(result, np.ndarray) or result.dtype != bool:
        raise InputError(f"--where {expression!r}: {ast.unparse(node)!r} is not a condition; {KNOWN}")
    return result


def compare(op: ast.cmpop, left, right, expression: str) -> np.ndarray:
    """Elementwise comparison; False wherever a side is missing."""
    if isinstance(op, ast.In | ast.NotIn):
        if not isinstance(right, list) or not isinstance(left, np.ndarray):
            raise InputError(f"--where {expression!r}: `in` needs a column and a list, as in budget in [1e18, 1e19]")
        found = np.logical_or.reduce([compare(ast.Eq(), left, item, expression) for item in right] or [left != left])
        return (~found if isinstance(op, ast.NotIn) else found) & present(left)
    if type(op) not in COMPARISONS:
        raise InputError(f"--where {expression!r}: {KNOWN}")
    if is_text(left) != is_text(right):
        raise InputError(f"--where {expression!r}: compares text with a number; quote text, do not quote numbers")
    rows = max(np.size(left), np.size(right))
    a, b = (np.broadcast_to(np.asarray(side), (rows,)) for side in (left, right))
    here = present(a) & present(b)
    result = np.zeros(rows, bool)
    result[here] = COMPARISONS[type(op)](a[here], b[here])
    return result


def present(side: np.ndarray) -> np.ndarray:
    """Where a column has a value."""
    if side.dtype == object:
        return np.array([item is not None for item in side])
    return ~np.isnan(side) if side.dtype.kind == "f" else np.ones(side.shape, bool)


def is_text(side) -> bool:
    """Whether a column or a literal is text."""
    return isinstance(side, str) or (isinstance(side, np.ndarray) and side.dtype == object)
