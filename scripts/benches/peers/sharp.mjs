// The photo job in sharp: with clone() for each rendition, as its documentation shows, and as a pyramid tuned by hand.
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';

const [way, modules] = process.argv.slice(2);
const sharp = createRequire(path.join(modules, 'package.json'))('sharp');
sharp.concurrency(1);
sharp.cache(false);

const JPEG = { quality: 82 };
const WIDTHS = [1080, 640, 320];
const SQUARE = { width: 150, height: 150, fit: 'cover' };

async function documented(data) {
  const image = sharp(data).autoOrient();
  const sizes = [...WIDTHS.map((width) => ({ width })), SQUARE];
  const made = await Promise.all(sizes.map((size) => image.clone().resize(size).jpeg(JPEG).toBuffer()));
  return { w1080: made[0], w640: made[1], w320: made[2], s150: made[3] };
}

async function tuned(data) {
  const base = await reduce(sharp(data).autoOrient(), 1080);
  const middle = await reduce(raw(base), 640);
  const small = await reduce(raw(middle), 320);
  return {
    w1080: await raw(base).jpeg(JPEG).toBuffer(),
    w640: await raw(middle).jpeg(JPEG).toBuffer(),
    w320: await raw(small).jpeg(JPEG).toBuffer(),
    s150: await raw(base).resize(SQUARE).jpeg(JPEG).toBuffer(),
  };
}

const reduce = (image, width) => image.resize({ width }).raw().toBuffer({ resolveWithObject: true });
const raw = ({ data, info }) => sharp(data, { raw: { width: info.width, height: info.height, channels: 3 } });

const job = { documented, tuned }[way];
for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const data = await readFile(request.photo);
  const start = process.cpuUsage();
  const renditions = await job(data);
  const { user, system } = process.cpuUsage(start);
  if (request.out) {
    for (const [name, rendition] of Object.entries(renditions)) {
      await writeFile(path.join(request.out, `${name}.jpg`), rendition);
    }
  }
  const bytes = Object.values(renditions).reduce((sum, rendition) => sum + rendition.length, 0);
  console.log(JSON.stringify({ cpu_ms: (user + system) / 1000, bytes, peak_rss_mb: process.resourceUsage().maxRSS / 1024 }));
}
