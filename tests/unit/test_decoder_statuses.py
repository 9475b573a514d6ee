"""Statuses of vehicles, as the decoder reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.connectivity import Status
from shared.wire.decoder import decode
from shared.wire.refusal import Reason
from shared.wire.status import VehicleStatus
from tests.decoded import lone
from tests.readings import LATEST, START


@pytest.mark.parametrize(("said", "status"), [(b"online", Status.ONLINE), (b"offline", Status.OFFLINE)])
def test_a_status(said, status):
    """A status holds no reading; the topic names the vehicle."""
    decoded = decode(b"vehicles/vin-00001/status", said, received_at=START, latest=LATEST)
    assert decoded == ([], [], None, None, VehicleStatus("VIN-00001", status, START))


@given(st.binary(min_size=1).filter(lambda said: said not in {b"online", b"offline"}))
def test_any_other_status(said):
    """One rejection, as it was received; no bytes raise."""
    rejection = lone(said, b"vehicles/VIN-00001/status")
    assert (rejection.vin, rejection.reason, rejection.payload) == ("VIN-00001", Reason.BAD_STATUS, said)


def test_a_status_that_is_cleared():
    """An empty payload on the status topic is ignored, too."""
    decoded = decode(b"vehicles/VIN-00001/status", b"", received_at=START, latest=LATEST)
    assert decoded == ([], [], None, None, None)
