"""Where plugins come from: modules, entry points and files that the operator named, and the tools in them."""

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType

from filewarden.workers.catalogue import Catalogue
from filewarden.workers.plugins.api import options_of
from filewarden.workers.plugins.refusal import PluginError
from filewarden.workers.plugins.signature import UnfitFunctionError, tool_of
from filewarden.workers.tool import Tool

GROUP = "filewarden.tools"
"""The group of entry points; each names a module."""
MOST_TOOLS = 200


def with_plugins(catalogue: Catalogue, names: Sequence[str]) -> Catalogue:
    """The catalogue with the tools of every plugin behind its own.

    Raises:
        PluginError: one cannot be loaded, has no tools, or has one that is not fit or is there already.
    """
    tools = list(catalogue.tools)
    for name in names:
        taken = {tool.name for tool in catalogue.tools} | {other for tool in tools for other in tool.other_names}
        tools += _tools(name, load(name), taken | {tool.name for tool in tools})
    if len(tools) - len(catalogue.tools) > MOST_TOOLS:
        raise PluginError(", ".join(names), f"they have more than {MOST_TOOLS} tools together")
    return Catalogue(tools, catalogue.operations, catalogue.prompts, catalogue.templates)


def place_of(name: str) -> str | None:
    """The file of a plugin, or of the package that it lies in, found without running either.

    Raises:
        PluginError: there is none.
    """
    if name.endswith(".py"):
        return name
    package = _module_name(name).partition(".")[0]
    try:
        specification = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        specification = None
    if specification is None:
        raise PluginError(name, f"there is no module {package!r}; is it installed beside Filewarden?")
    return specification.origin


def load(name: str) -> ModuleType:
    """The module of an entry point, of a file `/…/name.py`, or of that name; its top level runs.

    Raises:
        PluginError: there is none, or its top level failed.
    """
    try:
        return _from_file(name) if name.endswith(".py") else importlib.import_module(_module_name(name))
    except PluginError:
        raise
    except ModuleNotFoundError as error:
        raise PluginError(name, f"there is no module {error.name!r}; is it installed beside Filewarden?") from None
    except Exception as error:
        raise PluginError(name, f"it cannot be imported: {type(error).__name__}: {error}") from None


def _module_name(name: str) -> str:
    for entry in importlib.metadata.entry_points(group=GROUP, name=name):
        return entry.module
    return name


def _from_file(path: str) -> ModuleType:
    if not os.path.isabs(path):
        raise PluginError(path, "a file must be named by its absolute path")
    module_name = f"filewarden_plugin_{os.path.basename(path).removesuffix('.py')}"
    specification = importlib.util.spec_from_file_location(module_name, path)
    if specification is None or specification.loader is None or not os.path.isfile(path):
        raise PluginError(path, "there is no such file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[module_name] = module  # annotations are looked up there
    specification.loader.exec_module(module)
    return module


def _tools(plugin: str, module: ModuleType, taken: Iterable[str]) -> list[Tool]:
    names = set(taken)
    tools = []
    for value in tuple(vars(module).values()):
        options = options_of(value)
        if options is None:
            continue
        try:
            tool = tool_of(value, options)
        except UnfitFunctionError as error:
            raise PluginError(plugin, f"{value.__name__} cannot be a tool: {error}") from None
        if tool.name in names:
            raise PluginError(plugin, f"there is a tool {tool.name!r} already")
        names.add(tool.name)
        tools.append(tool)
    if not tools:
        raise PluginError(plugin, "it has no tools: mark functions with @tool of filewarden.workers.plugins.api")
    return tools
