"""`scripts/conformance`: run the official suites against the fixture server and the product, and record the outcome."""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.conformance.expectations import Expectation, Verdict, judge, part_of, read_expectations
from tests.conformance.legs import LEGS, Leg
from tests.conformance.peers import PEERS, StartError, running
from tests.conformance.report import Section, as_page, as_text
from tests.conformance.suite import BrokenRunError, Suites

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "conformance.md"
TITLES = {"fixture": "The fixture server", "product": "The product"}


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; 0 when every leg came to what is expected of it."""
    options = _parse(arguments)
    suites = Suites(Path(options.node))
    legs = [leg for leg in LEGS if not options.leg or leg.name in options.leg]
    expected = {"product": read_expectations(HERE / "product.toml")}
    try:
        sections = {
            name: Section(TITLES[name], _run(suites, name, legs, expected.get(name, ()))) for name in options.server
        }
    except (BrokenRunError, StartError) as error:
        sys.stderr.write(f"conformance: {error}\n")
        return 1
    for section in sections.values():
        sys.stdout.write(as_text(section) + "\n\n")
    complaints = _off_target(sections, legs)
    if legs == list(LEGS) and options.server == list(PEERS):
        page = as_page(list(sections.values()), {TITLES[name]: entries for name, entries in expected.items()})
        complaints += _keep(page, only_check=options.check)
    sys.stdout.writelines(f"{sentence}\n" for sentence in complaints)
    is_good = all(verdict.is_good for section in sections.values() for verdict in section.verdicts)
    return 0 if is_good and not complaints else 1


def _run(suites: Suites, name: str, legs: Sequence[Leg], expected: Sequence[Expectation]) -> list[Verdict]:
    """One server for all legs, as a user's would be."""
    with tempfile.TemporaryDirectory(prefix="fw-conformance-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        root = place / "root"
        root.mkdir(mode=0o755)
        (root / "README.md").write_text("# A file to list\n", encoding="utf-8")
        verdicts = []
        with running(PEERS[name], str(root), str(place / "state")) as url:
            for leg in legs:
                sys.stderr.write(f"conformance: {name}: {leg.name} ...\n")
                results = place / leg.name.replace(" ", "-")
                results.mkdir()
                scenarios = suites.run(leg, url, results)
                verdicts.append(judge(leg.name, scenarios, expected))
                if leg.part:
                    verdicts.append(part_of(leg, scenarios))
        return verdicts


def _off_target(sections: Mapping[str, Section], legs: Sequence[Leg]) -> list[str]:
    """A suite that runs fewer checks than it has would pass them all."""
    if "fixture" not in sections:
        return []
    passed = {verdict.leg: verdict.passed for verdict in sections["fixture"].verdicts}
    return [
        f"{leg.name}: {passed[leg.name]} checks passed, {leg.target} are known to be there"
        for leg in legs
        if passed[leg.name] != leg.target
    ]


def _keep(page: str, *, only_check: bool) -> list[str]:
    if not only_check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        return ["docs/conformance.md tells something else: run scripts/conformance and commit what it writes"]
    return []


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("--node", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--leg", action="append", choices=[leg.name for leg in LEGS], help="only this leg; repeatable")
    parser.add_argument("--server", action="append", choices=list(PEERS), help="only this server; repeatable")
    parser.add_argument("--check", action="store_true", help="leave docs/conformance.md, and fail if it differs")
    options = parser.parse_args(list(arguments))
    options.server = options.server or list(PEERS)
    return options


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
