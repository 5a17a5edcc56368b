"""The status page: its files, who may see it, and the stream that keeps it live."""
