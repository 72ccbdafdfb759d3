"""A drill's statuses are the errors that vendors' answers become."""

from __future__ import annotations

from zg_core.running.injecting import error_of_status
from zg_plugins_builtin.providers._vendor_errors import VendorErrors


def test_a_status_is_the_same_error_from_a_drill_and_from_a_vendor() -> None:
    vendor = VendorErrors(provider="x", url="http://127.0.0.1", login="set a key")

    for status in range(400, 600):
        real = vendor.of_status(status, {"error": {"message": "no"}}, {})

        assert error_of_status(status) is type(real), status
