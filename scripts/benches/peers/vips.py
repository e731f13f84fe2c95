"""The photo job in pyvips: shrink on load, then each rendition from the next larger."""

import pyvips

from scripts.benches.peers.serve import serve

ENDLESS = 1 << 20  # a height that never limits


def chain(data: bytes) -> dict[str, bytes]:
    """The library's own thumbnailer does the orientation and the profile as it reduces."""
    image = base = pyvips.Image.thumbnail_buffer(data, 1080, height=ENDLESS, output_profile="srgb").copy_memory()
    renditions = {"w1080": save(image)}
    for width in (640, 320):
        image = image.thumbnail_image(width, height=ENDLESS).copy_memory()
        renditions[f"w{width}"] = save(image)
    return {**renditions, "s150": save(base.thumbnail_image(150, height=150, crop="centre"))}


def save(image: pyvips.Image) -> bytes:
    """The image as a JPEG of the same quality as everybody's here, without metadata."""
    data: bytes = image.jpegsave_buffer(Q=82, keep="none")
    return data


if __name__ == "__main__":
    pyvips.cache_set_max(0)
    serve(chain)
