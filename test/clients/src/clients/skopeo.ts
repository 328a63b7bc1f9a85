// Runs skopeo. Every pull copies an image with all its platforms byte for byte into a new directory.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '@cistern/oci';
import { openSandbox } from '../sandbox.ts';
import type { LoginClient } from './client.ts';
import { registriesConf } from './registries-conf.ts';

/** `cache` is a host and port, `mirrored` the registries that it mirrors, and `next` the endpoint after a rejection. */
export async function openSkopeo(cache: string, mirrored: readonly string[], next?: string): Promise<LoginClient> {
  const sandbox = await openSandbox({ '/etc/containers/registries.conf': registriesConf(cache, mirrored, next) });
  const copy = join(sandbox.directory, 'copy');
  return {
    pull: async (reference) => {
      await sandbox.run('skopeo', ['copy', '--all', `docker://${reference}`, `dir:${copy}`]);
      return [digestOf(await readFile(join(copy, 'manifest.json')))];
    },
    login: async (server, user, password) =>
      void (await sandbox.run('skopeo', ['login', '--username', user, '--password', password, server])),
    remove: () => rm(copy, { recursive: true }),
    close: sandbox.close,
  };
}
