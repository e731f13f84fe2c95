"""The fault matrix: what may go wrong, and what must come of it all the same."""
