"""A renderer whose clips are orders: what the file says is what happens to the process that opens it."""

import hashlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

from escapes import ESCAPES, refusal

from filters.recipe import canonical
from jobs.errors import DiskShort, InternalError, Rejected
from pipeline.clip.ffmpeg import EncoderDied
from pipeline.clip.model import ClipFile, RenderedClip
from pipeline.stopwatch import Stopwatch
from pipeline.verify import UncleanRenditionError
from workers import clip_renderer, wire
from workers.clip_wire import kinds


def obey(folder, ladder, limits, edits, mandatory, report, publish_part):
    order, _, argument = (folder / "original").read_text().partition(" ")
    return ORDERS[order](argument, Job(folder, ladder, edits, mandatory, report, publish_part))


class Job:
    def __init__(self, folder, ladder, edits, mandatory, report, publish_part):
        self.folder = folder
        self.ladder = ladder
        self.edits = edits
        self.mandatory = mandatory
        self.report = report
        self.publish_part = publish_part

    def make(self, facts=None, rungs=None):
        """Everything that the ladder asks for, each file holding its own name."""
        left_out = {name for rung in self.ladder.rungs for name in (rung.name, f"{rung.name}.m3u8")}
        wanted = {name for rung in rungs for name in (rung, f"{rung}.m3u8")} if rungs else left_out
        made = [
            self.file(name, kind) for name, kind in kinds(self.ladder).items() if name not in left_out or name in wanted
        ]
        return RenderedClip(width=5, height=7, facts=facts or {}, files=tuple(made), timings={"encode_cpu_ms": 1.5})

    def file(self, name, kind, data=None):
        data = data or f"{name} of {self.folder.name}".encode()
        file = f"{hashlib.sha256(data).hexdigest()[:32]}.{kind.extension}"
        if not (self.folder / "out" / file).exists():  # else the head may be reading it: it came with the part
            (self.folder / "out" / file).write_bytes(data)
        return ClipFile(name=name, file=file, width=5, height=7, content_type=kind.content_type)


def render(argument, job):
    return job.make({"argument": argument, "mandatory": list(job.mandatory)})


def see(argument, job):
    """What this process and a program of its own can see of the world."""
    facts = {
        "pids": [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()],
        "environment": dict(os.environ),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "network": str(Path("/proc/self/ns/net").readlink()),
        "nice": os.nice(0),
        "recipe": canonical(job.edits.recipe),
        "look": hashlib.sha256(job.edits.look).hexdigest(),
        "limits": {"AS": resource.getrlimit(resource.RLIMIT_AS), "FSIZE": resource.getrlimit(resource.RLIMIT_FSIZE)},
        "program": told_by_program(),
    }
    return job.make(facts)


def told_by_program():
    """What a process that the renderer starts can see and may have."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        os.write(writing, str(Path("/proc/self/ns/net").readlink()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        return {"network": told.read()}


def attempt(argument, job):
    """Try to get out, in the way that the clip says, and tell what the kernel said to that."""
    way, _, argument = argument.partition(" ")
    argument = argument.replace("FOLDER", str(job.folder))
    return job.make({"refusal": refusal(lambda: ESCAPES[way](argument))})


def attempt_in_program(argument, job):
    """As `attempt`, by a program that the renderer starts; told is how that ended."""
    pid = os.fork()
    if pid == 0:
        way, _, argument = argument.partition(" ")
        os._exit(refusal(lambda: ESCAPES[way](argument)) is not None)
    return job.make({"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])})


def run_encoder(argument, job):
    """Run what a clip needs."""
    told = subprocess.run(argument.split(), capture_output=True, check=False, text=True, env={"PATH": "/usr/bin:/bin"})
    return job.make({"status": told.returncode, "said": (told.stdout + told.stderr)[-500:]})


def flee(argument, job):
    """Leave a process behind that belongs to no group or session of ours, and then hang."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    job.report(0.5)
    time.sleep(600)


def multiply(argument, job):
    """Start processes until there are no more."""
    while True:
        if os.fork() == 0:
            time.sleep(600)


def open_everything(argument, job):
    kept = []
    while True:
        kept.append((job.folder / "original").open())


def overflow(argument, job):
    """Write more into one file than may be."""
    with (job.folder / "large").open("wb") as opened:
        opened.truncate(int(argument))


def crowd(argument, job):
    """Make empty files in /tmp until there is room for no more."""
    made = 0
    try:
        while True:
            Path(f"/tmp/{made}").touch()
            made += 1
    except OSError as error:
        return job.make({"made": made, "refusal": error.errno})


def in_parts(argument, job):
    job.report(0.25)
    job.publish_part(job.make({"part": True}, rungs=job.mandatory))
    return job.make({"part": False})


def repeat_parts(argument, job):
    """Tell of the same part for ever: each would buy more time."""
    while True:
        job.publish_part(job.make())


def advance(argument, job):
    """Tell of progress so many times, a little more each time, every tenth of a second."""
    for step in range(int(argument)):
        tell({"progress": step / int(argument)})
        time.sleep(0.1)
    return job.make()


def linger(argument, job):
    """Tell of the same progress for ever."""
    while True:
        tell({"progress": 0.5})
        time.sleep(0.02)


def creep(argument, job):
    """Advance for ever, by less and less."""
    share = 0.5
    while True:
        share = (1 + share) / 2 if share < 0.999 else share + 1e-9
        tell({"progress": share})
        time.sleep(0.02)


def stop(argument, job):
    """Begin to write, start a program, and then do nothing more."""
    (job.folder / "out" / "half").write_bytes(b"made")
    if os.fork() == 0:
        time.sleep(600)
    job.report(0.5)
    with Stopwatch().stage("listen", of="mp4"):
        time.sleep(600)


def lie(argument, job):
    """Answer with whatever the clip says."""
    tell(json.loads(argument))
    time.sleep(600)


def forge(argument, job):
    """Render, and then spoil one file in the way that the clip says."""
    rendered = job.make()
    victim = job.folder / "out" / rendered.files[0].file
    data = victim.read_bytes()
    victim.unlink()
    FORGERIES[argument](victim, data)
    return rendered


def relink_out(victim, data):
    """Another folder in `out`'s place, with files that are all as they should be, but not where the head looks."""
    victim.write_bytes(data)
    victim.parent.rename(victim.parent.with_name("elsewhere"))
    victim.parent.symlink_to("elsewhere")
    victim.with_name(victim.name).unlink()


def link(victim, data):
    outside = victim.parent.parent / "outside"
    outside.write_bytes(data)
    victim.symlink_to(outside)


def hard_link(victim, data):
    outside = victim.parent.parent / "outside"
    outside.write_bytes(data)
    victim.hardlink_to(outside)


def rename(argument, job):
    """Answer with a file of another name in the first one's place."""
    answer = clip_renderer.clip_wire.rendered_answer(job.make())
    answer["files"][0]["file"] = argument
    tell(answer)
    time.sleep(600)


def reject(argument, job):
    raise Rejected("corrupt_media", argument)


def lose_encoder(argument, job):
    with Stopwatch().stage("transcode", of="mov"):
        raise EncoderDied(argument)


def find_disk_short(argument, job):
    raise DiskShort(argument)


def err(argument, job):
    raise InternalError(argument)


def soil(argument, job):
    raise UncleanRenditionError(argument)


def fail_to_write(argument, job):
    raise OSError(28, "No space left on device")


def tell(message):
    speaking = socket.socket(fileno=os.dup(int(sys.argv[1])))
    with speaking:
        wire.send(speaking, message)


FORGERIES = {
    "content": lambda victim, data: victim.write_bytes(data + b"."),
    "nothing": lambda victim, data: None,
    "empty": lambda victim, data: victim.write_bytes(b""),
    "link": link,
    "hard_link": hard_link,
    "folder": lambda victim, data: victim.mkdir(),
    "fifo": lambda victim, data: os.mkfifo(victim),
    "relinked": relink_out,
}
ORDERS = {
    "render": render,
    "see": see,
    "attempt": attempt,
    "attempt_in_program": attempt_in_program,
    "run": run_encoder,
    "flee": flee,
    "multiply": multiply,
    "open": open_everything,
    "overflow": overflow,
    "crowd": crowd,
    "parts": in_parts,
    "repeat": repeat_parts,
    "advance": advance,
    "linger": linger,
    "creep": creep,
    "stop": stop,
    "lie": lie,
    "forge": forge,
    "rename": rename,
    "reject": reject,
    "lose": lose_encoder,
    "err": err,
    "soil": soil,
    "short": find_disk_short,
    "full": fail_to_write,
    "leave": lambda argument, job: os._exit(int(argument)),
}


def load():
    return obey


if __name__ == "__main__":
    sys.exit(clip_renderer.main(sys.argv[1:], load, lambda: {"libheif": "1.2.3", "ffmpeg": "5.1"}))
