"""From bytes to pixels: always height x width x 3, uint8, RGB, whatever came in."""
