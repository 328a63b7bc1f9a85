// The admin server of a single process. It listens on a Unix socket in the directory of the index, for commands of the user of
// the process. It also listens on `admin.addr`, for the browsers of operators.
import { rm } from 'node:fs/promises';
import type { AdminAccess } from './wiring/open-admin-access.ts';
import { adminSocketPath } from '@cistern/operations/admin-access';
import type { Audit, Operations } from '@cistern/operations';
import type { NodeConfig } from '@cistern/config';
import {
  createLazyHttpApp,
  type HttpApp,
  type Listener,
  type NodeContext,
  type ProblemBoard,
} from '@cistern/runtime/process';

/** The parts of the process to which the server belongs. */
export interface LocalParts extends Operations {
  /** The problems of the whole cache. */
  readonly problems: Pick<ProblemBoard, 'parts' | 'look'>;
  readonly audit: Audit;
}

/**
 * Builds the server on the socket. Resolves to `undefined` if there is no directory for the socket. Removes the socket file of an
 * earlier process, because this process now owns the directory.
 */
export async function buildLocalAdmin(
  config: NodeConfig,
  parts: LocalParts,
  context: NodeContext,
): Promise<Listener | undefined> {
  const path = adminSocketPath(config);
  if (path === undefined) return undefined;
  await rm(path, { force: true });
  const app = forItsUser(buildServer(config, parts, context, 'everything'));
  return { app, address: { kind: 'unix', path }, key: 'storage.filesystem.rootdirectory', isOptional: true };
}

/** Sets the umask while the socket is created, so that other users can at no time connect to it. */
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

/**
 * Builds the server on `admin.addr`. Returns `undefined` if no address is configured. In a cluster, `cistern admin` runs the
 * server instead.
 */
export function buildConsole(
  config: NodeConfig,
  parts: LocalParts,
  context: NodeContext,
  access: AdminAccess,
): Listener | undefined {
  const { address, explicit } = config.admin;
  if (address === undefined) return undefined;
  const app = buildServer(config, parts, context, access);
  return { app, address, key: 'admin.addr', isOptional: !explicit };
}

/** Loads the server only when its first request arrives, because most caches have no operator connected most of the time. */
function buildServer(
  registry: NodeConfig,
  local: LocalParts,
  { version, log }: NodeContext,
  access: AdminAccess,
): HttpApp {
  return createLazyHttpApp(async () => {
    const { buildAdminServer } = await import('./build-admin-server.ts');
    const app = buildAdminServer({ ...local, version, registry, access, log });
    await app.ready();
    return app;
  }, log);
}
