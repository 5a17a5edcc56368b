"""The version of this server; a test keeps it equal to the package's."""

VERSION = "0.1.0"
NAME = "filewarden"
