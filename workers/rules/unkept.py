"""What a new version of a file may not be able to keep of the old one."""

from typing import Literal

Unkept = Literal["owner", "group"]
