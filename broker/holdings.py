"""How many bytes this process holds for clients: sent in part, or not taken yet. Pure."""


class Holdings:
    """One sum for all. The watch over our own memory explains growth by it; those who add to it keep a bound."""

    def __init__(self) -> None:
        self.bytes = 0

    def add(self, size: int) -> None:
        """Hold more, or with a negative size less."""
        self.bytes += size
