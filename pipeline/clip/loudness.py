"""One loudness for all clips: measured by EBU R128, then set."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Level:
    """What is done to a sound. `lufs` is its own loudness, None where there is too little to measure."""

    lufs: float | None
    gain_db: float
    ceiling_db: float | None = None  # of the limiter; None where nothing reaches it

    @property
    def filters(self) -> list[str]:
        """As ffmpeg's filters, on stereo. The limiter works between the samples too: at four times their rate."""
        gain = [f"volume={self.gain_db:.2f}dB"] if self.gain_db else []
        if self.ceiling_db is None:
            return gain
        limit = 10 ** (self.ceiling_db / 20)
        return [*gain, "aresample=192000", f"alimiter=limit={limit:.4f}:attack=5:release=50:level=disabled"]
