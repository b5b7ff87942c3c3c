import time

import pytest


@pytest.fixture
def seconds():
    """CPU time of a call, in seconds."""

    def measure(call, *arguments):
        begin = time.process_time()
        call(*arguments)
        return time.process_time() - begin

    return measure
