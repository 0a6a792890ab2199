"""Real shapes next to a plan, what they take, and a config that trains one."""

import json

import numpy as np
import pyarrow as pa
import pytest

from sweep import config
from sweep.cli import main
from sweep.design import estimate, recipes
from sweep.errors import InputError, Refusal
from sweep.laws import additive
from sweep.models import counting
from sweep.models.shape import Shape
from sweep.plan import plan
from sweep.plan.builder import builder_of, home_of, measured_of
from sweep.tables import io
from sweep.tables.schema import table_of

LAW = additive.PUBLISHED["besiroglu"].coefficients
TINY = {"recipe": "configs/smoke.py", "params": 2e4, "tokens": 2e6}


def shape_of(block: dict, recipe: str, vocab: int) -> Shape:
    """The shape of a block, made again by the recipe."""
    return recipes.shape_of(block["width"], config.load(recipe), vocab=vocab, platform="gpu")


def test_the_shapes_next_below_and_above_with_exact_counts():
    made = plan("besiroglu", compute=1e22, devices=8).to_json()
    block = made["buildable"]
    assert (block["recipe"], block["vocab"], block["devices"]) == ("configs/pod.py", 32_768, 8)
    small, large = sorted(block["shapes"], key=lambda s: s["width"])
    assert large["width"] - small["width"] == config.load("configs/pod.py").recipe.width_step
    assert small["params"]["with_head"] < made["params"] < large["params"]["with_head"]
    for found in (small, large):
        shape = shape_of(found, "configs/pod.py", 32_768)
        counts = counting.params(shape)
        assert (found["params"]["total"], found["params"]["with_head"]) == (counts.total, counts.with_head)
        assert found["flops_exact"] == pytest.approx(counting.train_flops_per_token(shape) * found["tokens"])
        assert found["tokens"] == found["steps"] * shape.batch_tokens
        assert 6 * counts.with_head * found["tokens"] == pytest.approx(1e22, rel=1e-4)
        assert found["loss"] == pytest.approx(additive.loss(LAW, counts.with_head, found["tokens"]))
        assert made["loss"] <= found["loss"] < made["loss"] + 0.002
        memory = found["memory_bytes"]
        each = estimate.device_bytes(
            shape, platform="gpu", data=8, remat=found["remat"], micro_batches=found["micro_batches"]
        )
        assert memory["total"] == pytest.approx(each.total)
        assert sum(memory[part] for part in ("weights", "gradients", "optimizer", "activations")) == memory["total"]
        assert memory["weights"] + memory["optimizer"] == pytest.approx(each.arguments)
        assert memory["gradients"] == memory["weights"] * (2 if found["micro_batches"] > 1 else 1)
        assert memory["weights"] == pytest.approx(4 * counts.total / 8, rel=1e-3)  # norms are not split


def test_a_target_of_quality_is_reached_by_every_shape():
    made = plan("besiroglu", loss=2.15, inference_tokens=1e12).to_json()
    for found in made["buildable"]["shapes"]:
        assert found["loss"] == pytest.approx(2.15, abs=1e-4)
    tight = plan("besiroglu", loss=2.0, unique_tokens=7.5e11).to_json()["buildable"]["shapes"]
    reasons = [found["reason"] for found in tight]
    assert None in reasons
    assert "the loss is out of reach with the 7.5e+11 tokens there are" in reasons


def test_hours_follow_from_the_stated_share():
    made = plan("besiroglu", compute=1e22, devices=64, train="h100@mfu=0.4").to_json()["buildable"]["shapes"][0]
    assert made["hours"] == pytest.approx(made["flops_exact"] / (64 * 989e12 * 0.4) / 3600)
    assert "stated 0.4 of the peak of h100" in made["hours_from"]
    least = made["devices_that_hold_it"]
    room = 0.92 * 0.75 * 80e9
    held = plan("besiroglu", compute=1e22, devices=least, train="h100@mfu=0.4").to_json()["buildable"]["shapes"][0]
    assert held["memory_bytes"]["total"] <= room
    less = plan("besiroglu", compute=1e22, devices=least // 2, train="h100@mfu=0.4").to_json()["buildable"]["shapes"][0]
    assert less["memory_bytes"]["total"] > room
    assert (held["fits"], less["fits"]) == (True, False)
    unknown = plan("besiroglu", compute=1e22).to_json()["buildable"]["shapes"][0]
    assert unknown["hours"] is None
    assert unknown["fits"] is None
    assert unknown["held_by"]["h100"] == least
    assert unknown["devices_that_hold_it"] is None
    assert "say --train" in unknown["hours_from"]


def test_how_many_devices_hold_it_or_that_none_does():
    meant = {"compute": 1e22, "train": "h100@mfu=0.4"}
    fits, alone = plan("besiroglu", devices=64, **meant), plan("besiroglu", **meant)
    assert "held by 4 h100 or more" in fits.text
    assert "does not fit" not in fits.text
    assert "does not fit one device; held by 4 h100 or more" in alone.text
    large = plan("besiroglu", compute=1e26, devices=8, train="tpu-v5e@mfu=0.4")
    assert "does not fit 8 devices; no number of tpu-v5e up to its batch holds it" in large.text
    assert large.to_json()["buildable"]["shapes"][0]["held_by"] == {"tpu-v5e": None}


def rows(*speeds: tuple[int, float]) -> pa.Table:
    """A loss table of trials of (params, tokens a second), 6 FLOPs a parameter and token, on two CPU devices."""
    return table_of(
        {
            "trial": f"t{i}",
            "status": "done",
            "params_with_head": params,
            "tokens": 1000,
            "flops_exact": 6000.0 * params,
            "tokens_per_s": speed,
            "vocab": 300,
            "device": "cpu",
            "mesh": "2x1",
        }
        for i, (params, speed) in enumerate(speeds)
    )


def test_measured_speed_of_one_device():
    measured = measured_of(rows((10_000, 2e4), (10_000, 4e4), (10_000, 9e4), (40_000, 2e4)).to_pylist())
    assert measured is not None
    np.testing.assert_allclose(measured.params, [10_000, 40_000])
    np.testing.assert_allclose(measured.flops_per_second, [6 * 10_000 * 4e4 / 2, 6 * 40_000 * 2e4 / 2])
    assert measured.at(2e4) == pytest.approx(np.sqrt(1.2e9 * 2.4e9))
    assert measured.at(4e6) == pytest.approx(2.4e9)
    assert measured_of([]) is None


def test_the_sweep_behind_a_fit_is_the_recipe_and_the_speed(tmp_path, found):
    home = tmp_path / "run"
    (home / "fit").mkdir(parents=True)
    saved = {"config": config.to_dict(config.load("configs/smoke.py"))}
    (home / "sweep.json").write_text(json.dumps(saved))
    io.write(rows((10_000, 2e4)), home / "losses.parquet")
    found.save(home / "fit")
    for law in (home / "fit", home / "fit" / "fit.json", home):
        made = plan(law, params=2e4, tokens=2e6).to_json()["buildable"]
        assert (made["recipe"], made["vocab"]) == (str(home), 300)
        shape = made["shapes"][0]
        assert shape["hours"] == pytest.approx(shape["flops_exact"] / 6e8 / 3600)
        assert "measured on cpu" in shape["hours_from"]
    assert home_of(home / "fit") == home
    assert home_of(tmp_path) is None


def test_the_vocabulary(tmp_path):
    assert builder_of([], "configs/smoke.py", None).vocab == 256
    assert builder_of([], "configs/gpu.py", None).vocab == 8192
    assert builder_of([], "configs/pod.py", "50k").vocab == 50_000
    with pytest.raises(InputError, match="say --vocab"):
        builder_of([], "configs/pod.py", None)
    with pytest.raises(InputError, match="no such config"):
        builder_of([], "configs/none.py", None)


def test_a_written_config_is_previewed_and_trains_the_size(tmp_path, capsys, monkeypatch):
    file = tmp_path / "decided.py"
    made = plan("besiroglu", **TINY, write=str(file)).to_json()["buildable"]["shapes"][0]
    sweep = config.load(str(file))
    assert sweep.params == (made["params"]["with_head"],)
    assert sweep.budgets == pytest.approx((made["flops_exact"],))
    assert (sweep.trunk, sweep.name) == (False, "decided")
    assert sweep.recipe == config.load("configs/smoke.py").recipe
    monkeypatch.chdir(tmp_path)
    assert main(["preview", str(file), "--no-probe", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    (trial,) = shown["trials"]
    assert trial["width"] == made["width"]
    assert trial["steps"] == made["steps"]
    assert trial["lr"] == made["lr"]
    assert shown["refused"] == []
    assert main(["preview", str(file), "--no-probe"]) == 0
    assert "the sizes are decided on" in capsys.readouterr().out


def test_what_cannot_be_written(tmp_path):
    there = tmp_path / "there.py"
    there.write_text("")
    with pytest.raises(InputError, match="already"):
        plan("besiroglu", **TINY, write=str(there))
    with pytest.raises(InputError, match=r"a config is a \.py file"):
        plan("besiroglu", **TINY, write=str(tmp_path / "x.json"))
    assert there.read_text() == ""


def test_serving_with_attention_and_a_cache():
    made = plan("besiroglu", compute=1e22).to_json()["buildable"]["shapes"][0]
    shape, serve = shape_of(made, "configs/pod.py", 32_768), made["serve"]
    with_context = counting.forward_flops_per_token(shape, causal=False)  # the last token sees the whole context
    assert serve["flops_per_token"] == pytest.approx(with_context, rel=1e-12)
    assert serve["over_plan"] == pytest.approx(serve["flops_per_token"] / (2 * made["params"]["with_head"]))
    assert serve["cache_bytes"] == 2 * 2 * 2048 * made["depth"] * made["kv_heads"] * made["head_dim"]
    assert serve["weights_bytes"] == 2 * made["params"]["total"]


def test_what_no_number_of_devices_holds_is_warned_about_and_not_written(tmp_path):
    made = plan("besiroglu", compute=1e27)
    told = {w["code"]: w["message"] for w in made.record["warnings"]}
    shape = made.record["buildable"]["shapes"][0]
    size = 12 * shape["params"]["total"] / 1e12
    assert f"weights and moments of {size:.3g} TB fit no number of the devices known here" in told["too_large"]
    assert " TB a device (weights " in made.text
    with pytest.raises(Refusal, match="weights and moments of") as refusal:
        plan("besiroglu", compute=1e27, write=str(tmp_path / "big.py"))
    assert refusal.value.code == "too_large"
    assert not (tmp_path / "big.py").exists()
    modest = plan("besiroglu", compute=1e22).record["warnings"]
    assert "too_large" not in {w["code"] for w in modest}
