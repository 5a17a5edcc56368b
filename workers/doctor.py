"""The worker of `filewarden doctor`: the product's launcher and zygote with one tool, which no server has."""

import msgspec

from filewarden.workers import attached
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.confine.namespaces import Isolation
from filewarden.workers.context import Context
from filewarden.workers.doctor_attacks import Orders, attempt
from filewarden.workers.tool import Tool

LAUNCHER = "from filewarden.workers.doctor import launch; launch()"


class Findings(msgspec.Struct, frozen=True):
    """What came of each attack: an errno's name, or "ok" when it got through."""

    outcomes: dict[str, str]


def _attack(context: Context, orders: Orders) -> Findings:
    root = context.space.roots[0].fd
    return Findings({name: attempt(name, root, orders) for name in orders.attacks})


TOOL = Tool(
    name="doctor",
    title="Attack from inside",
    description="Tries what a captured worker would try.",
    arguments=Orders,
    result=Findings,
    run=_attack,
)


def serve_zygote(control: attached.Socket, isolation: Isolation) -> None:
    """Become a zygote that knows this tool alone."""
    from filewarden.workers.zygote import serve

    serve(control, isolation, Catalogue((TOOL,)))


def launch() -> None:
    """Be the launcher of a doctor's workers."""
    from filewarden.workers.launcher import main

    main(serve_zygote)
