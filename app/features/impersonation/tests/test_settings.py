"""Test the bounds of the duration of an impersonation."""

import pytest

import config
from tests.fixtures.core import PRODUCTION


@pytest.mark.parametrize("minutes", ["0", "31"])
def test_an_impersonation_lasts_at_most_half_an_hour(minutes):
    with pytest.raises(config.ConfigurationError, match=r"^IMPERSONATION_MINUTES must be at"):
        config.ProductionConfig({**PRODUCTION, "IMPERSONATION_MINUTES": minutes})
