"""Tables of many sizes share a few programs, and programs that are not used are let go."""

import functools
from pathlib import Path

import numpy as np
import pytest

from sweep import laws
from sweep.fit import fit, newton, solver
from sweep.fit.programs import CHUNK, KEPT, padded

MAPS, STATUS = Path("/proc/self/maps"), Path("/proc/self/status")


def maps() -> int:
    return MAPS.read_bytes().count(b"\n")


def resident() -> int:
    """Bytes of memory in use."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
    return 1024 * int(line.split()[1])


def test_sizes_are_few_and_near():
    rows = np.arange(1, 50_000)
    sizes = np.array([padded(int(n)) for n in rows])
    assert (sizes >= rows).all()
    assert (np.diff(sizes) >= 0).all()
    wide = rows > 128
    assert (sizes[wide & (rows <= CHUNK)] <= 1.16 * rows[wide & (rows <= CHUNK)]).all()
    assert (sizes[rows > CHUNK] % CHUNK == 0).all()
    assert len(set(sizes[: CHUNK + 1])) <= 50
    assert len(set(sizes[:200])) <= 10
    assert padded(240) == 256  # with room for the floor's profile


def sized(n, seed=0):
    rng = np.random.default_rng(seed)
    params = np.exp(rng.uniform(np.log(2e7), np.log(2e9), n))
    tokens = params * np.exp(rng.uniform(np.log(5), np.log(80), n))
    noise = np.exp(0.003 * rng.standard_normal(n))
    return {"params": params, "tokens": tokens, "loss": (1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37) * noise}


@pytest.mark.skipif(not MAPS.exists(), reason="reads Linux's list of memory regions")
def test_programs_that_are_let_go_give_back_their_memory(monkeypatch):
    """Three sizes, room for one program: without letting go each would add some 700 regions."""
    monkeypatch.setattr(newton, "program", functools.lru_cache(1)(newton.program.__wrapped__))
    law, before = laws.get("additive_tied"), None
    for n in (20, 50, 80):
        table = sized(n)
        features, shift = law.features(table["params"], table["tokens"])
        theta = law.theta(law.coefficients(np.array([0.6, 8.0, 9.0, 0.36]), shift), shift)[None]
        solver.solve(law, features, np.log(table["loss"]), theta, np.ones(n), delta=1e-2)
        before = before or maps()
    assert newton.program.cache_info().currsize == 1
    assert maps() < before + 400


@pytest.mark.slow
@pytest.mark.skipif(not MAPS.exists(), reason="reads Linux's list of memory regions")
def test_sixty_tables_of_different_lengths_in_one_process():
    """Before: 330 to 940 regions a program, three programs for every sixteenth length, 65,530 regions a process."""
    fit(sized(20), bootstrap=0, diagnostics=False)
    regions, memory = maps(), resident()
    for n in range(21, 81):
        fit(sized(n), bootstrap=0, diagnostics=False)
    assert maps() - regions < 2_500
    assert resident() - memory < 400e6
    assert newton.program.cache_info().maxsize == 3 * KEPT  # 3 x 20 x 380 regions at most, and 20 x 940 by `near`
