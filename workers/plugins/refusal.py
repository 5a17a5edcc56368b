"""Why a plugin cannot be used."""


class PluginError(ValueError):
    """A plugin that cannot be used: its name as the operator wrote it, and the reason as a sentence."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
