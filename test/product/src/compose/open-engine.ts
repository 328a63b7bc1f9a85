// Starts a docker engine with compose in its own network. Its containers, bridges and packet filters end with it, and
// it uses no port of this machine.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSandbox, type RunOptions } from '@cistern/test-clients/sandbox';
import { ensureDebianPackages } from '@cistern/test-servers';
import type { Browser } from 'playwright-core';
import { openBrowser } from '../console/open-browser.ts';

export interface Engine {
  /** Removed by `close`. It has the same path inside and outside. */
  readonly directory: string;
  /** Runs docker and returns its stdout. Rejects with its stderr. */
  docker(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Runs another command in the network of the engine. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Opens Chromium in the network of the engine. The caller closes it. */
  openBrowser(): Promise<Browser>;
  close(): Promise<void>;
}

const packages = ['docker.io', 'docker-cli', 'docker-buildx', 'docker-compose', 'iptables', 'iproute2', 'slirp4netns'];

/**
 * `mirror` is the source of Docker Hub's images. Requires root, and installs missing packages. The caller closes the
 * engine.
 */
export async function openEngine({ mirror }: { readonly mirror: string }): Promise<Engine> {
  await ensureDebianPackages([...packages, 'mmdebstrap', 'curl', 'chromium', 'fonts-dejavu-core']);
  const sandbox = await openSandbox({}, { network: 'own' });
  try {
    const args = ['--cgroup-parent', sandbox.cgroupParent, '--registry-mirror', mirror];
    await sandbox.startDaemon('dockerd', args, ['docker', 'version']);
  } catch (error) {
    await sandbox.close();
    throw error;
  }
  return {
    directory: sandbox.directory,
    docker: (args, options) => sandbox.run('docker', args, options),
    run: sandbox.run,
    async openBrowser() {
      const script = join(sandbox.directory, 'chromium');
      const enter = `nsenter --target ${sandbox.firstProcess} --net`;
      await writeFile(script, `#!/bin/sh\nexec ${enter} /usr/bin/chromium "$@"\n`, { mode: 0o755 });
      return openBrowser(script);
    },
    close: sandbox.close,
  };
}
