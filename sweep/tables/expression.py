"""Expressions over the columns of a table: filters and computed inputs.

    --where "outlier == 0 and tokens / unique_tokens <= 1"
    --columns "tokens=C/(6*N)" "loss=log(ppl)" "params='N (M)'*1e6"

An expression is parsed, never run: only column names, literals, arithmetic, `log`, comparisons, `in`, `and`, `or` and
`not` are known. A name with blanks or brackets stands in quotes, or in backticks. Next to a number, text is read as a
table's loader reads it (`350M` is 3.5e8). A missing value, or text that is no number, satisfies neither a comparison
nor its negation.
"""

import ast
import keyword
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sweep.errors import InputError
from sweep.nearest import nearest
from sweep.quantity import SUFFIX
from sweep.tables.numbers import parse as parse_cells

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
QUOTED = re.compile(r"""('[^']*'|"[^"]*")|`([^`]+)`|(?<![\w.])(\d+\.?\d*|\.\d+)([kKmMbBgGtT])\b""")
PLACE = "quoted_column_{}_"  # stands for a name in backticks while Python parses the rest

Columns = Mapping[str, np.ndarray]


class Answer(NamedTuple):
    """A condition on rows [n]: where it holds, and where it does not; neither where a value is missing."""

    yes: np.ndarray
    no: np.ndarray


def select(expression: str, columns: Columns) -> np.ndarray:
    """Rows [n] of the table that satisfy the filter `expression`.

    Args:
        columns: name -> values [n]; numbers as floats, anything else as objects with None where empty.

    Raises:
        InputError: an expression that does not parse, an unknown column, or words compared with a number.
    """
    label = f"--where {expression!r}"
    tree = parse(expression, label)
    try:
        return condition(tree, columns, label).yes
    except RecursionError as error:
        raise InputError(f"{label}: too long; {KNOWN}") from error


def compute(expression: str, columns: Columns) -> np.ndarray:
    """Values [n] of an arithmetic `expression` over columns [n]; NaN where a column is, or where it is no number.

    Raises:
        InputError: an expression that does not parse or is no number, or an unknown column.
    """
    label = f"--columns {expression!r}"
    tree = parse(expression, label)
    try:
        result = number(tree, columns, label)
    except RecursionError as error:
        raise InputError(f"{label}: too long; {KNOWN}") from error
    if not np.ndim(result):
        raise InputError(f"{label}: not a number computed from columns; {KNOWN}")
    return np.asarray(result)


def spelled(column: str) -> str:
    """A column's name as an expression spells it: in quotes, or backticks, where it is no word of its own."""
    if column.isidentifier() and not keyword.iskeyword(column):
        return column
    return f"`{column}`" if "'" in column else f"'{column}'"


def names_in(expression: str | None) -> set[str]:
    """Columns that an expression may mention, quoted ones among them; none where it does not parse."""
    try:
        tree = parse(expression or "", "")
    except InputError:
        return set()
    return {name for node in ast.walk(tree) for name in (*named(node), *map(quoted, operands(node))) if name}


def named(node: ast.AST) -> list[str]:
    """The name that a node is, if it is one."""
    return [node.id] if isinstance(node, ast.Name) else []


def quoted(node: ast.AST) -> str:
    """The text that a node is, or nothing."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def operands(node: ast.AST) -> list[ast.expr]:
    """The parts of a node where quoted text can only be the name of a column."""
    match node:
        case ast.Compare(left=left):
            return [left]
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.Call(args=arguments):
            return arguments
    return []


def parse(expression: str, label: str) -> ast.expr:
    """The tree of an expression, names in backticks among its names."""
    quoted: list[str] = []

    def place(match: re.Match[str]) -> str:
        if match[1] is not None:
            return match[1]
        if match[3] is not None:  # a count: 100M
            return f"{match[3]}e{SUFFIX[match[4].lower()]}"
        quoted.append(match[2])
        return PLACE.format(len(quoted) - 1)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # a backslash in quoted text
            tree = ast.parse(QUOTED.sub(place, expression).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{label}: not an expression; {KNOWN}") from error
    names = {PLACE.format(i): name for i, name in enumerate(quoted)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return tree


def value(node: ast.expr, columns: Columns, label: str):
    """A column, a number or text, or a list of these, for one node of the tree."""
    match node:
        case ast.Name(id=name):
            if name not in columns:
                hint = nearest(name, columns) or f"; columns: {', '.join(map(spelled, columns))}"
                raise InputError(f"{label}: no column {name!r}{hint}")
            return columns[name]
        case ast.Constant(value=str(text)):
            return text
        case ast.Constant(value=literal) if isinstance(literal, int | float):
            return real(literal)
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
    raise InputError(f"{label}: {ast.unparse(node)!r} is not understood; {KNOWN}")


def real(literal: int | float) -> np.float64:
    """A literal as a float; infinite where it is too large for one."""
    try:
        return np.float64(literal)
    except OverflowError:
        return np.float64(np.inf)


def number(node: ast.expr, columns: Columns, label: str) -> np.ndarray | np.float64:
    """The value of a node that must be a number: floats [n] or one float."""
    result = value(node, columns, label)
    if isinstance(result, str) and result in columns:  # a quoted name: text would make no sense here
        result = columns[result]
    if isinstance(result, np.ndarray) and result.dtype == object:
        result = floats(result)
        if result is None:
            raise InputError(f"{label}: {ast.unparse(node)!r} is not a number; {KNOWN}")
    if not isinstance(result, np.ndarray | np.float64) or result.dtype.kind != "f":
        hint = nearest(text, columns) if (text := quoted(node)) else ""
        raise InputError(f"{label}: {ast.unparse(node)!r} is not a number{hint}; {KNOWN}")
    return result


def floats(cells: np.ndarray) -> np.ndarray | None:
    """Objects [n] as the loader reads them: floats, NaN for what is missing or no number; None where nothing is one."""
    texts = pa.array([x if isinstance(x, str) else None for x in cells], pa.string())
    values = parse_cells(pa.chunked_array([texts]))[0]
    return None if np.isnan(values).all() else values


def condition(node: ast.expr, columns: Columns, label: str) -> Answer:
    """The answer of a node that must be a condition on rows."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yes, no = condition(operand, columns, label)
            return Answer(no, yes)
        case ast.BoolOp(op=op, values=parts):
            yes, no = zip(*(condition(part, columns, label) for part in parts), strict=True)
            return Answer(every(yes), some(no)) if isinstance(op, ast.And) else Answer(some(yes), every(no))
        case ast.Compare(left=left, ops=ops, comparators=rights):
            sides = [value(side, columns, label) for side in (left, *rights)]
            pairs = zip(ops, sides[:-1], sides[1:], strict=True)
            yes, no = zip(*(compare(op, a, b, columns, label) for op, a, b in pairs), strict=True)
            return Answer(every(yes), some(no))
    value(node, columns, label)  # what is not even a value says so itself
    raise InputError(f"{label}: {ast.unparse(node)!r} is not a condition on a column; {KNOWN}")


def every(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Where all hold; a mask of one row, of literals alone, holds for all rows or none."""
    return reduce(np.logical_and, masks)


def some(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Where at least one holds."""
    return reduce(np.logical_or, masks)


def compare(op: ast.cmpop, left, right, columns: Columns, label: str) -> Answer:
    """Elementwise comparison of two sides."""
    if isinstance(left, str) and left in columns and (isinstance(right, str | list) or is_number(right)):
        left = columns[left]
    if isinstance(right, str) and right in columns and is_number(left):
        right = columns[right]
    if isinstance(op, ast.In | ast.NotIn):
        if not isinstance(right, list) or not isinstance(left, np.ndarray):
            raise InputError(f"{label}: `in` needs a column and a list, as in budget in [1e18, 1e19]")
        equal = [compare(ast.Eq(), left, item, columns, label) for item in right]
        nothing = Answer(np.zeros(left.shape, bool), present(left))
        yes, no = (some([a.yes for a in equal]), every([a.no for a in equal])) if equal else nothing
        return Answer(no, yes) if isinstance(op, ast.NotIn) else Answer(yes, no)
    if type(op) not in COMPARISONS or isinstance(left, list) or isinstance(right, list):
        raise InputError(f"{label}: {KNOWN}")
    left, right = alike(left, right, columns, label)
    rows = max(np.size(left), np.size(right))
    a, b = (np.broadcast_to(np.asarray(side), (rows,)) for side in (left, right))
    here = present(a) & present(b)
    yes = np.zeros(rows, bool)
    yes[here] = COMPARISONS[type(op)](a[here], b[here])
    return Answer(yes, here & ~yes)


def alike(left, right, columns: Columns, label: str):
    """Two sides of one kind: a column of text beside a number is read as numbers."""
    if is_number(left) == is_number(right):
        return left, right
    number, other = (left, right) if is_number(left) else (right, left)
    read = floats(other) if isinstance(other, np.ndarray) else None
    if read is None:
        hint = nearest(other, columns) if isinstance(other, str) else ""
        raise InputError(f"{label}: compares text with a number; quote text, do not quote numbers{hint}")
    return (number, read) if is_number(left) else (read, number)


def is_number(side) -> bool:
    """Whether a side is a number or a column of numbers."""
    return isinstance(side, np.ndarray | np.floating) and side.dtype != object


def present(side: np.ndarray) -> np.ndarray:
    """Where a column has a value."""
    if side.dtype == object:
        return np.array([item is not None for item in side], bool)
    return ~np.isnan(side) if side.dtype.kind == "f" else np.ones(side.shape, bool)
