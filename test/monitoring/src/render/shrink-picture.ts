// Makes a picture smaller: a palette of 128 colours is enough for dashboards.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';

/** Resolves to a PNG with a palette. Needs Debian's package pngquant. */
export async function shrinkPicture(png: Uint8Array): Promise<Uint8Array> {
  const child = spawn('pngquant', ['--strip', '--speed', '1', '128', '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  child.stdin.end(png);
  const shrunk = await buffer(child.stdout);
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`pngquant ended with ${code}.`);
  return shrunk;
}
