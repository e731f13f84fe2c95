"""From whatever a phone recorded to upright BT.709 pictures of 8 bits, as ffmpeg's filters. Pure."""

from pipeline.clip.model import Source, Video

HD_LINES = 576  # from here up an untagged picture is BT.709; below it is BT.601
HDR_WHITE_NITS = 203  # of HDR's reference white, which becomes white. Source: ITU-R BT.2408
HDR_PEAK = 1000 / HDR_WHITE_NITS  # the brightest that is still told from white: what phones and most screens reach
KNEE = 0.93  # of white: tones up to here stay as they are, those beyond share what is left
WIDE = frozenset(("bt2020", "smpte432", "smpte431"))  # primaries that BT.709 cannot show: they are drawn in
MATRICES = {
    "bt709": "bt709",
    "smpte170m": "smpte170m",
    "bt470bg": "bt470",
    "smpte240m": "smpte240m",
    "fcc": "fcc",
    "bt2020nc": "bt2020",
}  # ffmpeg's name of a matrix as a tag, and as an option of its scaler
FLAGS = "lanczos"
EXACT = f"{FLAGS}+accurate_rnd+full_chroma_int"  # for all but `PLAIN`: greys would become 3 levels darker, and tinted
PLAIN = frozenset(("yuv420p", "yuvj420p", "nv12"))  # pixels as they are encoded, too
TURNS = {
    (0, False): (),
    (0, True): ("vflip",),
    (90, False): ("transpose=clock",),
    (90, True): ("transpose=cclock_flip",),
    (180, False): ("hflip", "vflip"),
    (180, True): ("hflip",),
    (270, False): ("transpose=cclock",),
    (270, True): ("transpose=clock_flip",),
}  # by the degrees clockwise, and whether it is mirrored. Source: libavutil's display.h


def bring_home(source: Source, width: int, height: int) -> list[str]:
    """The filters from a decoded frame to yuv420p of `width` by `height`, upright, BT.709 in TV range, square pixels.

    Frame rate is not among them.
    """
    whole = [*deinterlaced(source.video), *TURNS[source.rotation, source.mirrored]]
    of_one_size = [f"scale=flags={FLAGS}"] if whole else []  # the only one of them that notices when the size changes
    return [*of_one_size, *whole, *on_white(source.video), *colours(source, width, height), "setsar=1"]


def deinterlaced(video: Video) -> list[str]:
    """Whole frames of fields, one for two fields; frames that are whole already pass."""
    return ["bwdif=mode=send_frame:deint=interlaced"] if video.interlaced else []


def on_white(video: Video) -> list[str]:
    """What can be seen through, over white. `drawbox=replace=1` would be shorter, and ends ffmpeg 5.1 with SIGSEGV."""
    if not video.alpha:
        return []
    return [
        f"scale=flags={EXACT}:in_color_matrix={matrix(video)}:in_range={levels(video)}:out_color_matrix=bt709:out_range=tv",
        "format=yuva444p,split[seen][ground];[ground]lutyuv=y=235:u=128:v=128:a=255[white]",
        "[white][seen]overlay=format=yuv444",
    ]


def colours(source: Source, width: int, height: int) -> list[str]:
    """The picture at its size, in BT.709."""
    video = source.video
    if video.alpha:
        home = "in_color_matrix=bt709:in_range=tv:out_range=tv"
        return [f"scale={width}:{height}:flags={EXACT}:{home}", "format=yuv420p"]
    if video.hdr or video.primaries in WIDE:
        return [*reduced(video, width, height), tagged(video), *standard_dynamic(video)]
    return [scale(video, width, height), "format=yuv420p"]


def scale(video: Video, width: int, height: int) -> str:
    """One Lanczos that resizes and brings matrix and range home; unsaid, both would be guessed, and BT.601.

    The scaler lets pass what needs nothing, unless it is told a matrix to go to; untold, it keeps the one it is in.
    """
    own = matrix(video)
    flags = FLAGS if own == "bt709" and video.pixel_format in PLAIN else EXACT
    into = "" if own == "bt709" else ":out_color_matrix=bt709"
    return f"scale={width}:{height}:flags={flags}:in_color_matrix={own}:in_range={levels(video)}{into}:out_range=tv"


def reduced(video: Video, width: int, height: int) -> list[str]:
    """Its size first, still in its own colours: what follows is float, and costs by the pixel.

    In 4:4:4, because zscale refuses odd sizes in 4:2:0.
    """
    own, kept = matrix(video), levels(video)
    into = f"in_color_matrix={own}:in_range={kept}:out_color_matrix={own}:out_range={kept}"
    return [f"scale={width}:{height}:flags={FLAGS}:{into}", "format=yuv444p10le"]


def tagged(video: Video) -> str:
    """Say on each frame what the stream says of all; zscale refuses frames that say nothing."""
    transfer = video.transfer if video.hdr else "bt709"
    colours = f"color_primaries={video.primaries or 'bt2020'}:color_trc={transfer}:colorspace={matrix_tag(video)}"
    return f"setparams={colours}:range={levels(video)}"


def standard_dynamic(video: Video) -> list[str]:
    """From wide colours, and from the two high-dynamic-range curves, to BT.709 as a screen shows it."""
    mapped = [f"tonemap=mobius:param={KNEE}:peak={HDR_PEAK:.2f}:desat=0"] if video.hdr else []
    return [
        f"zscale=t=linear:npl={HDR_WHITE_NITS},format=gbrpf32le,zscale=p=bt709",
        *mapped,
        "zscale=t=bt709:m=bt709:r=tv,format=yuv444p,format=yuv420p",
    ]


def matrix(video: Video) -> str:
    """The scaler's name of the matrix between RGB and what is stored."""
    return MATRICES[matrix_tag(video)]


def matrix_tag(video: Video) -> str:
    """The matrix as a tag; where there is none that we know, told by the other tags, then by the number of lines."""
    if video.matrix in MATRICES:
        return video.matrix
    if video.hdr or video.primaries == "bt2020" or video.matrix == "bt2020c":  # which no filter knows
        return "bt2020nc"
    return "bt709" if video.lines >= HD_LINES else "smpte170m"


def levels(video: Video) -> str:
    """The scaler's name of the range: 16 to 235, or 0 to 255."""
    return "pc" if video.full_range else "tv"
