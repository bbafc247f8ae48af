"""A demonstration of the whole loop, on emulated nodes: `make demo`."""
