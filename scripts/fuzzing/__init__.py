"""Coverage-guided fuzzing of every parser that reads what strangers send: `scripts/fuzz`."""
