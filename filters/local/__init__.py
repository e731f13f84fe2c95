"""Tools that look at a pixel's neighbours, or at the whole picture. Each has `apply(pixels) -> new pixels`."""
