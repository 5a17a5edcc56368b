"""Entry of the launcher process: `python -I -m filewarden.workers`, its control socket on descriptor 3."""

from filewarden.workers.launcher import main

main()
