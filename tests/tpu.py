"""Marks of a test that asks the TPU's compiler: skipped where it is not installed.

`make test` runs them in a process of their own: workers that had loaded libtpu broke down later, in other tests.
"""

import importlib.util

import pytest

HERE = importlib.util.find_spec("libtpu") is not None
REASON = "libtpu, the TPU's compiler, is not installed: pip install 'isoflop[tpu]' on x86 Linux"


def needs_libtpu(test):
    """Mark `test` as one that compiles for TPUs."""
    return pytest.mark.tpu_compiler(pytest.mark.skipif(not HERE, reason=REASON)(test))
