import os

import pytest

from diffscribe.training.runtime import let_threads_sleep


@pytest.mark.parametrize(("chosen", "seen"), [(None, "passive"), ("active", "active")])
def test_waiting_threads_leave_the_cores_to_others(
    chosen: str | None, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", chosen or "")
    if chosen is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    let_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == seen
