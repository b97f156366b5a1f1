"""Which models there are: what servers list, kept on disk, with what the catalogue knows of them."""
