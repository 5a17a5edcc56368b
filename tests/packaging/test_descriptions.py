"""What stands beside the package for registries, containers and service managers."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the package has no types
import pytest

from filewarden.config.folders import runtime_folder

REPOSITORY = Path(__file__).parent.parent.parent
UNITS = REPOSITORY / "deploy" / "systemd"
DOCKERFILE = REPOSITORY / "deploy" / "docker" / "Dockerfile"
PACKAGES = {"broker", "config", "transports", "workers"}
MOST_EXPOSURE = 3.0
"""Of systemd's scale from 0 (nothing allowed) to 10."""


@pytest.fixture
def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return table


def described(*names: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(REPOSITORY.joinpath(*names).read_text())
    return document


def test_the_registry_entry_fits_its_schema_and_this_version(project: dict[str, Any]) -> None:
    entry = described("server.json")
    schema = described("tests", "schemas", "registry-server.schema.json")
    jsonschema.Draft7Validator(schema).validate(entry)
    (package,) = entry["packages"]
    assert (package["identifier"], package["version"]) == (project["name"], project["version"])
    assert entry["version"] == project["version"]
    assert package["packageArguments"][0]["value"] == "serve"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate({**entry, "description": "x" * 101})


def test_the_readme_names_the_registry_entry() -> None:
    """The registry believes that a package is ours when its README says so."""
    name = described("server.json")["name"]
    assert f"mcp-name: {name}" in (REPOSITORY / "README.md").read_text()


def test_the_bundle_is_of_this_version_and_for_what_we_support(project: dict[str, Any]) -> None:
    manifest = described("packaging", "mcpb", "manifest.json")
    assert manifest["version"] == project["version"]
    assert manifest["license"] == project["license"]
    assert manifest["compatibility"] == {
        "platforms": ["linux"],
        "runtimes": {"python": project["requires-python"]},
    }
    assert manifest["user_config"]["folders"]["type"] == "directory"
    assert "${user_config.folders}" in manifest["server"]["mcp_config"]["args"]


def test_the_container_file_has_no_faults() -> None:
    lint = shutil.which("hadolint", path=f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}")
    if lint is None:
        assert not os.environ.get("CI"), "hadolint is among the development packages and not here"
        pytest.skip("there is no hadolint for this machine")
    done = subprocess.run([lint, str(DOCKERFILE)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout


def test_the_container_gets_all_that_the_package_is_made_of(project: dict[str, Any]) -> None:
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE.read_text(), re.MULTILINE)
        for word in line.split()[:-1]
    }
    assert copied == {"pyproject.toml", project["readme"], *project["license-files"], "MANIFEST.in", *PACKAGES}
    assert all((REPOSITORY / name).exists() for name in copied)
    let_in = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert let_in == copied


def test_the_source_archive_has_all_that_the_documents_lead_to_and_nothing_twice() -> None:
    rules = [line.split() for line in (REPOSITORY / "MANIFEST.in").read_text().splitlines()]
    folders = {name for kind, *names in rules if kind == "graft" for name in names}
    packed = folders | {name for kind, *names in rules if kind == "include" for name in names} | PACKAGES
    pages = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]
    led_to = {
        (page.parent / target).resolve().relative_to(REPOSITORY.resolve()).parts[0]
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)[^)]*\)", page.read_text())
        if "://" not in target and (page.parent / target).exists()
    }
    assert {page.name for page in REPOSITORY.glob("*.md")} | led_to <= packed
    followed = [path for folder in folders for path in (REPOSITORY / folder).rglob("*") if path.is_symlink()]
    assert not [path for path in followed if path.is_dir() and "node_modules" not in path.parts]


@pytest.fixture
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        assert not os.environ.get("CI"), "continuous integration installs systemd-analyze"
        pytest.skip("systemd-analyze is not installed")
    return program


def test_systemd_takes_the_units(analyze: str, tmp_path: Path) -> None:
    """All but the path of the program, which is the administrator's to install."""
    units = sorted(UNITS.iterdir())
    assert [unit.name for unit in units] == ["filewarden-user.service", "filewarden.service", "filewarden.socket"]
    for unit in units:
        text, count = re.subn(
            r"^ExecStart=\S+ serve", "ExecStart=/bin/true serve", unit.read_text(), flags=re.MULTILINE
        )
        assert count == (unit.suffix == ".service")
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        [analyze, "verify", "--man=no", *(str(tmp_path / unit.name) for unit in units)],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert [line for line in done.stderr.splitlines() if "filewarden" in line] == []
    (tmp_path / "filewarden.socket").write_text("[Socket]\nListenStreem=1\n")
    again = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / "filewarden.socket")], capture_output=True, text=True, timeout=30
    )
    assert "filewarden.socket" in again.stderr


def test_the_commands_that_look_for_the_service_look_where_it_is() -> None:
    unit = (UNITS / "filewarden.service").read_text()
    variables = dict(word.split("=") for word in re.findall(r"^Environment=(.*)$", unit, re.MULTILINE)[0].split())
    guide = (REPOSITORY / "docs" / "operating.md").read_text()
    typed = re.findall(r"sudo -u filewarden (\w+)=(\S+) filewarden (?:status|reload)", guide)
    assert len(typed) == 2
    at_home = {"home": "/nonexistent", "run_user": "/nonexistent"}
    for name, value in typed:
        assert runtime_folder({name: value}, 999, **at_home) == runtime_folder(variables, 999, **at_home)


@pytest.mark.parametrize("name", ["filewarden.service", "filewarden-user.service"])
def test_the_units_leave_the_workers_openat2(name: str) -> None:
    """systemd cannot see the mode that it would make, so this line lets it fail, and the sandbox is not full."""
    lines = (UNITS / name).read_text().splitlines()
    assert [line for line in lines if line.startswith("RestrictSUIDSGID=")] == []


def test_the_unit_exposes_little(analyze: str) -> None:
    done = subprocess.run(
        [analyze, "security", "--offline=yes", "--no-pager", str(UNITS / "filewarden.service")],
        capture_output=True,
        text=True,
        timeout=30,
    )
    found = re.search(r"Overall exposure level for filewarden\.service: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSURE
