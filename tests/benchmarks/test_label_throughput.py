import pytest
from label_throughput import CLIENTS, measured


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_gets_all_answers_and_no_more_than_the_capacity(name):
    run, server_load = measured(name, slots=4, rows=100, latency_s=0.02)
    assert 20 < run.answers_per_s < 210
    assert 0 < run.cpu_us < 1e6 * run.load
    assert 0 < server_load < 1
