"""What is loaded in a cheaper way says what it would say otherwise."""

import json
import subprocess
import sys

CONSTANTS = """
import json, sys
way = sys.argv[1]
if way == "ours":
    from filewarden.config.first_imports import load_zmq
    load_zmq()
import enum, zmq
from zmq.constants import SocketOption
assert enum is sys.modules["enum"] and enum.__name__ == "enum"
assert issubclass(SocketOption, enum.Enum) == (way == "python")
try:
    SocketOption(10**6)
except ValueError:
    pass
else:
    raise AssertionError
print(json.dumps([
    {name: int(getattr(zmq, name)) for name in zmq.constants.__all__ if isinstance(getattr(zmq, name), int)},
    {option.name: option._opt_type == zmq.constants._OptType.bytes for option in map(SocketOption, set(
        map(int, SocketOption.__members__.values())))},
    sorted(set(map(int, zmq.SocketType.__members__.values()))),
    zmq.SocketType(zmq.PAIR).name,
]))
"""


def constants(way: str) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", CONSTANTS, way], capture_output=True, text=True, check=True, timeout=30
    )
    told: list[object] = json.loads(done.stdout)
    return told


def test_zeromq_has_the_same_constants() -> None:
    ours = constants("ours")
    assert ours == constants("python")
    assert isinstance(ours[0], dict)
    assert len(ours[0]) > 100


DATES = """
import sys
from filewarden.config.first_imports import begin, load_msgpack
begin("none")
load_msgpack()
assert sys.version_info >= (3, 12) or "datetime" not in sys.modules
import datetime, msgpack, msgspec
assert sys.modules["datetime"] is datetime and datetime.__file__.endswith("datetime.py")
moment = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
assert msgspec.json.decode(msgspec.json.encode(moment), type=datetime.datetime) == moment
assert msgspec.inspect.type_info(datetime.timedelta) == msgspec.inspect.TimeDeltaType()
assert msgpack.unpackb(msgpack.packb(moment, datetime=True), timestamp=3) == moment
"""


def test_what_stands_in_for_dates_is_the_same_to_whoever_has_some() -> None:
    done = subprocess.run([sys.executable, "-I", "-c", DATES], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
