// An upstream that may be switched off: while it is, nothing is asked of it. Transfers that are under way come to their end.
import { CacheError } from '@cistern/errors';
import type { Upstream } from '@cistern/upstream';

export function offlineError(upstream: string): CacheError {
  return new CacheError(
    'upstream-unreachable',
    `${upstream} is switched offline here: only what is cached already is served.`,
    { detail: { upstream, offline: true } },
  );
}

export function refuseOffline(upstream: Upstream, isOffline: (upstream: string) => boolean): Upstream {
  const { name } = upstream;
  const unlessOffline = <M extends Exclude<keyof Upstream, 'name' | 'close'>>(method: M) =>
    (async (...given: unknown[]) => {
      if (isOffline(name)) throw offlineError(name);
      return Reflect.apply(upstream[method], upstream, given) as unknown;
    }) as Upstream[M];
  return {
    name,
    headManifest: unlessOffline('headManifest'),
    getManifest: unlessOffline('getManifest'),
    headBlob: unlessOffline('headBlob'),
    getBlob: unlessOffline('getBlob'),
    listTags: unlessOffline('listTags'),
    listReferrers: unlessOffline('listReferrers'),
    checkAccess: unlessOffline('checkAccess'),
    close: () => upstream.close(),
  };
}
