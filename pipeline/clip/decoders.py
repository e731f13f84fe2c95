"""What may be decoded: what phones, cameras, screen recorders and browsers write, by ffmpeg's names of the decoders.

Every other decoder of ffmpeg's, some of them unmaintained for decades, is out of a stranger's reach.
"""

PICTURES = (
    *("h264", "hevc", "libdav1d", "libaom-av1", "vp8", "vp9", "libvpx", "libvpx-vp9"),
    *("mpeg4", "h263", "msmpeg4", "mjpeg", "mpeg2video", "mpeg1video", "dvvideo"),  # older cameras and camcorders
    *("prores", "png", "gif", "apng"),
    "ffv1",  # RFC 9043, what archives keep; its only decoder is ffmpeg's own, and is fuzzed with it
)
SOUND = (
    *("aac", "aac_latm", "mp3float", "mp3", "mp2float", "mp2", "ac3", "eac3"),
    *("opus", "libopus", "vorbis", "flac", "alac", "amrnb", "libopencore_amrnb", "amrwb", "libopencore_amrwb"),
    *("pcm_u8", "pcm_s8", "pcm_alaw", "pcm_mulaw", "pcm_bluray"),
    *(f"pcm_{kind}{order}" for kind in ("s16", "s24", "s32", "f32") for order in ("le", "be")),
    *("adpcm_ima_wav", "adpcm_ima_qt", "adpcm_ms"),
)
TEXTS = ("mov_text", "subrip", "srt", "text", "ass", "ssa", "webvtt", "cc_dec")  # never shown, but opened to be named
DECODERS = (*PICTURES, *SOUND, *TEXTS)
