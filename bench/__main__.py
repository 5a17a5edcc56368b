"""The benchmark's command: ours and the reference server, side by side in one run."""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence

from bench.connection import Broken
from bench.ground import build_ground
from bench.machine import describe_machine
from bench.measures import FULL, MEASURES, QUICK, Measure, Scale
from bench.peers import Peer, our_peer, reference_peer
from bench.reference import Missing, find_reference
from bench.results import OURS, REFERENCE, Figure, Results, as_json, as_markdown, as_text

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for and show it; the exit status."""
    options = _parse(arguments)
    scale = QUICK if options.quick else FULL
    rounds = options.rounds or (2 if options.quick else 5)
    measures = [each for each in MEASURES if (each.name in options.only if options.only else each.is_usual)]
    try:
        with contextlib.ExitStack() as stack:
            ground, home = _temporary(stack), _temporary(stack)
            _progress(f"making a folder with a tree of {scale.tree_entries:,} files ...")
            build_ground(ground, scale.tree_entries)
            peers = _peers(options.peers, ground)
            machine = describe_machine()
            figures = _measure(peers, measures, rounds, scale, home)
    except KeyboardInterrupt:
        return 130
    except (Broken, Missing) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    results = Results(
        machine=machine,
        versions={peer.name: peer.version for peer in peers},
        rounds=rounds,
        tree_entries=scale.tree_entries,
        figures=figures,
    )
    print(as_json(results) if options.json else as_text(results))
    if options.record:
        with open(options.record, "w", encoding="utf-8") as file:
            file.write(as_markdown(results))
        _progress(f"recorded in {options.record}")
    return 0


def _measure(peers: Sequence[Peer], measures: Sequence[Measure], rounds: int, scale: Scale, home: str) -> list[Figure]:
    """Take every measure of every peer in turn, round by round, so that all share the machine's moods."""
    taken: dict[str, dict[str, list[float]]] = {
        name: {peer.name: [] for peer in peers} for measure in measures for name in measure.units
    }
    for number in range(rounds):
        for measure in measures:
            for peer in peers if number % 2 == 0 else reversed(peers):
                _progress(f"round {number + 1} of {rounds}: {measure.name}, {peer.name}")
                try:
                    found = measure.take(peer, home, scale)
                except PermissionError as error:
                    _progress(f"{measure.name} of {peer.name} left out: {error.strerror}: {error.filename}")
                    continue
                for name, value in found.items():
                    taken[name][peer.name].append(value)
    return [Figure(name, unit, taken[name]) for measure in measures for name, unit in measure.units.items()]


def _peers(names: Sequence[str], ground: str) -> list[Peer]:
    peers = [our_peer(ground)] if OURS in names else []
    if REFERENCE in names:
        try:
            reference = find_reference(os.path.join(REPOSITORY, ".cache", "node"))
        except Missing as missing:
            _progress(f"without the reference server: {missing}")
        else:
            peers.append(reference_peer(ground, reference.node, reference.script, reference.version))
    if not peers:
        raise Missing("there is nothing to measure: none of the named servers can run")
    return peers


def _temporary(stack: contextlib.ExitStack) -> str:
    place = tempfile.mkdtemp(prefix="fw-bench-")
    stack.callback(shutil.rmtree, place, ignore_errors=True)
    return place


def _progress(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


def _names(choices: Sequence[str], text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in choices]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(choices)}")
    return names


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    measures = [measure.name for measure in MEASURES]
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure Filewarden and the reference filesystem server side by side."
    )
    parser.add_argument("--quick", action="store_true", help="two rounds, fewer calls, a tree of 30,000 files")
    parser.add_argument(
        "--peers", type=lambda text: _names((OURS, REFERENCE), text), default=[OURS, REFERENCE], help="ours,reference"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="how often (default: 5, with --quick 2)")
    parser.add_argument("--only", type=lambda text: _names(measures, text), default=[], help=",".join(measures))
    parser.add_argument("--json", action="store_true", help="print every round as JSON instead of the table")
    parser.add_argument("--record", metavar="FILE", help="also write the table, with the machine, to this file")
    return parser.parse_args(list(arguments))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
