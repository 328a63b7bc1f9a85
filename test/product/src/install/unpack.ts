// Unpacks the packages of a release, and lists their files.
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface UnpackedFile {
  /** Path from the root of the package. */
  readonly path: string;
  /** For example `755`. */
  readonly mode: string;
  readonly isDirectory: boolean;
  readonly bytes: number;
}

/** Unpacks a tar archive to the new directory `to`, with its modes. Requires root. */
export async function unpackTar(archive: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await run('tar', ['--extract', '--preserve-permissions', '--file', archive, '--directory', to]);
}

/** Unpacks the layers of an image to the new directory `to`. Uses the new directory `scratch`. */
export async function unpackImage(archive: string, to: string, scratch: string): Promise<void> {
  await unpackTar(archive, scratch);
  const [image] = JSON.parse(await readFile(join(scratch, 'manifest.json'), 'utf8')) as [{ Layers: string[] }];
  for (const layer of image.Layers) await unpackTar(join(scratch, layer), to);
}

/** Unpacks the files and control files of a Debian package to two new directories. */
export async function unpackDebian(archive: string, to: string, control: string): Promise<void> {
  await run('dpkg-deb', ['--extract', archive, to]);
  await run('dpkg-deb', ['--control', archive, control]);
}

/** Lists everything below `directory`, without following links. */
export async function listFiles(directory: string): Promise<UnpackedFile[]> {
  const { stdout } = await run('find', ['.', '-mindepth', '1', '-printf', '%m\t%y\t%s\t%P\n'], { cwd: directory });
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [mode = '', type, size, path = ''] = line.split('\t');
      return { path, mode, isDirectory: type === 'd', bytes: type === 'f' ? Number(size) : 0 };
    });
}
