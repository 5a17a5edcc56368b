"""What a client asks a walk to leave out, as globs of files and folders."""

from collections.abc import Callable

from filewarden.workers.paths.globs import compile_glob


def exclusion(patterns: tuple[str, ...], *, ignore_case: bool = False) -> Callable[[bytes, bytes], bool] | None:
    """Whether a pattern matches the name, wherever it lies, or the path when it has a `/`; folders go as a whole.

    The first argument is a folder's path, empty or with a slash at its end, the second a name in it.
    """
    if not patterns:
        return None
    whole = [_whole(pattern) for pattern in patterns]
    matchers = [compile_glob(one, anywhere="/" not in one, ignore_case=ignore_case) for one in whole]
    by_name = [matcher.name.fullmatch for matcher in matchers if matcher.name is not None]
    by_path = [matcher.expression.fullmatch for matcher in matchers if matcher.name is None]

    def excludes(folder: bytes, name: bytes) -> bool:
        if any(matches(name) for matches in by_name):
            return True
        return bool(by_path) and any(matches(folder + name) for matches in by_path)

    return excludes


def _whole(pattern: str) -> str:
    return pattern.removesuffix("/**").removesuffix("/") or pattern
