"""The benchmark's command: ours and the reference server, side by side in one run."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from bench import promises
from bench.capacity.plan import as_text as plan_as_text, plan
from bench.check import check
from bench.connection import Broken
from bench.gallery import record, recorded
from bench.goals import MEASURES as OF_GOALS, as_rows, judge
from bench.ground import build_ground, temporary
from bench.growth import measure
from bench.machine import describe_machine
from bench.measures import FULL, MEASURES, QUICK, Measure
from bench.peers import Peer, floor_peer, original_peer, our_peer, plain_peer, reference_peer
from bench.reference import Missing, find_reference
from bench.results import (
    FLOOR,
    KEPT,
    ORIGINAL,
    OURS,
    PLAIN,
    REFERENCE,
    Results,
    aligned,
    as_json,
    as_markdown,
    as_text,
)
from bench.rounds import Rounds, progress
from bench.sdk import sdk_python

EVERYONE = (OURS, REFERENCE, ORIGINAL, PLAIN, FLOOR)
ORIGINAL_VARIABLE = "FILEWARDEN_BENCH_ORIGINAL"
REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for and show it; the exit status."""
    options = _parse(arguments)
    if options.check or options.renew:
        return check(renews=options.renew)
    if options.growth:
        return _grow()
    if options.redraw:
        record(recorded())
        return 0
    if options.capacity:
        print(plan_as_text(plan(recorded(), cores=options.cores, think_s=options.think)))
        return 0
    scale = QUICK if options.quick else FULL
    rounds = options.rounds or (2 if options.quick else 5)
    wanted = options.only or (
        OF_GOALS if options.peers == EVERYONE else [each.name for each in MEASURES if each.is_usual]
    )
    measures = [each for each in MEASURES if each.name in wanted]
    try:
        with contextlib.ExitStack() as stack:
            ground, home = temporary(stack), temporary(stack)
            progress(f"making a folder with a tree of {scale.tree_entries:,} files ...")
            build_ground(ground, scale.tree_entries)
            peers = _peers(options, ground, measures)
            machine = describe_machine()
            taking = Rounds(peers, measures, scale, home)
            figures = taking.take(rounds, options.within * 60)
    except KeyboardInterrupt:
        return 130
    except (Broken, Missing) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    results = Results(
        machine=machine,
        versions={peer.name: peer.version for peer in peers},
        rounds=max(len(each) for figure in figures for each in figure.rounds.values()),
        tree_entries=scale.tree_entries,
        figures=figures,
    )
    print(as_json(results) if options.json else as_text(results))
    verdicts = as_rows(judge(results)) if options.peers == EVERYONE else []
    for rows in (verdicts, promises.as_rows(results)):
        if rows and not options.json:
            print("\n" + aligned(rows))
    if options.record:
        _record(options.record, as_markdown(results, verdicts))
        progress(f"recorded in {options.record}")
    return 1 if taking.broken else 0


def _grow() -> int:
    """Measure how figures grow, keep them and draw them; the exit status."""
    with contextlib.ExitStack() as stack:
        ground, home = temporary(stack), temporary(stack)
        build_ground(ground, 1000)
        try:
            record(measure(describe_machine(), our_peer(ground), home))
        except Broken as error:
            progress(str(error))
            return 1
    return 0


def _record(path: str, text: str) -> None:
    """Write the page; what stands below the mark, taken at other times, is kept."""
    kept = ""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        kept = "".join(file.read().partition(KEPT)[1:])
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{text}\n{kept}" if kept else text)


def _peers(options: argparse.Namespace, ground: str, measures: Sequence[Measure]) -> list[Peer]:
    found = [_peer(name, options, ground) for name in options.peers if any(name in measure.of for measure in measures)]
    peers = [peer for peer in found if peer is not None]
    if not peers:
        raise Missing("there is nothing to measure: none of the named servers can run")
    return peers


def _peer(name: str, options: argparse.Namespace, ground: str) -> Peer | None:
    """None, and a sentence, where it cannot be had."""
    if name == OURS:
        return our_peer(ground)
    if name == FLOOR:
        return floor_peer(ground)
    if name == REFERENCE:
        try:
            reference = find_reference(os.path.join(REPOSITORY, ".cache", "node"))
        except Missing as missing:
            progress(f"without the reference server: {missing}")
            return None
        return reference_peer(ground, reference.node, reference.script, reference.version)
    if name == ORIGINAL:
        if not options.original:
            progress(f"without the single-file server: name a copy with --original or {ORIGINAL_VARIABLE}")
            return None
        return original_peer(ground, os.path.abspath(options.original))
    python = sdk_python(os.path.join(REPOSITORY, ".cache"))
    if python is None:
        progress("without the plain server: the official SDK cannot be installed")
        return None
    return plain_peer(ground, python)


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
        "--peers",
        type=lambda text: tuple(_names(EVERYONE, text)),
        nargs="?",
        default=(OURS, REFERENCE),
        const=EVERYONE,
        help=f"some of {','.join(EVERYONE)} (default: the first two); without a name all, and what we are held to",
    )
    parser.add_argument(
        "--original",
        metavar="FILE",
        default=os.environ.get(ORIGINAL_VARIABLE, ""),
        help=f"the single-file server to compare with ({ORIGINAL_VARIABLE})",
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="how often (default: 5, with --quick 2)")
    parser.add_argument(
        "--within",
        type=float,
        metavar="MINUTES",
        default=10.0,
        help="begin no round that would end later (default: 10)",
    )
    parser.add_argument("--only", type=lambda text: _names(measures, text), default=[], help=",".join(measures))
    parser.add_argument("--check", action="store_true", help="compare with the recorded ratios to the floor, briefly")
    parser.add_argument("--renew", action="store_true", help="record these ratios anew in bench/ratios.json")
    parser.add_argument(
        "--growth", action="store_true", help="measure how figures grow; bench/growth.json, bench/plots"
    )
    parser.add_argument("--redraw", action="store_true", help="draw bench/plots from bench/growth.json")
    parser.add_argument("--capacity", action="store_true", help="simulate replicas from the recorded growth")
    parser.add_argument("--cores", type=int, default=4, metavar="N", help="of a simulated replica (default: 4)")
    parser.add_argument("--think", type=float, default=10.0, metavar="S", help="between two calls of a simulated agent")
    parser.add_argument("--json", action="store_true", help="print every round as JSON instead of the table")
    parser.add_argument("--record", metavar="FILE", help="also write the table, with the machine, to this file")
    return parser.parse_args(list(arguments))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
