"""Few readings decoded as many are: as arrays of NumPy."""

from unittest.mock import patch

import pytest

from shared.wire import fast_reading


@pytest.fixture(
    autouse=True, scope="module", params=[1, fast_reading.LEAST_FOR_ARRAYS], ids=["arrays", "lists"]
)
def least_for_arrays(request):
    """Set the number of readings from which their columns are arrays; for all tests of a module."""
    with patch.object(fast_reading, "LEAST_FOR_ARRAYS", request.param):
        yield request.param
