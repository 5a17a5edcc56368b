"""Which codes a tool fails with, by what it does; the reference of tools and the page on trouble are made of that."""

from filewarden.workers.errors import Code
from filewarden.workers.tool import Tool

EVERY_CALL = (
    Code.INVALID_ARGUMENT,
    Code.TIMEOUT,
    Code.MEMORY_LIMIT,
    Code.OVERLOADED,
    Code.CANCELLED,
    Code.WORKER_CRASHED,
    Code.IO_ERROR,
)
"""What any call may end with."""
_PATH = (Code.ACCESS_DENIED, Code.NOT_FOUND, Code.NOT_A_DIRECTORY)
_FILE = (*_PATH, Code.NOT_A_FILE, Code.TOO_LARGE, Code.UNSUPPORTED)
_CHANGE = (
    *(*_PATH, Code.READ_ONLY, Code.CONFLICT, Code.TOO_LARGE, Code.UNSUPPORTED),
    *(Code.CONFIRMATION_REQUIRED, Code.DECLINED),
)
_OWN: dict[str, tuple[Code, ...]] = {
    "list_directory": _PATH,
    "read_file": _FILE,
    "search_files": _PATH,
    "get_file_info": (*_PATH, Code.NOT_A_FILE),
    "search_text": (*_PATH, Code.UNSUPPORTED),
    "directory_tree": _PATH,
    "read_multiple_files": _FILE,
    "read_media_file": _FILE,
    "list_allowed_directories": (),
    "write_file": (*_CHANGE, Code.ALREADY_EXISTS, Code.NOT_A_FILE),
    "edit_file": (*_CHANGE, Code.NOT_A_FILE),
    "create_directory": (*_CHANGE, Code.ALREADY_EXISTS),
    "move_file": (*_CHANGE, Code.ALREADY_EXISTS, Code.NOT_A_FILE),
    "copy_file": (*_CHANGE, Code.ALREADY_EXISTS, Code.NOT_A_FILE),
    "delete_file": (*_CHANGE, Code.NOT_A_FILE),
    "restore_deleted": (*_CHANGE, Code.ALREADY_EXISTS),
    "list_changes": (*_PATH, Code.UNSUPPORTED),
    "undo_change": (*_CHANGE, Code.ALREADY_EXISTS),
}


def errors_of(tool: Tool) -> tuple[Code, ...]:
    """What it says beside `EVERY_CALL`. A tool that is missing here is an error of the build."""
    return _OWN[tool.name]
