"""What a machine that is busy with other tests may add to the times that are promised.

A bound is the promise and this: it tells what waits for something else, or for ever, from what was only slow.
"""

BUSY_S = 3.0
