"""What counts at the moment: the settings, the branches that are open by them, and what workers are confined to."""

from collections.abc import Iterator, Mapping

from filewarden.broker.branch import Branch
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.supervisor import Supervisor
from filewarden.config.principals import TOKEN, Clientele
from filewarden.config.profiles import OUTSIDE, clientele
from filewarden.config.settings import Settings
from filewarden.workers.wire import Report


class InForce:
    """Changed by the broker alone, at a reload and as it stops; `report` is None until a worker was ready."""

    def __init__(self, settings: Settings, tokens: Mapping[str, bytes]) -> None:
        self.settings = settings
        self.tokens = tokens
        """The digests of the tokens that profiles name, by their names."""
        self._clientele: tuple[Settings, Clientele] | None = None
        self.branches: dict[str, Branch] = {}
        """By profile: those that somebody has come to."""
        self.report: Report | None = None
        self.is_leaving = False
        """Whether probes are told to ask others."""
        self.is_draining = False
        """Whether no new calls are taken."""

    @property
    def main(self) -> Branch | None:
        """That of everybody whom no profile names; None where nobody else is served."""
        return self.branches.get(OUTSIDE)

    @property
    def clientele(self) -> Clientele:
        """Which profile serves whom, made once for the same settings: every request over HTTP asks."""
        if self._clientele is None or self._clientele[0] is not self.settings:
            self._clientele = self.settings, clientele(self.settings)
        return self._clientele[1]

    def still_admits(self, principal: Principal) -> bool:
        """Whether who was let in would be let in today: to the same profile, and with the token that they brought."""
        if not principal.name:
            return True
        token = self.tokens.get(principal.name.removeprefix(TOKEN), b"")  # subjects bring none, and have no such name
        return token == principal.token and self.clientele.of(principal.name) == principal.profile

    def supervisors(self) -> Iterator[tuple[str, Supervisor]]:
        """The pools of all branches, each with its profile."""
        for profile, branch in self.branches.items():
            for supervisor in branch.staff.supervisors:
                yield profile, supervisor
