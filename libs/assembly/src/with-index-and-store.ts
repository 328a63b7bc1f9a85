// For processes that look after index and store, and neither serve nor fetch.
import type { Config } from '@cistern/config';
import type { NodeContext } from '@cistern/runtime/process';
import { openAll } from '@cistern/runtime';
import { type OpenedIndexAndStore, openIndexAndStore } from './open-index-and-store.ts';

/** Resolves as `action` does, which has both open until then. Rejects with `index-unavailable` or `store-unavailable` too. */
export async function withIndexAndStore<T>(
  config: Config,
  options: Pick<NodeContext, 'log' | 'metrics'>,
  action: (opened: OpenedIndexAndStore) => Promise<T>,
): Promise<T> {
  const { opened, close } = await openAll(async (closers) => ({
    opened: await openIndexAndStore(config, options, closers),
    close: () => closers.closeAll(),
  }));
  try {
    return await action(opened);
  } finally {
    await close();
  }
}
