"""The trusted middle: protocol core, scheduling, supervision of the workers, and the links to them."""
