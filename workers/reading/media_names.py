"""What a file's name says about its media type: a short table, the same on every machine, of what projects hold."""

FOLDER = "inode/directory"
PLAIN_TEXT = "text/plain"
BYTES = "application/octet-stream"

_TYPES = {
    "text/plain": "txt text log cfg conf ini lock",
    "text/markdown": "md markdown",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "text/html": "html htm",
    "text/css": "css",
    "text/javascript": "js mjs cjs",
    "text/x-python": "py pyi",
    "text/x-c": "c h cc cpp hpp",
    "text/x-java": "java",
    "text/x-rust": "rs",
    "text/x-go": "go",
    "text/x-ruby": "rb",
    "text/x-shellscript": "sh bash",
    "text/x-typescript": "ts tsx",
    "text/x-rst": "rst",
    "text/x-diff": "diff patch",
    "application/json": "json",
    "application/toml": "toml",
    "application/yaml": "yaml yml",
    "application/xml": "xml",
    "application/sql": "sql",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpg jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/x-icon": "ico",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/ogg": "ogg oga",
    "audio/flac": "flac",
    "audio/mp4": "m4a",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "application/pdf": "pdf",
    "application/zip": "zip whl jar",
    "application/gzip": "gz tgz",
    "application/x-tar": "tar",
    "font/woff2": "woff2",
}
_BY_SUFFIX = {suffix.encode(): name for name, suffixes in _TYPES.items() for suffix in suffixes.split()}
_TEXTS = frozenset(
    {"application/json", "application/toml", "application/yaml", "application/xml", "application/sql", "image/svg+xml"}
)


def type_by_name(name: bytes) -> str | None:
    """Give the media type that a file name's suffix stands for; None for one that is not in the table."""
    stem, dot, suffix = name.rpartition(b".")
    return _BY_SUFFIX.get(suffix.lower()) if stem and dot else None


def is_text(media_type: str) -> bool:
    """Whether files of the type are text."""
    return media_type.startswith("text/") or media_type in _TEXTS
