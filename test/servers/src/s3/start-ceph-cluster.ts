// Starts Ceph without its gateway: one monitor, and one storage daemon on a sparse file. Both daemons come from
// Debian's packages, listen on loopback, and store their data in a temporary directory.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment } from '../clean-environment.ts';
import { ensureDebianPackages } from '../ensure-debian-packages.ts';
import { freePort } from '../free-port.ts';
import { guardDirectory } from '../guard.ts';
import { type SupervisedProcess, startProcess } from '../start-process.ts';
import { cephConfiguration, clusterCommands } from './ceph-configuration.ts';
import { cephKeyring } from './ceph-keyring.ts';
import { runTool } from './run-tool.ts';

export interface CephCluster {
  readonly configurationFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Runs one of Ceph's tools with the cluster's configuration. */
  tool(command: string, ...args: readonly string[]): Promise<void>;
  /** Kills the daemons and removes their data. Idempotent. */
  close(): Promise<void>;
}

/** Installs the packages if they are missing, and resolves when the cluster accepts objects. */
export async function startCephCluster(): Promise<CephCluster> {
  await ensureDebianPackages(['ceph-mon', 'ceph-osd', 'ceph-base', 'ceph-common', 'radosgw']);
  const directory = await mkdtemp(join(tmpdir(), 'cistern-s3-'));
  const guard = guardDirectory(directory);
  const daemons: SupervisedProcess[] = [];
  const configurationFile = join(directory, 'ceph.conf');
  const environment = { ...cleanEnvironment(), CEPH_CONF: undefined, CEPH_ARGS: undefined };

  const withConfiguration = (args: readonly string[]) => ['-c', configurationFile, ...args];
  const tool = (command: string, ...args: readonly string[]) =>
    runTool({ command, args: withConfiguration(args), env: environment });

  async function startDaemon(command: string, id: string, port?: number): Promise<void> {
    const args = withConfiguration(['-f', '-i', id]);
    const ready = port === undefined ? {} : { ready: { port } };
    daemons.push(await startProcess({ command, args, env: environment, cwd: directory, ...ready }));
  }

  async function close(): Promise<void> {
    for (const daemon of daemons.splice(0).reverse()) await daemon.kill();
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    guard.dismiss();
  }

  try {
    const storageId = randomUUID();
    const monitorPort = await freePort();
    const settings = {
      directory,
      clusterId: randomUUID(),
      monitorPort,
      libraryDirectory: await findLibraryDirectory(),
    };
    await mkdir(join(directory, 'osd'));
    await writeFile(configurationFile, cephConfiguration(settings));
    await writeFile(join(directory, 'keyring'), cephKeyring());
    await writeFile(join(directory, 'commands'), clusterCommands(storageId));
    const storageMade = tool('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', storageId, '--no-mon-config');
    storageMade.catch(() => {});
    const map = join(directory, 'monmap');
    const monitors = ['--create', '--fsid', settings.clusterId, '--addv', 'a', `[v2:127.0.0.1:${monitorPort}]`, map];
    await runTool({ command: 'monmaptool', args: monitors, env: environment });
    await tool('ceph-mon', '-i', 'a', '--mkfs', '--monmap', map, '--keyring', join(directory, 'keyring'));
    await startDaemon('ceph-mon', 'a', monitorPort);
    // One `ceph` reads all commands from standard input, because each start of `ceph` is slow.
    const ceph = ['ceph', ...withConfiguration(['--connect-timeout', '60'])].map((word) => `'${word}'`).join(' ');
    await runTool({ command: '/bin/sh', args: ['-c', `exec ${ceph} <'${directory}/commands'`], env: environment });
    await storageMade;
    await startDaemon('ceph-osd', '0');
  } catch (error) {
    await close();
    throw error;
  }
  return { configurationFile, environment, tool, close };
}

async function findLibraryDirectory(): Promise<string> {
  const candidates = (await readdir('/usr/lib')).map((name) => join('/usr/lib', name));
  const found = candidates.find((candidate) => existsSync(join(candidate, 'rados-classes', 'libcls_rgw.so')));
  if (found === undefined)
    throw new Error("Ceph's plug-ins were not found below /usr/lib. Install the package ceph-base.");
  return found;
}
