// The contents of the test images. Except for busybox they come from fixed seeds, so digests are the same in every run.
import { createCipheriv } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ImageRecipe } from './oci-layout.ts';
import type { TarEntry } from './tar-archive.ts';

/**
 * Creates an image with a shell. `/etc/origin` contains `origin`, which distinguishes the upstreams' images of the same
 * name.
 */
export async function shellImage(
  origin: string,
  architecture: ImageRecipe['architecture'] = 'amd64',
): Promise<ImageRecipe> {
  const shell: TarEntry[] = [
    { path: 'bin/' },
    { path: 'bin/busybox', mode: 0o755, bytes: await readFile('/bin/busybox') },
    ...['sh', 'cat', 'ls', 'sha256sum', 'uname'].map((name) => ({ path: `bin/${name}`, linkTo: 'busybox' })),
  ];
  const own: TarEntry[] = [
    { path: 'etc/' },
    { path: 'etc/origin', bytes: Buffer.from(`${origin} ${architecture}\n`) },
    { path: 'etc/passwd', bytes: Buffer.from('root:x:0:0:root:/:/bin/sh\n') },
    { path: 'tmp/', mode: 0o1777 },
    { path: 'data', bytes: randomBytes(`${origin} ${architecture}`, 20) },
  ];
  return { architecture, layers: [shell, own] };
}

/** Returns the same content in one layer, so that no layer is shared with another image. */
export function inOneLayer(recipe: ImageRecipe): ImageRecipe {
  return { ...recipe, layers: [recipe.layers.flat()] };
}

/** Creates layers of random bytes that cannot be compressed. */
export function bulkImage(seed: string, layerCount: number, layerMebibytes: number): ImageRecipe {
  const layers = Array.from({ length: layerCount }, (_, index) => [
    { path: `data-${index}`, bytes: randomBytes(`${seed} ${index}`, layerMebibytes) },
  ]);
  return { architecture: 'amd64', layers };
}

function randomBytes(seed: string, mebibytes: number): Buffer {
  const key = Buffer.alloc(16);
  key.write(seed);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(mebibytes * 2 ** 20));
}
