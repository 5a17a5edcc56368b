"""The durable writes that are compared."""

from pathlib import Path

import pytest

from bench import writes
from bench.peers import our_peer


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BATCH", "IN_FLIGHT", "NAMES"):
        monkeypatch.setattr(writes, name, 2)
    monkeypatch.setattr(writes, "QUICK_BATCHES", 1)


@pytest.mark.integration
def test_both_write_the_same_and_every_figure_is_taken(short: None, tmp_path: Path) -> None:
    for folder in (tmp_path / "ground", tmp_path / "home"):
        folder.mkdir()
        folder.chmod(0o755)
    figures = writes.compare(our_peer(str(tmp_path / "ground")), str(tmp_path / "home"), is_quick=True)
    assert figures.keys() == writes.FIGURES.keys()
    assert all(figure > 0 for figure in figures.values())
    written = {path.name: path.read_text() for path in (tmp_path / "ground" / writes.FOLDER).iterdir()}
    assert set(written.values()) == {writes.CONTENT}
    for kind in ("bare", "alone", "several"):
        assert len([name for name in written if name.startswith(f"{kind}-new-")]) == 4
        assert len([name for name in written if name.startswith(f"{kind}-")]) == 6
