"""Measuring in rounds: every measure of every peer in turn, so that all share the moods of the machine."""

import sys
import time
from collections.abc import Sequence

from bench.connection import Broken
from bench.measures import Measure, Scale
from bench.peers import Peer
from bench.results import Figure


def progress(text: str) -> None:
    """Say how far it is."""
    sys.stderr.write(f"bench: {text}\n")


class Rounds:
    """What is measured of whom; `broken` are the sentences of what could not be."""

    def __init__(self, peers: Sequence[Peer], measures: Sequence[Measure], scale: Scale, home: str) -> None:
        self.broken: list[str] = []
        self._peers, self._measures, self._scale, self._home = peers, measures, scale, home
        self._taken: dict[str, dict[str, list[float]]] = {
            name: {peer.name: [] for peer in peers if peer.name in measure.of}
            for measure in measures
            for name in measure.units
        }

    def take(self, rounds: int, within_s: float) -> list[Figure]:
        """So many rounds, but none that would, by the one before, end later than `within_s` from now."""
        began = round_began = time.monotonic()
        for number in range(rounds):
            now = time.monotonic()
            if number and now + (now - round_began) > began + within_s:
                progress(f"{number} of {rounds} rounds were made: there is no time for more")
                break
            round_began = now
            for measure in self._measures:
                for peer in self._peers[:: 1 if number % 2 == 0 else -1]:
                    if peer.name in measure.of:
                        progress(f"round {number + 1} of {rounds}: {measure.name}, {peer.name}")
                        self._take(measure, peer)
        units = {name: unit for measure in self._measures for name, unit in measure.units.items()}
        return [Figure(name, units[name], values) for name, values in self._taken.items()]

    def _take(self, measure: Measure, peer: Peer) -> None:
        try:
            found = measure.take(peer, self._home, self._scale)
        except PermissionError as error:
            progress(f"{measure.name} of {peer.name} left out: {error.strerror}: {error.filename}")
            return
        except Broken as error:
            self.broken.append(f"{measure.name} of {peer.name}: {error}")
            progress(self.broken[-1])
            return
        for name, value in found.items():
            self._taken[name][peer.name].append(value)
