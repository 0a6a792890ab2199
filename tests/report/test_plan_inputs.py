"""The form of a plan's page."""

import re

from sweep.plan.prices import DEVICES
from sweep.report.plan_inputs import form
from sweep.report.plan_model import model
from tests.report import planned


def test_the_form_offers_laws_devices_and_targets():
    exported = model(planned.of_fit())
    assert exported is not None
    text = str(form(exported))
    offered = re.findall(r'<option value="([^"]*)"', text)
    assert {"own", "besiroglu", "like_compute", "usd", "h100 bf16"} <= set(offered)
    assert sum(len(device.peaks) for device in DEVICES.values()) * 3 <= len(offered)
    assert text.count("<details open") == 1  # prices were given, nothing is held fixed
    assert 'hidden=""' in text
