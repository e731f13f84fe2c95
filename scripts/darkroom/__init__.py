"""The `darkroom` command: one file a topic, `main` joins them."""
