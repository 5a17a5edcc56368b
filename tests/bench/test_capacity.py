"""The simulation, held against queues whose answers are known."""

import math

import pytest

from bench.capacity.closed_forms import least_of_bounds, rate_of_few, waiting_of_many
from bench.capacity.network import Kind, Network, Step, simulate
from bench.capacity.replica import Replica, bend, curve, row
from bench.gallery import recorded

CALLS = 40_000


def one_station(agents: int, think_s: float, service_s: float, servers: int) -> Network:
    kinds = [Kind("call", 1.0, [Step("worker", service_s)])]
    return Network(agents=agents, think_s=think_s, kinds=kinds, servers={"worker": servers})


@pytest.mark.parametrize("servers", [1, 2, 4])
@pytest.mark.parametrize("clients", [1, 5, 40])
def test_few_clients_get_what_the_finite_source_queue_says(clients: int, servers: int) -> None:
    found = simulate(one_station(clients, 1.0, 0.1, servers), calls=CALLS)
    assert found.rate == pytest.approx(rate_of_few(clients, 1.0, 0.1, servers), rel=0.03)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (1, 0.8), (4, 0.8)])
def test_many_clients_wait_as_erlang_says(servers: int, load: float) -> None:
    agents, service_s = 4000, 1.0
    think_s = agents * service_s / (load * servers)
    found = simulate(one_station(agents, think_s, service_s, servers), calls=CALLS * 2)
    expected = waiting_of_many(load * servers / service_s, service_s, servers)
    assert found.mean_s["call"] - service_s == pytest.approx(expected, rel=0.12)


def test_erlang_by_hand() -> None:
    assert waiting_of_many(0.5, 1.0, 1) == pytest.approx(1.0)  # rho / (mu - lambda)
    assert waiting_of_many(1.0, 1.0, 2) == pytest.approx(1 / 3)
    assert waiting_of_many(2.0, 1.0, 2) == math.inf


def test_fixed_times_without_thinking_reach_the_bound_exactly() -> None:
    kinds = [Kind("call", 1.0, [Step("front", 0.01), Step("worker", 0.04)])]
    network = Network(agents=50, think_s=0.0, kinds=kinds, servers={"front": 1, "worker": 2}, cores=3, is_random=False)
    found = simulate(network, calls=5000)
    assert found.rate == pytest.approx(least_of_bounds(50, 0.0, [(0.01, 1), (0.04, 2)]), rel=0.01)


def test_cores_are_shared_by_all_stations() -> None:
    kinds = [Kind("call", 1.0, [Step("front", 0.01), Step("worker", 0.01), Step("network", 0.5, takes_core=False)])]
    network = Network(agents=200, think_s=0.0, kinds=kinds, servers={"front": 1, "worker": 9}, cores=1)
    assert simulate(network, calls=20_000).rate == pytest.approx(50, rel=0.03)


def test_the_same_seed_gives_the_same_figures() -> None:
    network = one_station(20, 1.0, 0.1, 2)
    assert simulate(network, calls=2000) == simulate(network, calls=2000)
    assert simulate(network, calls=2000) != simulate(network, calls=2000, seed=2)


def test_kinds_have_their_shares_and_their_own_times() -> None:
    kinds = [Kind("read", 0.9, [Step("quick", 0.001)]), Kind("scan", 0.1, [Step("slow", 0.1)])]
    found = simulate(Network(agents=100, think_s=10.0, kinds=kinds), calls=20_000)
    assert found.mean_s["read"] == pytest.approx(0.001, rel=0.05)
    assert found.mean_s["scan"] == pytest.approx(0.1, rel=0.06)
    assert found.p99_s["scan"] > found.p50_s["scan"]


REPLICA = Replica(front_end_s=0.0002, worker_s=0.0002, scan_s=0.05)


def test_the_measured_curve_is_what_the_simulation_says() -> None:
    """Of the recorded run: where this fails after a new one, other work took processors, or the model is wrong."""
    growth = recorded()
    assert min(growth.service.client_ms, growth.service.front_end_ms, growth.service.worker_ms) > 0
    for clients, measured, simulated in curve(growth):
        assert simulated / 1.6 < measured < 1.3 * simulated, clients


def test_beyond_its_means_a_replica_gives_what_its_busiest_station_can() -> None:
    found = row(REPLICA, 100_000, 10.0, 0.0)
    assert found.is_saturated
    assert found.rate == pytest.approx(1 / REPLICA.front_end_s)
    assert found.p99_s == pytest.approx(100_000 * REPLICA.front_end_s - 10.0)  # Little's law


def test_well_within_them_nobody_waits() -> None:
    found = row(REPLICA, 1000, 10.0, 0.0)
    assert not found.is_saturated
    assert found.rate == pytest.approx(100, rel=0.05)
    assert found.p99_s < 0.005


def test_scans_bend_a_replica_earlier_and_cores_later() -> None:
    few, many = (bend(REPLICA, 10.0, scans) for scans in (0.0, 0.2))
    assert many < few < 50_000
    wide = Replica(front_end_s=0.0002, worker_s=0.0002, scan_s=0.05, cores=8, workers=8)
    assert bend(wide, 10.0, 0.2) > many
