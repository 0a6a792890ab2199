"""What the page recomputes with: complete, small, and the same numbers as the fit."""

import base64
import dataclasses
import json

import numpy as np

from sweep import laws
from sweep.plan import plan
from sweep.report.plan_model import model, others
from tests.report import planned


def test_lanes_survive_the_way_to_the_page(found):
    exported = model(planned.of_fit())
    assert exported is not None
    assert json.loads(json.dumps(exported, allow_nan=False)) == exported
    own = exported["laws"][0]
    lanes, doubt = own["lanes"], found.doubt
    assert own["k"] == found.record["flops_per_param_token"]
    for name, values in found.lane_coefficients._asdict().items():
        np.testing.assert_array_equal(np.frombuffer(base64.b64decode(lanes["columns"][name])), values)
    counts = np.frombuffer(base64.b64decode(lanes["drawn"]), np.uint8).reshape(doubt.drawn.shape)
    np.testing.assert_array_equal(counts, doubt.drawn)
    assert lanes["reach"] == doubt.reach(found.record["level"])


def test_where_a_fit_has_no_interval_the_page_has_no_lanes(found):
    made = planned.of_fit()
    few = dataclasses.replace(made.source, doubt=dataclasses.replace(found.doubt, groups=1))
    exported = model(dataclasses.replace(made, source=few))
    assert exported is not None
    assert exported["laws"][0]["lanes"] is None


def test_the_page_offers_what_is_published_and_verified():
    ids = others()
    assert {"besiroglu", "hoffmann", "sardana", "kaplan", "xlstm", "gadre_c4", "muennighoff_repeated"} <= set(ids)
    assert "farseer_recalled" not in ids
    assert "kumar" not in ids  # needs bits
    assert all(laws.published(id)[1].verified for id in ids)


def test_the_question_and_the_limits_as_they_were_asked():
    made = plan("besiroglu", loss=2.2, inference_tokens="1e11:1e13", unique_tokens=1e12, max_params=3e9, versus=("1B",))
    exported = model(made)
    assert exported is not None
    asked = exported["asked"]
    assert (asked["target"], asked["value"], asked["generated"]) == ("loss", 2.2, 1e12)
    assert (asked["unique"], asked["most"], asked["versus"]) == (1e12, 3e9, [1e9])
    assert (asked["demands"][0], asked["demands"][-1]) == (1e11, 1e13)
    assert asked["rates"] == {"train": None, "serve": None, "prompt": None}


def test_a_law_of_another_form_has_no_model():
    made = planned.of_fit()
    law = dataclasses.replace(made.source.surface.law, id="farseer")
    source = dataclasses.replace(made.source, surface=dataclasses.replace(made.source.surface, law=law))
    assert model(dataclasses.replace(made, source=source)) is None


def test_devices_that_were_stated_are_offered_with_their_peaks():
    made = plan("besiroglu", usd=1e5, train="b7:6@peak=2.5e15,mfu=0.4")
    exported = model(made)
    assert exported is not None
    offered = {one["name"]: (one["peak"], one["source"]) for one in exported["devices"]}
    assert offered["b7 bf16"] == (2.5e15, "as you stated")
    assert exported["asked"]["rates"]["train"] == {"device": "b7 bf16", "usd": 6.0, "mfu": 0.4, "peak": 2.5e15}
    known = model(plan("besiroglu", usd=1e5, train="gb200:6@peak=2.4e15,mfu=0.4"))
    assert known is not None
    peaks = [one["peak"] for one in known["devices"] if one["name"] == "gb200 bf16"]
    assert peaks == [2.4e15]
