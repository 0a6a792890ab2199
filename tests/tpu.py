"""Marks of a test that asks the TPU's compiler: skipped where it is not installed, and all of them in one worker."""

import importlib.util

import pytest

HERE = importlib.util.find_spec("libtpu") is not None
REASON = "libtpu, the TPU's compiler, is not installed: pip install 'isoflop[tpu]' on x86 Linux"


def needs_libtpu(test):
    """Mark `test` as one that compiles for TPUs."""
    for mark in (
        pytest.mark.tpu_compiler,
        pytest.mark.xdist_group("libtpu"),
        pytest.mark.skipif(not HERE, reason=REASON),
    ):
        test = mark(test)
    return test
