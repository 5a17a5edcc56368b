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
_PATH = (Code.ACCESS_DENIED, Code.NOT_FOUND)
_CHANGE = (Code.READ_ONLY, Code.CONFLICT, Code.CONFIRMATION_REQUIRED, Code.DECLINED)
_OWN: dict[str, tuple[Code, ...]] = {
    "list_directory": (*_PATH, Code.NOT_A_DIRECTORY),
    "read_file": (*_PATH, Code.NOT_A_FILE, Code.TOO_LARGE, Code.UNSUPPORTED),
    "search_files": (*_PATH, Code.NOT_A_DIRECTORY),
    "get_file_info": (*_PATH, Code.NOT_A_FILE, Code.TOO_LARGE),
    "search_text": (*_PATH, Code.UNSUPPORTED),
    "directory_tree": (*_PATH, Code.NOT_A_DIRECTORY),
    "read_multiple_files": (*_PATH, Code.NOT_A_FILE, Code.TOO_LARGE, Code.UNSUPPORTED),
    "read_media_file": (*_PATH, Code.NOT_A_FILE, Code.TOO_LARGE, Code.UNSUPPORTED),
    "list_allowed_directories": (),
    "write_file": (*_PATH, *_CHANGE, Code.ALREADY_EXISTS, Code.NOT_A_FILE, Code.NOT_A_DIRECTORY, Code.TOO_LARGE),
    "edit_file": (*_PATH, *_CHANGE, Code.NOT_A_FILE, Code.TOO_LARGE, Code.UNSUPPORTED),
    "create_directory": (*_PATH, *_CHANGE, Code.ALREADY_EXISTS, Code.NOT_A_DIRECTORY),
    "move_file": (*_PATH, *_CHANGE, Code.ALREADY_EXISTS, Code.NOT_A_FILE, Code.NOT_A_DIRECTORY, Code.UNSUPPORTED),
    "copy_file": (*_PATH, *_CHANGE, Code.ALREADY_EXISTS, Code.NOT_A_FILE, Code.TOO_LARGE, Code.UNSUPPORTED),
    "delete_file": (*_PATH, *_CHANGE, Code.NOT_A_FILE, Code.UNSUPPORTED),
    "restore_deleted": (*_PATH, *_CHANGE, Code.ALREADY_EXISTS),
    "list_changes": _PATH,
    "undo_change": (*_PATH, *_CHANGE, Code.ALREADY_EXISTS, Code.UNSUPPORTED),
}


def errors_of(tool: Tool) -> tuple[Code, ...]:
    """What it says beside `EVERY_CALL`. A tool that is missing here is an error of the build."""
    return _OWN[tool.name]
