"""Runs of W&B's server, by a stand-in for its API."""

from types import SimpleNamespace
from typing import Any

import pytest

from sweep.errors import InputError
from sweep.tables.logged import server


class Api:
    """`wandb.Api()`, as far as it is used: one project of two runs."""

    def __init__(self):
        rows = [{"_step": s, "_runtime": 1.0, "loss": 4 - s / 100} for s in (10, 20)]
        config = {"n_params": 1e6, "betas": [0.9, 0.95], "_wandb": {"cli": 1}, "opt": {"lr": 0.1}}
        self.found = [
            SimpleNamespace(id=id, name=name, config=config, state=state, job_type="", scan_history=lambda: iter(rows))
            for id, name, state in (("a", "gpt", "finished"), ("b", None, "crashed"))
        ]
        self.asked: list[str] = []

    def runs(self, path: str) -> list[Any]:
        self.asked.append(path)
        return self.found

    def run(self, path: str) -> Any:
        self.asked.append(path)
        return self.found[0]


def test_every_run_of_a_project_with_its_whole_history():
    api = Api()
    first, second = server.runs_at("wandb:me/scaling", api)
    assert api.asked == ["me/scaling"]
    assert (first.name, first.state, second.name, second.state) == ("gpt", "finished", "b", "crashed")
    assert first.config == {"n_params": 1e6, "opt.lr": 0.1}
    assert [(p["step"], p["loss"]) for p in first.points] == [(10, 3.9), (20, 3.8)]
    assert [(one.what, one.n) for one in first.lost] == [("settings", 1)]
    assert len(server.runs_at("wandb:me/scaling/a", api)) == 1


@pytest.mark.parametrize("address", ["wandb:", "wandb:me", "wandb:me/", "wandb:a/b/c/d"])
def test_an_address_that_is_none(address: str):
    with pytest.raises(InputError, match="ENTITY/PROJECT"):
        server.runs_at(address, Api())


def test_without_the_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'isoflop\[wandb\]'"):
        server.runs_at("wandb:me/scaling")
