"""The `[access]` table: who is served by what, where there are profiles."""

from typing import Annotated, Literal

from msgspec import Meta

from filewarden.config.sections.section import Section


class AccessSettings(Section, frozen=True, kw_only=True):
    """Whom the settings outside of [[profiles]] are for, and how many profiles there may be."""

    others: Annotated[
        Literal["serve", "refuse"],
        Meta(
            description='Whoever no profile names: "serve" gives them what stands outside of [[profiles]], "refuse" '
            "lets nobody in but those of a profile."
        ),
    ] = "serve"
    profile: Annotated[
        str,
        Meta(
            max_length=32,
            description='The profile that a server on stdio serves; "" is what stands outside of [[profiles]].',
            extra={"flag": "--profile", "metavar": "NAME"},
        ),
    ] = ""
    max_profiles: Annotated[
        int, Meta(ge=1, le=64, description="Profiles that there may be: each can take the memory of its workers.")
    ] = 16
    tokens_folder: Annotated[
        str,
        Meta(
            max_length=4096,
            description='Folder with the tokens that profiles name, a file each, created at first start; "" is a '
            "folder in the state folder.",
            extra={"is_path": True},
        ),
    ] = ""
