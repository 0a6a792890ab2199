"""A grid of settings is no table of best ones: asked, with what keeps the best; and the column that is fitted."""

import numpy as np
import pytest

from sweep import laws
from sweep.errors import InputError, Refusal
from sweep.tables.load import load

N, D, LR = (x.ravel() for x in np.meshgrid([1e8, 2e8, 4e8], [1e9, 4e9], [1e-3, 2e-3, 4e-3], indexing="ij"))
GRID = {"params": N, "tokens": D, "lr": LR, "loss": 3.0 + np.abs(np.log(LR / 2e-3)) + 1e8 / N}
BEST = {**GRID, "best": (LR == 2e-3).astype(int)}


def best(law, **columns):
    return load({**BEST, **columns}, law=laws.get(law), where="best == 1")


def test_the_target_is_what_is_fitted():
    runs = best("step_law")
    assert runs.loss.tolist() == [2e-3] * 6
    assert runs.units.statement == "peak learning rate: 0.002 to 0.002, as the table has it"
    assert runs.units.loss is None
    named = load(
        {"N": N, "D": D, "rate": LR / 2}, {"params": "N", "tokens": "D", "lr": "rate*2"}, law=laws.get("step_law")
    )
    np.testing.assert_allclose(named.loss, LR)  # and no column of losses is needed


def test_a_law_may_read_the_loss_and_give_something_else():
    law = laws.get("minicpm_batch")
    runs = load({"loss": [3.0, 2.5], "batch_tokens": [1e5, 2e5]}, law=law)
    assert runs.loss.tolist() == [1e5, 2e5]
    assert runs.inputs(law)[0].tolist() == [3.0, 2.5]
    with pytest.raises(InputError, match=r"row 2, column loss: -2.5; it must be a positive"):
        load({"loss": [3.0, -2.5], "batch_tokens": [1e5, 2e5]}, law=law, despite=["loss_not_positive"])


def test_what_a_learning_rate_cannot_be_is_an_error():
    with pytest.raises(InputError, match=r"row 1, column lr: 0; it must be a positive finite number"):
        load({**GRID, "lr": np.where(LR[0] == LR, 0.0, LR)}, law=laws.get("step_law"), despite=["loss_not_positive"])
    with pytest.raises(InputError, match="no column 'lr'"):
        load({"params": N, "tokens": D, "loss": LR}, law=laws.get("step_law"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": "bits"}, "--units is of losses; law step_law gives peak learning rate"),
        ({"columns": {"run": "lr"}}, "--columns run=… is of losses; law step_law gives"),
    ],
)
def test_options_of_losses_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        load(BEST, law=laws.get("step_law"), where="best == 1", **options)


@pytest.mark.parametrize(
    ("table", "where", "way"),
    [
        (BEST, None, r'--where "best == 1"'),
        (BEST, "params < 3e8", r'--where "\(params < 3e8\) and best == 1"'),
        (GRID, None, "mark it in a column, such as best"),
        ({**GRID, "best": np.ones(18)}, None, "mark it in a column, such as best"),  # marks everything
    ],
)
def test_a_grid_is_asked(table, where, way):
    count = 6 if where is None else 4
    expected = f"{3 * count} rows hold several values of lr, of different losses, for {count} configurations.*{way}"
    with pytest.raises(Refusal, match=expected) as refused:
        load(table, law=laws.get("step_law"), where=where)
    assert refused.value.code == "several_settings"


def test_a_grid_can_be_fitted_all_the_same():
    assert len(load(GRID, law=laws.get("step_law"), despite=["several_settings"])) == 18


def test_a_configuration_is_more_than_the_inputs_of_the_law():
    """Sizes trained on the same tokens have batches, and losses, of their own."""
    batch = np.where(N > 3e8, 3e5, 2e5)
    assert len(best("step_law_batch", batch_tokens=batch)) == 6


def test_sizes_of_a_budget_are_settings_too():
    flops = np.repeat([1e18, 1e19], 3)
    table = {"flops": flops, "tokens": np.geomspace(1e9, 5e10, 6), "params": flops / np.geomspace(1e9, 5e10, 6) / 6}
    with pytest.raises(Refusal, match="6 rows hold several values of tokens, of different losses, for 2 config"):
        load({**table, "loss": np.linspace(3, 2, 6)}, law=laws.get("deepseek_tokens"))
    assert len(load(table, law=laws.get("deepseek_tokens"))) == 6  # no losses: nobody can tell


def test_equal_losses_are_answers_found_again():
    assert len(load({**GRID, "loss": np.full(18, 3.0)}, law=laws.get("step_law"))) == 18
