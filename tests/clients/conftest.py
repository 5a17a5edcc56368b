"""Node with the pinned clients, and the two servers that every client visits: the product and the fixture server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conformance.peers import FIXTURE, PRODUCT, running, serve_environment

REPOSITORY = Path(__file__).parent.parent.parent
INSTALL_S = 300
TEXT = "# My Project\n"


class Servers(NamedTuple):
    """The root that both serve, the environment of those on stdio, and the addresses of those on HTTP."""

    root: Path
    environ: dict[str, str]
    product_url: str
    fixture_url: str

    @property
    def resource(self) -> str:
        """The URI of a file that the product serves."""
        return (self.root / "README.md").as_uri()

    def target(self, server: str, transport: str) -> dict[str, object]:
        """How a client is told to reach one of them."""
        if transport == "stdio":
            program = PRODUCT if server == "product" else FIXTURE
            return {"command": sys.executable, "args": [*program, "serve", str(self.root)], "env": self.environ}
        url = self.product_url if server == "product" else self.fixture_url
        return {"url": url if transport == "http" else url.removesuffix("/mcp") + "/sse"}


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Both servers over HTTP, for all tests; on stdio each client starts its own."""
    folder = tmp_path_factory.mktemp("clients")
    root = folder / "project"
    root.mkdir()
    root.chmod(0o755)
    (root / "README.md").write_text(TEXT)
    (root / "README.md").chmod(0o644)
    environ = serve_environment(str(folder / "state"))
    with (
        running(PRODUCT, str(root), str(folder / "product")) as product,
        running(FIXTURE, str(root), str(folder / "fixture")) as fixture,
    ):
        yield Servers(root, environ, product, fixture)


def node_folder(packages: Path) -> Path:
    """The folder with `bin/node` and what `packages` pins; installed at first need."""
    done = subprocess.run(
        [str(REPOSITORY / "scripts" / "node"), str(packages)], capture_output=True, text=True, timeout=INSTALL_S
    )
    if done.returncode:
        reason = f"the Node clients cannot be installed: {done.stderr}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def node_packages() -> Path:
    """The folder with `bin/node` and the clients."""
    return node_folder(Path(__file__).parent)
