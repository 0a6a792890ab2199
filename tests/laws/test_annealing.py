"""Schedule-aware laws against the authors' predictions, and on the public training curves."""

import numpy as np
import pyarrow.csv
import pytest

from sweep import laws
from sweep.laws import schedules
from sweep.laws.annealing import multi_power, tissue
from sweep.laws.inputs import columns

RATES = {
    "constant_24000": schedules.two_stage(2160, 24000, 3e-4, 8000, 3e-4),
    "cosine_24000": schedules.cosine(2160, 24000, 3e-4, 3e-5),
    "wsdcon_9": schedules.two_stage(2160, 16000, 3e-4, 8000, 9e-5),
}


@pytest.mark.parametrize(("size", "loss"), [("25m", 3.20184), ("100m", 2.86176), ("400m", 2.61848)])
def test_prediction_for_an_unseen_long_cosine(size, loss):
    law = laws.published(f"luo_{size}")[1].coefficients
    row = schedules.compress(schedules.cosine(2160, 72000, 3e-4, 3e-5), np.array([71936]))  # the curve's last row
    assert multi_power(law, row)[0] == pytest.approx(loss, abs=1e-4)


def curves(datasets, size):
    """Rows of the three training curves of one size, and the exact features of their schedules."""
    table = pyarrow.csv.read_csv(datasets / "mpl_curves.csv").to_pandas()
    table = table[table.run.str.startswith(size.upper() + "_")]
    parts = [(RATES[name], rows) for name, rows in table.groupby("schedule")]
    loss = np.concatenate([rows.loss for _, rows in parts])
    return table, loss, lambda f: np.concatenate([f(rates, rows.step.to_numpy()) for rates, rows in parts], axis=-1)


def huber(residual, delta=1e-3):
    size = np.abs(residual)
    return np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)).sum()


@pytest.mark.parametrize("size", ["25m", "100m"])
def test_published_parameters_fit_their_training_curves(datasets, size):
    _, loss, of = curves(datasets, size)
    luo, refit = (laws.published(f"{x}_{size}")[1].coefficients for x in ("luo", "tissue"))
    residuals = {
        "multi_power": np.log(multi_power(luo, of(schedules.compress)) / loss),
        "tissue": np.log(tissue(refit, of(schedules.lr_sum), of(schedules.annealing)) / loss),
    }
    for name, residual in residuals.items():
        assert np.std(residual) < 0.0025, name
        assert 1 - np.var(np.expm1(residual) * loss) / np.var(loss) > 0.99, name


@pytest.mark.parametrize("size", ["25m", "100m"])
def test_tissue_coefficients_are_an_optimum(datasets, size):
    _, loss, of = curves(datasets, size)
    sums = of(schedules.lr_sum), of(schedules.annealing)
    best = laws.published(f"tissue_{size}")[1].coefficients
    least = huber(np.log(tissue(best, *sums) / loss))
    for name in best._fields:
        for change in (0.99, 1.01):
            other = best._replace(**{name: getattr(best, name) * change})
            assert huber(np.log(tissue(other, *sums) / loss)) > least


def test_a_table_of_curves_gives_the_same_features(datasets):
    """Run, step and rate are enough, up to the length of the warm-up, which the table does not hold."""
    table, loss, _ = curves(datasets, "25m")
    (schedule,) = columns(laws.get("multi_power"), {name: table[name].to_numpy() for name in ("run", "step", "lr")})
    residual = np.log(multi_power(laws.published("luo_25m")[1].coefficients, schedule) / table.loss.to_numpy())
    assert schedule.shape[1] == len(loss)
    assert np.std(residual) < 0.003
