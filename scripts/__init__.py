"""Everything a person types: the `darkroom` command, set-up, run, test and bench."""
