"""Exit statuses of our processes, after sysexits.h; 0 is a drained end."""

BROKEN = 1  # as any Python program: an exception that nobody caught
OUT_OF_MEMORY = 70  # EX_SOFTWARE: a renderer's, after a MemoryError
LEFT = 75  # EX_TEMPFAIL: left before the work at hand was done; trying again may help
UNABLE = 78  # EX_CONFIG: could not begin, and would not the next time: a setting or the installation is at fault
