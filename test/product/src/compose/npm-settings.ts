// Finds npm's settings of this machine, which a build of the image needs too.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../../../..', import.meta.url));

export interface NpmSettings {
  readonly registry: string;
  /** A file with certificate authorities. `undefined` means that the registry needs none. */
  readonly ca: string | undefined;
}

export async function readNpmSettings(): Promise<NpmSettings> {
  const ca = await npmSetting('cafile');
  return {
    registry: await npmSetting('registry'),
    ca: ca === 'null' ? process.env['NODE_EXTRA_CA_CERTS'] : ca,
  };
}

async function npmSetting(name: string): Promise<string> {
  return (await run('npm', ['config', 'get', name], { cwd: repository })).stdout.trim();
}
