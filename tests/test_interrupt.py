"""Ctrl-C is neither lost nor takes an answer with it."""

import contextlib
import os
import signal
import threading

import numpy as np
import pytest

from sweep import cli, interrupt
from sweep.fit import approach3, fit, refits
from sweep.fit.result import Fit


@pytest.fixture(autouse=True)
def python_handles_it():
    """Python's own handler, also where these tests run in the background of a shell, which ignores the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_that_somebody_swallows_is_met_at_the_next_step():
    with interrupt.remembered():
        with contextlib.suppress(KeyboardInterrupt):  # as a callback of JAX's does
            press()
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_held_comes_to_its_end_and_a_second_press_does_not_wait():
    steps = []
    with interrupt.remembered():
        with interrupt.held():
            press()
            steps.append("end")
            with pytest.raises(KeyboardInterrupt):
                press()
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
        interrupt.check()  # once
    assert steps == ["end"]


def test_one_that_was_met_is_forgotten():
    with interrupt.remembered():
        with pytest.raises(KeyboardInterrupt):
            press()
        interrupt.met()
        interrupt.check()


def test_other_threads_and_other_handlers_are_left_alone():
    found = []

    def work():
        with interrupt.remembered():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupt.remembered():
            found.append(signal.getsignal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert found == [signal.default_int_handler, signal.SIG_IGN]


@pytest.fixture(scope="module")
def simulate_table():
    rng = np.random.default_rng(0)
    params = np.exp(rng.uniform(np.log(2e7), np.log(2e9), 30))
    tokens = params * np.exp(rng.uniform(np.log(5), np.log(80), 30))
    loss = (1.8 + 480 * params**-0.35 + 2100 * tokens**-0.37) * np.exp(0.003 * rng.standard_normal(30))
    return {"params": params, "tokens": tokens, "loss": loss}


def codes(found: Fit) -> list[str]:
    return [w["code"] for w in found.record["warnings"]]


def test_a_press_at_the_last_fit_keeps_the_answer(simulate_table):
    def at_the_end(done, of):
        if done == of:
            press()

    found = fit(simulate_table, bootstrap=60, progress=at_the_end)
    assert found.status == "converged"
    assert found.record["approach3"]["lanes"]["not_run"] == 0
    assert found.record["interval"]["alpha"][0] is not None
    assert "diagnostics" in found.record or "partial" in codes(found)


def test_a_press_between_resamples_and_diagnostics_ends_the_diagnostics(simulate_table, monkeypatch):
    refit = refits.refit

    def pressed(*args):
        found = refit(*args)
        press()
        return found

    monkeypatch.setattr(refits, "refit", pressed)
    found = fit(simulate_table, bootstrap=60)
    assert codes(found)[0] == "partial"
    assert "diagnostics" not in found.record
    assert found.record["interval"]["alpha"][0] is not None


def test_a_press_in_the_start_up_that_is_swallowed_ends_the_fit(simulate_table, monkeypatch):
    find = approach3.find_starts

    def swallowing(*args, **options):
        with contextlib.suppress(KeyboardInterrupt):
            press()
        return find(*args, **options)

    monkeypatch.setattr(approach3, "find_starts", swallowing)
    with pytest.raises(KeyboardInterrupt):
        fit(simulate_table, bootstrap=60)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_that_is_swallowed_while_a_command_starts_ends_it(monkeypatch, tmp_path, capsys):
    """JAX's callback drops it among the imports: the command went on to its end as if nothing had been pressed."""

    def swallowed(name):
        with contextlib.suppress(KeyboardInterrupt):
            press()

    monkeypatch.setattr(cli.importlib, "import_module", swallowed)
    assert cli.main(["fit", str(tmp_path / "losses.csv")]) == 3
    assert capsys.readouterr().err == "sweep fit: interrupted\n"


def test_nothing_is_raised_where_it_would_be_printed_and_dropped():
    def _xla_gc_callback():
        press()

    with interrupt.remembered():
        _xla_gc_callback()
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
