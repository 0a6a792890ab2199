"""Expressions over the columns of a table: filters and computed inputs.

    --where "outlier == 0 and tokens / unique_tokens <= 1"
    --columns "tokens=C/(6*N)" "loss=log(ppl)"

An expression is parsed, never run: only column names, literals, arithmetic, `log`, comparisons, `in`, `and`, `or` and
`not` are known. A missing value satisfies no comparison.
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
ARITHMETIC: dict[type[ast.operator], Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
KNOWN = "use column names, numbers, 'text', + - * / **, log(), == != < <= > >= in, and, or, not"


def select(expression: str, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Rows [n] of the table that satisfy the filter `expression`.

    Args:
        columns: name -> values [n]; numbers as floats, anything else as objects with None where empty.

    Raises:
        InputError: an expression that does not parse, an unknown column, or a text compared with a number.
    """
    label = f"--where {expression!r}"
    result = value(parse(expression, label), columns, label)
    if not isinstance(result, np.ndarray) or result.dtype != bool:
        raise InputError(f"{label}: not a condition on a column; {KNOWN}")
    return result


def compute(expression: str, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Values [n] of an arithmetic `expression` over columns of floats [n]; NaN where a column is.

    Raises:
        InputError: an expression that does not parse or is no number, or an unknown column.
    """
    label = f"--columns {expression!r}"
    result = value(parse(expression, label), columns, label)
    if not isinstance(result, np.ndarray) or result.dtype.kind != "f" or not result.ndim:
        raise InputError(f"{label}: not a number computed from columns; {KNOWN}")
    return result


def names_in(expression: str | None) -> set[str]:
    """Names that an expression mentions; none where it does not parse."""
    try:
        return {node.id for node in ast.walk(ast.parse((expression or "").strip())) if isinstance(node, ast.Name)}
    except SyntaxError:
        return set()


def parse(expression: str, label: str) -> ast.expr:
    """The tree of an expression."""
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InputError(f"{label}: not an expression; {KNOWN}") from error


def value(node: ast.expr, columns: Mapping[str, np.ndarray], label: str):
    """A column, a literal or a mask, for one node of the tree."""
    match node:
        case ast.Name(id=name):
            if name not in columns:
                hint = nearest(name, columns) or f"; columns: {', '.join(columns)}"
                raise InputError(f"{label}: no column {name!r}{hint}")
            return columns[name]
        case ast.Constant(value=literal) if isinstance(literal, int | float | str):
            return literal
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -number(operand, columns, label)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            with np.errstate(all="ignore"):  # what is not finite is judged where the value is used
                return ARITHMETIC[type(op)](number(left, columns, label), number(right, columns, label))
        case ast.Call(func=ast.Name(id="log"), args=[argument], keywords=[]):
            with np.errstate(all="ignore"):
                return np.log(number(argument, columns, label))
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [value(item, columns, label) for item in items]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~mask(operand, columns, label)
        case ast.BoolOp(op=op, values=parts):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return combine.reduce([mask(part, columns, label) for part in parts])
        case ast.Compare(left=left, ops=ops, comparators=rights):
            sides = [value(side, columns, label) for side in (left, *rights)]
            pairs = zip(ops, sides[:-1], sides[1:], strict=True)
            return np.logical_and.reduce([compare(op, a, b, label) for op, a, b in pairs])
    raise InputError(f"{label}: {ast.unparse(node)!r} is not understood; {KNOWN}")


def number(node: ast.expr, columns: Mapping[str, np.ndarray], label: str):
    """The value of a node that must be a number: floats [n] or one float."""
    result = value(node, columns, label)
    if isinstance(result, int | float):
        return np.float64(result)
    if not isinstance(result, np.ndarray | np.floating) or result.dtype.kind != "f":
        raise InputError(f"{label}: {ast.unparse(node)!r} is not a number; {KNOWN}")
    return result


def mask(node: ast.expr, columns: Mapping[str, np.ndarray], label: str) -> np.ndarray:
    """The value of a node that must be a condition."""
    result = value(node, columns, label)
    if not isinstance(result, np.ndarray) or result.dtype != bool:
        raise InputError(f"{label}: {ast.unparse(node)!r} is not a condition; {KNOWN}")
    return result


def compare(op: ast.cmpop, left, right, label: str) -> np.ndarray:
    """Elementwise comparison; False wherever a side is missing."""
    if isinstance(op, ast.In | ast.NotIn):
        if not isinstance(right, list) or not isinstance(left, np.ndarray):
            raise InputError(f"{label}: `in` needs a column and a list, as in budget in [1e18, 1e19]")
        found = np.logical_or.reduce([compare(ast.Eq(), left, item, label) for item in right] or [left != left])
        return (~found if isinstance(op, ast.NotIn) else found) & present(left)
    if type(op) not in COMPARISONS:
        raise InputError(f"{label}: {KNOWN}")
    if is_text(left) != is_text(right):
        raise InputError(f"{label}: compares text with a number; quote text, do not quote numbers")
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
