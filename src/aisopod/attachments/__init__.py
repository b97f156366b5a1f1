"""Files that a wire takes as bytes, in another form or as text only: fetched, converted, read."""
