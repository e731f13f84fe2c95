"""What a photo says of itself, read by our own parsers before any decoder sees it."""
