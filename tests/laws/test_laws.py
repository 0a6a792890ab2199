"""The registry."""

import pytest

from sweep import laws
from sweep.errors import InputError


def test_every_law_is_found_by_its_id_and_says_where_it_comes_from():
    for name in laws.ids():
        law = laws.get(name)
        assert law.id == name
        assert law.source
        assert len(law.names) == len(law.units)
        for published in law.published.values():
            assert len(published.coefficients) == len(law.names)
            assert "arXiv" in published.source


def test_unknown_law():
    with pytest.raises(InputError, match="unknown law 'adition'; known: additive"):
        laws.get("adition")
