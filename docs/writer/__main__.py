"""Write the generated pages, or with --check say which of them are not as they would be written."""

import sys
from collections.abc import Callable
from pathlib import Path

from docs.writer.commands_page import commands_page
from docs.writer.figures_page import figures_page
from docs.writer.metrics_page import metrics_page
from docs.writer.settings_page import settings_page
from docs.writer.tools_page import tools_page

DOCS = Path(__file__).parent.parent
PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    "reference/figures.md": figures_page,
    "reference/metrics.md": metrics_page,
    "reference/settings.md": settings_page,
    "reference/tools.md": tools_page,
}


def stale() -> list[str]:
    """The pages that are not as they would be written."""
    found = []
    for name, make in PAGES.items():
        path = DOCS / name
        if not path.exists() or path.read_text(encoding="utf-8") != make():
            found.append(name)
    return found


def main() -> int:
    """The exit status."""
    if sys.argv[1:] == ["--check"]:
        names = stale()
        sys.stderr.writelines(f"docs/{name} is not what scripts/docs writes\n" for name in names)
        return 1 if names else 0
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
