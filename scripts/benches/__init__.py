"""Benches: what Darkroom costs, beside what else could do the same. One file each, and one line in `__main__`."""
