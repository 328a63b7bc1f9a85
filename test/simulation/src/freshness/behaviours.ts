// Defines all behaviors of an upstream when a tag is requested, over sockets. Each behavior has its own client, so that
// none affects another.
import type { CacheErrorKind } from '@cistern/errors';
import { type FakeUpstream, startFakeUpstream } from '@cistern/fake-upstream';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { openUpstream, type Upstream, fixedCredentials } from '@cistern/upstream';

export interface Behaviour {
  readonly name: string;
  /** The outcome for the cache. */
  readonly outcome: 'same' | 'changed' | 'refuses' | 'fails' | 'offline';
  /** The error kind that is thrown if the tag is not cached. */
  readonly kind?: CacheErrorKind;
}

export const behaviours: readonly Behaviour[] = [
  { name: 'status-200-same', outcome: 'same' },
  { name: 'status-200-changed', outcome: 'changed' },
  // The request was not conditional, so this response makes no sense.
  { name: 'status-304', outcome: 'fails', kind: 'content-mismatch' },
  { name: 'status-401', outcome: 'refuses', kind: 'name-unknown' },
  { name: 'status-403', outcome: 'refuses', kind: 'denied' },
  { name: 'status-404', outcome: 'refuses', kind: 'manifest-unknown' },
  { name: 'status-429', outcome: 'fails', kind: 'upstream-rate-limited' },
  { name: 'status-500', outcome: 'fails', kind: 'upstream-unreachable' },
  { name: 'status-503', outcome: 'fails', kind: 'upstream-unreachable' },
  { name: 'timeout', outcome: 'fails', kind: 'upstream-timeout' },
  { name: 'connection-refused', outcome: 'fails', kind: 'upstream-unreachable' },
  { name: 'tls-failure', outcome: 'fails', kind: 'upstream-unreachable' },
  { name: 'our-credentials-refused', outcome: 'fails', kind: 'upstream-refused-us' },
  // The cache sends no request.
  { name: 'offline', outcome: 'offline', kind: 'upstream-unreachable' },
];

export interface Behaving {
  /**
   * `before` is the upstream before it fails, and `hub` is the upstream now. Both have the same content unless a test
   * changes it.
   */
  readonly before: FakeUpstream;
  readonly hub: FakeUpstream;
  /** The client for `before`. */
  readonly healthy: Upstream;
  /** By the behavior's name. Repositories of the hub whose names begin with it are affected. */
  readonly upstreams: ReadonlyMap<string, Upstream>;
}

const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });

/** `owner` closes everything. */
export async function openBehaviours(owner: { after(end: () => Promise<unknown>): unknown }): Promise<Behaving> {
  const before = await startFakeUpstream();
  const hub = await startFakeUpstream({ auth: { kind: 'bearer' } });
  const strict = await startFakeUpstream({
    auth: { kind: 'bearer', accounts: [{ username: 'robot', password: 'right' }] },
  });
  const opened: Upstream[] = [];
  owner.after(async () => {
    await Promise.all(opened.map((upstream) => upstream.close()));
    await before.close();
    await hub.close();
    await strict.close();
  });
  const open = (url: string, more: Partial<Parameters<typeof openUpstream>[0]> = {}): Upstream => {
    const upstream = openUpstream({
      name: 'docker.io',
      url,
      allowPrivate: true,
      instanceId: 'test',
      version: '0',
      metrics: createMetrics(),
      log,
      ...more,
    });
    opened.push(upstream);
    return upstream;
  };
  const special: Readonly<Record<string, () => Upstream>> = {
    timeout: () => open(hub.url, { timeouts: { headersTimeoutMs: 300 } }),
    'tls-failure': () => open(hub.url.replace('http:', 'https:')),
    'our-credentials-refused': () =>
      open(strict.url, { credentials: [fixedCredentials('robot', { username: 'robot', password: 'wrong' })] }),
  };
  // No server listens at this address.
  const refused = 'http://127.0.0.1:9';
  const upstreams = new Map<string, Upstream>();
  for (const { name } of behaviours) {
    const status = /^status-(?!200)(\d+)/.exec(name)?.[1];
    if (status !== undefined) hub.addFault({ path: new RegExp(`^/v2/${name}/`) }, { status: Number(status) });
    upstreams.set(name, special[name]?.() ?? open(name === 'connection-refused' ? refused : hub.url));
  }
  hub.addFault({ path: /^\/v2\/timeout\// }, { delayMs: 60_000 });
  return { before, hub, healthy: open(before.url), upstreams };
}
