// Plays what the address names after "#" and reports what came of it: a playlist through hls.js, each rung in turn, the
// last to its end; any other file as it is.
const PATIENCE_MS = 60_000;
const MOVED_SECONDS = 0.4;

const video = document.getElementById("video");
const report = { errors: [], rungs: [], duration: null, ended: false, dropped: null };

async function main(address) {
  video.addEventListener("error", () => report.errors.push(`video: ${video.error.message}`));
  try {
    await (address.endsWith(".m3u8") ? playLadder(address) : playFile(address));
    report.duration = video.duration;
    await until("the end", () => video.ended);
    report.ended = true;
    video.currentTime = video.duration / 2; // something to see on the screenshot
    await until("a picture", () => !video.seeking && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA);
  } catch (error) {
    report.errors.push(String(error));
  }
  await fetch("report", { method: "POST", body: JSON.stringify(report) });
}

async function playLadder(address) {
  let hls = await playRung(address, 0);
  for (let level = 1; level < hls.levels.length; level++) {
    hls.destroy();
    hls = await playRung(address, level);
  }
}

async function playRung(address, level) {
  const hls = new Hls({ startLevel: level });
  hls.on(Hls.Events.MANIFEST_PARSED, () => { hls.loadLevel = level; }); // and stays there
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (!data.fatal && data.details === Hls.ErrorDetails.BUFFER_STALLED_ERROR) return; // it waits for a busy machine
    report.errors.push(`hls.js: ${data.type} ${data.details} ${data.error ?? ""}`);
  });
  hls.loadSource(address);
  hls.attachMedia(video);
  await until("the playlist", () => hls.levels.length > 0);
  const { width, height, attrs } = hls.levels[level];
  await until(`rung ${level} of ${width} x ${height}`, () => video.videoWidth === width);
  await watch(attrs.RESOLUTION);
  return hls;
}

async function playFile(address) {
  video.src = address;
  await until("the first picture", () => video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA);
  await watch(null);
}

async function watch(promised) {
  await video.play();
  const from = video.currentTime;
  await until("movement", () => video.ended || video.currentTime > from + MOVED_SECONDS);
  const { videoWidth: width, videoHeight: height, currentTime: to } = video;
  report.rungs.push({ promised, width, height, from, to });
}

async function until(what, holds) {
  const end = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

main(location.hash.slice(1));
