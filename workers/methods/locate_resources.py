"""The operation behind `resources/subscribe`: which paths the addresses name that may be watched."""

from typing import TYPE_CHECKING

from filewarden.workers.operations import LocatedResources, LocateResources
from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context


def run(context: "Context", arguments: LocateResources) -> LocatedResources:
    """Locate each."""
    return LocatedResources(tuple(_path(context, uri) for uri in arguments.uris))


def _path(context: "Context", uri: str) -> str | None:
    """The path, as every tool takes it; None where nothing is that a client may know of."""
    from filewarden.workers.errors import ToolFailure
    from filewarden.workers.paths.file_uris import path_of

    try:
        path = path_of(uri)
        context.space.resolve(path).close()
    except ToolFailure:
        return None
    return path


OPERATION = Tool(
    name="resources/subscribe",
    title="Locate resources",
    description="The paths of what is to be watched.",
    arguments=LocateResources,
    result=LocatedResources,
    run=run,
)
