"""What is used of uvicorn, without its command line and its logging: 4 MiB and 60 ms that our server has no use for.

The package imports everything when it is imported itself. So its place, and that of what only those parts use, is taken
by a module that becomes the real one when somebody asks it for a name that is no module.
"""

import importlib.util
import logging
import sys

_LATE = ("uvicorn", "click", "configparser", "logging.config")
"""None of them is asked for anything while a server runs, when they could be out of reach."""


def _lay(name: str) -> None:
    spec = importlib.util.find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    module, execute = importlib.util.module_from_spec(spec), spec.loader.exec_module

    def load(attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        del module.__dict__["__getattr__"]
        execute(module)
        return getattr(module, attribute)

    module.__dict__["__getattr__"] = load
    sys.modules[name] = module


for _name in _LATE:
    _lay(_name)
logging.__dict__.setdefault("config", sys.modules["logging.config"])

from uvicorn.config import Config  # noqa: E402 - they must lie there
from uvicorn.protocols.http.flow_control import FlowControl  # noqa: E402
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle  # noqa: E402
from uvicorn.server import ServerState  # noqa: E402

sys.modules["uvicorn"].__dict__.setdefault("Config", Config)  # a module of its own asks the package for it

__all__ = ["Config", "FlowControl", "HttpToolsProtocol", "RequestResponseCycle", "ServerState"]
