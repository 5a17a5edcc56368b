"""The profiles together: each with what it says itself and what it takes from outside, and nobody in two of them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

import msgspec

from filewarden.config.errors import Problem
from filewarden.config.principals import SUBJECT, TOKEN, Clientele, can_be_same, principal_fault
from filewarden.config.root_policy import lies_in
from filewarden.config.roots import DEFAULT, Roots
from filewarden.config.sections.profiles import OVERRIDDEN, ProfileSettings
from filewarden.config.sections.roots import RootSettings
from filewarden.config.settings import Settings
from filewarden.config.sources import Given, GivenProfile, GivenRoot
from filewarden.config.values import written

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
OUTSIDE = ""
"""What stands outside of all profiles goes by this name."""


class Profiles(msgspec.Struct, kw_only=True):
    """The profiles that are fit to be served, the origin of what they say, and what was found on the way."""

    settings: list[ProfileSettings] = []
    spellings: dict[str, tuple[str, ...]] = {}
    origins: dict[str, str] = {}
    problems: list[Problem] = []
    warnings: list[str] = []


def read_profiles(
    given: Sequence[GivenProfile],
    outside: Mapping[str, Given],
    outer: Roots,
    settings_of: Callable[[Mapping[str, Given]], Settings],
    read: Callable[[Sequence[GivenRoot], str], Roots],
) -> Profiles:
    """Put each profile together; `outside` and `outer` are what it takes over where it says nothing itself.

    `settings_of` makes settings of values, `read` checks the roots below a dotted key.
    """
    found = Profiles()
    for number, profile in enumerate(given):
        key = f"profiles.{number}"
        own = profile.fields
        if "name" not in own:
            continue
        sections = settings_of({**outside, **profile.values})
        roots = outer if profile.roots is None else read(profile.roots, f"{key}.roots")
        principals = own["principals"].value if "principals" in own else ()
        made = ProfileSettings(
            name=str(own["name"].value),
            principals=tuple(map(str, principals)) if isinstance(principals, tuple) else (),
            start="server" if "start" in own and own["start"].value == "server" else "first-call",
            roots=tuple(roots.settings),
            **{name: getattr(sections, name) for name in OVERRIDDEN},
        )
        found.settings.append(made)
        found.spellings[made.name] = tuple(roots.spellings)
        found.origins |= {f"{key}.{name}": DEFAULT for name in ("principals", "start")}
        found.origins |= {f"{key}.{name}": one.origin for name, one in (*own.items(), *profile.values.items())}
        if profile.roots is not None:
            found.origins |= roots.origins
            found.problems += roots.problems
            found.warnings += roots.warnings
        found.problems += _faults(key, made, own["name"].origin)
    found.problems += _common_faults(found)
    found.warnings += _overlaps(outer.settings, found.settings)
    return found


def settings_for(settings: Settings, name: str) -> Settings:
    """What a profile's callers are served by; `OUTSIDE` is everybody else's."""
    plain = msgspec.structs.replace(settings, profiles=())
    if name == OUTSIDE:
        return plain
    profile = next(each for each in settings.profiles if each.name == name)
    own = {section: getattr(profile, section) for section in OVERRIDDEN}
    own["tools"] = msgspec.structs.replace(profile.tools, plugins=settings.tools.plugins)
    return msgspec.structs.replace(plain, roots=profile.roots, **own)


def is_served(settings: Settings, name: str) -> bool:
    """Whether anybody is served by a profile, or by what stands outside of them."""
    return name != OUTSIDE or settings.access.others == "serve"


def served_names(settings: Settings) -> list[str]:
    """Every profile that somebody is served by, what stands outside of them first."""
    names = [OUTSIDE, *(profile.name for profile in settings.profiles)]
    return [name for name in names if is_served(settings, name)]


def starting_names(settings: Settings) -> list[str]:
    """The profiles whose workers are started with the server."""
    at_once = {OUTSIDE, *(profile.name for profile in settings.profiles if profile.start == "server")}
    return [name for name in served_names(settings) if name in at_once]


def all_roots(settings: Settings) -> list[RootSettings]:
    """Every root that anybody is served, each folder once: as it may be written to, where anybody may."""
    found: dict[str, RootSettings] = {}
    for root in (*settings.roots, *(root for profile in settings.profiles for root in profile.roots)):
        if root.path not in found or root.mode == "rw":
            found[root.path] = root
    return list(found.values())


def _faults(key: str, profile: ProfileSettings, origin: str) -> Iterator[Problem]:
    if _NAME.fullmatch(profile.name) is None:
        yield Problem(f"{key}.name", origin, "must be of a-z, 0-9, - and _", written(profile.name))
    pool = profile.pool
    if pool.scan_workers > pool.workers - 1:
        sentence = f"must be at most {pool.workers - 1}, one less than the profile's pool.workers = {pool.workers}"
        yield Problem(f"{key}.pool.scan_workers", origin, sentence, written(pool.scan_workers))
    for principal in profile.principals:
        if fault := principal_fault(principal):
            yield Problem(f"{key}.principals", origin, fault, written(principal))


def _common_faults(found: Profiles) -> Iterator[Problem]:
    """Names that are taken, and principals that two profiles name."""
    for (_, one), (number, other) in combinations(enumerate(found.settings), 2):
        origin = found.origins[f"profiles.{number}.name"]
        if one.name == other.name:
            yield Problem(f"profiles.{number}.name", origin, "is the name of another profile too", written(other.name))
        for theirs in other.principals:
            same = next((ours for ours in one.principals if can_be_same(ours, theirs)), None)
            if same is not None:
                sentence = f'could be somebody of the profile "{one.name}" too ({written(same)}): each has one profile'
                yield Problem(f"profiles.{number}.principals", origin, sentence, written(theirs))


def access_faults(settings: Settings, origins: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with the profiles of a server that has its listener, or its stdio."""
    access, http = settings.access, settings.http
    if len(settings.profiles) > access.max_profiles:
        sentence = f"there are {len(settings.profiles)} profiles; access.max_profiles allows {access.max_profiles}"
        yield Problem("profiles", "", sentence)
    names = [profile.name for profile in settings.profiles]
    if access.profile and access.profile not in names:
        valid = f"there are {', '.join(names)}" if names else "there are none"
        yield Problem("access.profile", origins["access.profile"], f"there is no such profile: {valid}", access.profile)
    if not http.enabled:
        if names and access.others == "refuse" and not access.profile:
            yield Problem("access.profile", "", 'must name the profile to serve where access.others = "refuse"')
        return
    if access.profile:
        sentence = "is for stdio: over HTTP the principals of each profile say whom it serves"
        yield Problem("access.profile", origins["access.profile"], sentence, written(access.profile))
    if access.others == "refuse" and not names:
        yield Problem("access.others", origins["access.others"], "leaves nobody to serve: there are no profiles")
    for number, profile in enumerate(settings.profiles):
        key, origin = f"profiles.{number}.principals", origins[f"profiles.{number}.name"]
        if http.auth == "none":
            yield Problem(key, origin, 'cannot be told apart with http.auth = "none"')
        elif not http.issuer and any(who.startswith(SUBJECT) for who in profile.principals):
            yield Problem(key, origin, f'need http.issuer: "{SUBJECT}..." are subjects of its tokens')


def clientele(settings: Settings) -> Clientele:
    """Which profile serves which subjects of the issuer."""
    named = ((profile.name, profile.principals) for profile in settings.profiles)
    return Clientele(named, OUTSIDE if settings.access.others == "serve" else None)


def token_names(settings: Settings) -> dict[str, str]:
    """The profile of each named token, by the token's name."""
    return {
        who.removeprefix(TOKEN): profile.name
        for profile in settings.profiles
        for who in profile.principals
        if who.startswith(TOKEN)
    }


def _overlaps(outer: Sequence[RootSettings], profiles: Sequence[ProfileSettings]) -> Iterator[str]:
    """Folders that two profiles see in different ways: what one may not change, another may."""
    sides = [("outside of all profiles", tuple(outer))]
    sides += [(f'of the profile "{each.name}"', each.roots) for each in profiles]
    for (whose, ours), (whose_else, theirs) in combinations(sides, 2):
        for one in ours:
            for other in theirs:
                is_shared = lies_in(one.path, other.path) or lies_in(other.path, one.path)
                if is_shared and (one.mode, one.deny) != (other.mode, other.deny):
                    yield (
                        f'the root "{other.name}" {whose_else} shares files with the root "{one.name}" {whose}, with '
                        f"another mode or other deny rules: {other.path} ({other.mode}), {one.path} ({one.mode})"
                    )
