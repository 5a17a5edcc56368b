"""How a zygote's child becomes one of ours: it confines itself, joins its link, confines the rest, and proves it."""

import os
import sys

from filewarden.workers import wire
from filewarden.workers.channel import Channel, ChannelClosedError
from filewarden.workers.confine.privileges import set_process_name
from filewarden.workers.confinement import Confinement
from filewarden.workers.place import Place
from filewarden.workers.profile import Profile, Spawn


def join(name: str, profile: Profile, place: Place, spawn: Spawn, gate: int, zygote_pid: int) -> Channel | None:
    """The link to the broker, with everything given up that `profile` does not leave; None: the broker is not there.

    `gate` yields one byte once the endpoint is bound for our process id. `name` is what `ps` shows.

    Raises:
        ChannelClosedError: the broker went away on the way.
    """
    _forget_the_zygote()
    set_process_name(name)
    confinement = Confinement(profile, place, zygote_pid)
    confinement.before_link()
    if not os.read(gate, 1):
        return None
    os.close(gate)
    endpoint = os.path.join(place.endpoints, spawn.endpoint)
    most_bytes = profile.max_request_bytes + wire.REPORT_BYTES
    channel = Channel(endpoint, zygote_pid, most_bytes, profile.start_timeout_s)
    channel.send(wire.pack(wire.Hello(spawn.secret)))
    if not isinstance(wire.unpack_to_worker(channel.receive_within(profile.start_timeout_s)), wire.Go):
        raise ChannelClosedError
    confinement.after_link()
    channel.send(wire.pack(wire.Ready(wire.pack_report(confinement.report()))))
    return channel


def _forget_the_zygote() -> None:
    """Undo what a fork inherits and a child must not share. Signals that ask to stop stay ignored."""
    if (random := sys.modules.get("random")) is not None:
        random.seed()
