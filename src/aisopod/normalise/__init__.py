"""Pure rules over requests: what users may write, what is refused, how it is fitted to a wire."""
