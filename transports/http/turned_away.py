"""Everything that a request, a connection or a sign-in may be counted as that was refused at the door.

Counters begin at zero for each of them, so that the first one is seen as an increase.
"""

from filewarden.transports.http.bounded import SLOW_READER, SLOW_SENDER, TOO_MANY
from filewarden.transports.http.guard import OTHER_REASON, REASONS
from filewarden.transports.http.listener import NO_DESCRIPTORS
from filewarden.transports.http.page.sign_in import TOO_MANY_TRIES
from filewarden.transports.http.sessions import TOO_MANY_SESSIONS

TURN_AWAY_REASONS = (
    *REASONS.values(),
    OTHER_REASON,
    TOO_MANY_TRIES,
    TOO_MANY,
    TOO_MANY_SESSIONS,
    SLOW_SENDER,
    SLOW_READER,
    NO_DESCRIPTORS,
)
