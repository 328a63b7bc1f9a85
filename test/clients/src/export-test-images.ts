// Exports test images of two registries into a bundle with `cistern export`.
import { strict as assert } from 'node:assert';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { startDockerRegistry } from '@cistern/test-servers';
import { ensureTestImages, upstreamNames } from './test-images.ts';

export interface TestBundle {
  /** Path of the archive. */
  readonly path: string;
  close(): Promise<void>;
}

/** `args` are images and options. The caller closes the bundle. */
export async function exportTestImages(...args: readonly string[]): Promise<TestBundle> {
  const images = await ensureTestImages();
  const directory = await mkdtemp(join(tmpdir(), 'cistern-bundle-'));
  const stack = new AsyncDisposableStack();
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  try {
    await using registries = new AsyncDisposableStack();
    const urls: [string, { readonly url: string }][] = [];
    for (const name of upstreamNames) {
      const registry = await startDockerRegistry({ rootDirectory: join(images, name) });
      registries.defer(registry.close);
      urls.push([name, { url: registry.url }]);
    }
    const config = join(directory, 'config.yml');
    const storage = { filesystem: { rootdirectory: join(directory, 'data') } };
    await writeFile(config, JSON.stringify({ storage, upstreams: Object.fromEntries(urls) }));
    const path = join(directory, 'bundle.tar');
    const run = await runCistern(['export', ...args, '--output', path, '--config', config]);
    assert.equal(run.code, 0, run.stderr);
    return { path, close: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
