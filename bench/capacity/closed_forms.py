"""Queues with known answers (Kleinrock, Queueing Systems I, chapter 3): what the simulation is checked against.

All times in one unit, all rates by that unit; arrivals are random and service times exponential.
"""

import math


def waiting_of_many(arrivals: float, service: float, servers: int) -> float:
    """M/M/c: the mean wait before service, by Erlang's C formula; infinite at and above saturation."""
    load = arrivals * service
    if load >= servers:
        return math.inf
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    waits = last / (sum(load**number / math.factorial(number) for number in range(servers)) + last)
    return waits * service / (servers - load)


def rate_of_few(clients: int, think: float, service: float, servers: int) -> float:
    """M/M/c//N: calls a unit that so many clients get, each thinking between two of its calls."""
    weights = [1.0]
    for number in range(1, clients + 1):
        ratio = (clients - number + 1) / think * service / min(number, servers)
        weights.append(weights[-1] * ratio)
    total = sum(weights)
    return sum(weight * min(number, servers) for number, weight in enumerate(weights)) / total / service


def least_of_bounds(clients: int, think: float, demands: list[tuple[float, int]]) -> float:
    """The most that any closed network can do: `demands` are time a call and servers, station by station."""
    alone = clients / (think + sum(time for time, _ in demands))
    return min([alone, *(servers / time for time, servers in demands if time)])
