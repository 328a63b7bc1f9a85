// Exports a bundle from the cache of a configuration. The process pulls images as clients do. In a cluster, the workers
// fetch content that is not cached. Without a cluster, this process fetches it.
import { type Config, openLiveConfig } from '@cistern/config';
import { exportBundle, type ExportOptions, type ExportProgress } from '@cistern/bundles';
import { createUpstreamTable, resolveImage } from '@cistern/upstream';
import type { NodeContext } from '@cistern/runtime/process';
import { openAll } from '@cistern/runtime';
import { openPullThrough } from '@cistern/frontend/pull-through';
import { openShared } from '@cistern/assembly';
import { wireWorker } from '@cistern/worker';

export interface ExportBundleOptions
  extends NodeContext, Pick<ExportOptions, 'platforms' | 'output' | 'signal' | 'onAbsent' | 'onProgress'> {
  /** The image names as the operator wrote them. */
  readonly images: readonly string[];
}

/**
 * Opens the cache, exports the images and closes the cache. Rejects with the errors of `resolveImage`, for example
 * `name-unknown` for an image of an unknown upstream, and with those of `exportBundle`.
 */
export async function exportBundleOf(given: Config, options: ExportBundleOptions): Promise<ExportProgress> {
  const table = createUpstreamTable(given.upstreams);
  const { config } = openLiveConfig(given);
  const images = options.images.map((name) => resolveImage(table, name));
  const { parts, close } = await openAll(async (closers) => {
    const shared = await openShared(config, options, closers);
    const worker = config.redis === undefined ? await wireWorker(config, shared, options, closers) : undefined;
    const { fills, address = '' } = worker ?? {};
    const cache = openPullThrough(config, shared, { ...options, fills, address }, closers);
    await worker?.start();
    const closeAll = async () => {
      await worker?.close(0);
      await closers.closeAll();
    };
    return { parts: { cache, index: shared.index }, close: closeAll };
  });
  try {
    return await exportBundle({ ...options, ...parts, images });
  } finally {
    await close();
  }
}
