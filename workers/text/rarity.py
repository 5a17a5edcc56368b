"""How common a character is, in programs and in what is written about them."""

BY_FREQUENCY = " etsarnoildchpfum.g,y()b/'`w_v*-\"=:kxT0S[]|E1#I2RA;OCNj{}PqMF>3ULD645<\\8B9Hz+W!7?%@&VG$JKYXZ~Q^"
"""From what there is the most of; what is not here is rarer."""
RARITY = bytes(BY_FREQUENCY.find(chr(byte)) % 256 for byte in range(256))
"""Of each byte: the higher, the rarer."""
FREQUENT = frozenset(BY_FREQUENCY[:13])
"""Those of which any text is full."""
