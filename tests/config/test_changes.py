"""What a reload says that it has changed."""

from msgspec.structs import replace

from filewarden.config.changes import changes
from filewarden.config.sections.limits import LimitSettings
from filewarden.config.sections.pool import PoolSettings
from filewarden.config.sections.profiles import ProfileSettings
from filewarden.config.sections.roots import RootSettings
from filewarden.config.settings import Settings

BEFORE = Settings(roots=(RootSettings(path="/a", name="a"), RootSettings(path="/b", name="b")))


def test_equal_settings_have_no_differences() -> None:
    assert changes(BEFORE, replace(BEFORE, roots=tuple(reversed(BEFORE.roots)))) == ()


def test_settings_go_by_their_keys_and_roots_by_their_names() -> None:
    after = replace(
        BEFORE,
        roots=(RootSettings(path="/b", name="b", deny=("*.key", "\x1b[2J")), RootSettings(path="/c", name="c\n")),
        pool=PoolSettings(workers=7),
    )
    assert changes(BEFORE, after) == (
        "roots.a: removed",
        'roots.b.deny: [] -> ["*.key", "\\u001b[2J"]',
        "roots.c\\n: added",
        f"pool.workers: {PoolSettings().workers} -> 7",
    )


def test_settings_of_profiles_go_by_the_name_of_the_profile() -> None:
    def of(**limits: int) -> Settings:
        roots = (RootSettings(path="/a", name="a", mode="rw" if limits else "ro"),)
        return Settings(profiles=(ProfileSettings(name="builds", roots=roots, limits=LimitSettings(**limits)),))

    assert changes(of(), of(queue=7)) == (
        'profiles.builds.roots.a.mode: "ro" -> "rw"',
        f"profiles.builds.limits.queue: {LimitSettings().queue} -> 7",
    )
    assert changes(Settings(), of()) == ("profiles.builds: added",)
