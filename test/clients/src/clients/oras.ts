// Runs oras, which knows no mirrors: every reference names the cache. A pull copies all platforms into an OCI layout
// directory.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openSandbox } from '../sandbox.ts';
import { type Client, digestsIn } from './client.ts';

interface Attached {
  readonly artifactType: string;
  readonly digest: string;
}

export interface Oras extends Client {
  /** Returns the artifacts that are attached to an image. */
  discover(reference: string): Promise<Attached[]>;
  /** Pulls an artifact and returns the content of its only file. */
  pullFile(reference: string, file: string): Promise<string>;
}

export async function openOras(): Promise<Oras> {
  const sandbox = await openSandbox();
  const layout = join(sandbox.directory, 'layout');
  return {
    pull: async (reference) => {
      await sandbox.run('oras', ['copy', '--from-plain-http', '--to-oci-layout', reference, `${layout}:pulled`]);
      return digestsIn(await readFile(join(layout, 'index.json'), 'utf8'));
    },
    remove: () => rm(layout, { recursive: true }),
    discover: async (reference) => {
      const output = await sandbox.run('oras', ['discover', '--plain-http', '--format', 'json', reference]);
      return (JSON.parse(output) as { manifests: Attached[] }).manifests;
    },
    pullFile: async (reference, file) => {
      await sandbox.run('oras', ['pull', '--plain-http', '--output', 'pulled', reference]);
      return readFile(join(sandbox.directory, 'pulled', file), 'utf8');
    },
    close: sandbox.close,
  };
}
