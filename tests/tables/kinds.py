"""Columns of every kind that Parquet has, with values that Python cannot hold among them."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa

KINDS = [
    pa.date32(), pa.date64(), pa.timestamp("ns"), pa.timestamp("s"), pa.timestamp("us", "Europe/Berlin"),
    pa.timestamp("ms", "Mars/Olympus"), pa.time32("s"), pa.time64("us"), pa.duration("ms"), pa.binary(), pa.binary(4),
    pa.large_binary(), pa.string(), pa.large_string(), pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.bool_(),
    pa.null(), pa.decimal128(20, 3), pa.decimal256(60, 0), pa.list_(pa.float64()), pa.list_(pa.timestamp("s")),
    pa.dictionary(pa.int32(), pa.string()), pa.struct([("a", pa.timestamp("s"))]), pa.map_(pa.string(), pa.int64()),
]  # fmt: skip


def column(kind: pa.DataType, seed: int) -> pa.Array:
    """Twelve values of a kind, extreme ones among them."""
    rng = np.random.default_rng(seed)
    whole = rng.choice([0, 1, -1, 7, 2**31 - 1, -(2**31), 2**52, 10**9], 12)
    gaps = rng.random(12) < 0.2
    if pa.types.is_nested(kind):
        inner = {"list": [[1e9]] * 12, "map": [[("k", 1)]] * 12, "struct": [{"a": None}] * 12}
        values = next(v for k, v in inner.items() if str(kind).startswith(k))
        return pa.array([[]] * 12 if kind == pa.list_(pa.timestamp("s")) else values, kind)
    if kind == pa.string() and seed % 3 == 0:  # as writers that do not look leave it
        return pa.array([b"gr\xf6\xdfe", b"1e9", None] * 4).view(pa.string())
    if pa.types.is_null(kind):
        return pa.nulls(12)
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = rng.choice(["a", "1e9", "", "ü", "nan", "diverged", "3.5"], 12).tolist()
        return pa.array(texts, pa.string(), mask=gaps).cast(kind)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([bytes(rng.integers(0, 256, 4, dtype=np.uint8)) for _ in range(12)], kind, mask=gaps)
    if pa.types.is_decimal(kind):
        return pa.array([None if gap else Decimal(int(x) % 127) for x, gap in zip(whole, gaps, strict=True)], kind)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return pa.array(np.abs(whole) % (2 if pa.types.is_boolean(kind) else 127), mask=gaps).cast(kind)
    if pa.types.is_floating(kind):
        return pa.array(rng.choice([0.0, 1.0, np.nan, np.inf, -1.0, 3e4], 12), mask=gaps).cast(kind)
    if kind == pa.date32():
        return pa.array(whole.clip(-(2**31), 2**31 - 1), pa.int32(), mask=gaps).cast(kind)
    if pa.types.is_time(kind):
        return pa.array(np.abs(whole) % 86_400, pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)
    days = pa.array(whole, pa.int64(), mask=gaps)
    return (
        days.view(kind)
        if kind != pa.date64()
        else pa.array([date(2026, 11, 30) + timedelta(i) for i in range(12)], kind)
    )
