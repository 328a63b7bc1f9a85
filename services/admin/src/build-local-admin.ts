// The admin server of a single process: on a socket beside its data, for its own user on this machine.
import { rm } from 'node:fs/promises';
import { adminSocketPath, type StandaloneAssembly } from '@cistern/assembly';
import type { Config } from '@cistern/config';
import type { Listener, NodeContext } from '@cistern/process';
import { buildAdminServer } from './build-admin-server.ts';

/** `undefined`: there is no place for one. What a process before left there is removed, for its directory is now ours alone. */
export async function buildLocalAdmin(
  config: Pick<Config, 'redis' | 'storage'>,
  { checkIndex, checkStore, prewarm, upkeep, decisions, images }: StandaloneAssembly,
  { version, audit }: Pick<NodeContext, 'version' | 'audit'>,
): Promise<Listener | undefined> {
  const path = adminSocketPath(config);
  if (path === undefined) return undefined;
  await rm(path, { force: true });
  const parts = { index: checkIndex, store: checkStore };
  const app = buildAdminServer({ version, parts, prewarm, upkeep, decisions, images, audit, access: 'everybody' });
  return { app, address: { kind: 'unix', path }, key: 'storage.filesystem.rootdirectory', isOptional: true };
}
