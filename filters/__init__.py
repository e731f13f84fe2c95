"""Pure functions on arrays of pixels: kernels that know nothing of files, settings or processes."""
