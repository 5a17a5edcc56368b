"""What is used of uvicorn, without its command line: 2 MiB and 40 ms that a server of our own has no use for.

The package imports everything when it is imported itself. So its place is taken by a package that does so only when
somebody asks it for a name that is no module.
"""

import importlib.util
import sys


def _lay_package(name: str) -> None:
    spec = importlib.util.find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    package, execute = importlib.util.module_from_spec(spec), spec.loader.exec_module

    def load(attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        del package.__dict__["__getattr__"]
        execute(package)
        return getattr(package, attribute)

    package.__dict__["__getattr__"] = load
    sys.modules[name] = package


_lay_package("uvicorn")

from uvicorn.config import Config  # noqa: E402 - the package must lie there
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle  # noqa: E402
from uvicorn.server import ServerState  # noqa: E402

sys.modules["uvicorn"].__dict__.setdefault("Config", Config)  # a module of its own asks the package for it

__all__ = ["Config", "HttpToolsProtocol", "RequestResponseCycle", "ServerState"]
