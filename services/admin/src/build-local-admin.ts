// The admin server of a single process. It listens on a socket next to the data, for the user of the process, and on
// `admin.addr` for operators' browsers.
import { rm } from 'node:fs/promises';
import type { AdminAccess } from './wiring/open-admin-access.ts';
import { adminSocketPath } from '@cistern/operations/admin-access';
import type { Audit, Operations } from '@cistern/operations';
import type { StoreHealth } from '@cistern/assembly';
import type { Config } from '@cistern/config';
import { createLazyHttpApp, type HttpApp, type Listener, type NodeContext } from '@cistern/runtime/process';

/** The parts of the process to which the server belongs. */
export interface LocalParts extends StoreHealth, Operations {
  checkIndex(): Promise<void>;
  readonly audit: Audit;
}

/**
 * Returns `undefined` if there is no directory for the socket. The socket file of an earlier process is removed, since this process
 * now owns the directory.
 */
export async function buildLocalAdmin(
  config: Config,
  parts: LocalParts,
  context: NodeContext,
): Promise<Listener | undefined> {
  const path = adminSocketPath(config);
  if (path === undefined) return undefined;
  await rm(path, { force: true });
  const app = forItsUser(buildServer(config, parts, context, 'everything'));
  return { app, address: { kind: 'unix', path }, key: 'storage.filesystem.rootdirectory', isOptional: true };
}

/** Sets the umask while the socket is created, so that other users can never connect to it. */
function forItsUser(app: HttpApp): HttpApp {
  return {
    ...app,
    listen(options) {
      const before = process.umask(0o177);
      try {
        return app.listen(options);
      } finally {
        process.umask(before);
      }
    },
  };
}

/** Returns `undefined` if no address is configured. A cluster uses `cistern admin` instead. */
export function buildConsole(
  config: Config,
  parts: LocalParts,
  context: NodeContext,
  access: AdminAccess,
): Listener | undefined {
  const { address, explicit } = config.admin;
  if (address === undefined) return undefined;
  const app = buildServer(config, parts, context, access);
  return { app, address, key: 'admin.addr', isOptional: !explicit };
}

/** Loads the server with its first request, since most caches have no operator connected most of the time. */
function buildServer(registry: Config, local: LocalParts, { version, log }: NodeContext, access: AdminAccess): HttpApp {
  const parts = { index: local.checkIndex, store: () => local.checkStore().then(local.checkFreeSpace) };
  return createLazyHttpApp(async () => {
    const { buildAdminServer } = await import('./build-admin-server.ts');
    const app = buildAdminServer({ ...local, version, parts, registry, access, log });
    await app.ready();
    return app;
  }, log);
}
