// A scriptable registry for tests of programs that pull from it. It can inject faults and counts requests.
import {
  addImage,
  type AddedImage,
  addIndex,
  addReferrer,
  addSchema1Image,
  type ImageOptions,
  type IndexOptions,
  type ReferrerOptions,
} from './content/builders.ts';
import type { Digest } from '@cistern/oci';
import type { AuthControls, AuthOptions } from './auth/auth-options.ts';
import { createAuth } from './auth/authorize.ts';
import { type AddedManifest, type Content, createContent } from './content/content.ts';
import { createFaultScript, type FaultScript } from './faults/fault-script.ts';
import { type Listener, openListener } from './listener.ts';
import {
  type AbuseLimitOptions,
  createRateLimit,
  type RateLimitControls,
  type RateLimitOptions,
} from './rate-limit.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import { serveRequest } from './serve-request.ts';
import type { Host } from './target.ts';

export interface FakeUpstreamOptions {
  /** Default: no authentication. */
  readonly auth?: AuthOptions;
  readonly rateLimit?: RateLimitOptions;
  readonly abuseLimit?: AbuseLimitOptions;
  /**
   * The status for a repository that does not exist, with bearer authentication. Docker Hub sends 401. Default: 404.
   */
  readonly missingRepository?: 404 | 401;
  /** The most entries on a page of tags or referrers. Default: no limit. */
  readonly maxPerPage?: number;
  /** Whether there is a referrers endpoint. Default: true. */
  readonly referrers?: boolean;
}

export interface FakeUpstream extends Content, FaultScript, Recorder {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Returns the address of `host`, as used in redirects and token realms. All addresses belong to the same server. */
  urlOf(host: Host): string;
  addImage(repository: string, options?: ImageOptions): AddedImage;
  addIndex(repository: string, options: IndexOptions): AddedManifest;
  addReferrer(repository: string, options: ReferrerOptions): AddedManifest;
  addSchema1Image(repository: string, options: { tag: string }): AddedManifest & { layers: readonly Digest[] };
  readonly auth: AuthControls;
  readonly rateLimit: RateLimitControls;
  /** Destroys all connections and refuses new ones, at every address. */
  refuseConnections(): Promise<void>;
  /** Accepts connections again, at the same addresses. */
  acceptConnections(): Promise<void>;
  /** Destroys all connections. Rejects if the fake upstream itself has failed. */
  close(): Promise<void>;
}

/** Starts an empty registry on free loopback ports. The caller closes it. */
export async function startFakeUpstream(options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
  const content = createContent();
  const faults = createFaultScript();
  const recorder = createRecorder();
  const rateLimit = createRateLimit(options.rateLimit, options.abuseLimit);
  const mistakes: unknown[] = [];
  const auth = createAuth({
    options: options.auth ?? { kind: 'none' },
    urlOf,
    grants: (repository) => options.missingRepository !== 401 || content.find(repository) !== undefined,
  });
  const given = {
    content,
    faults,
    recorder,
    rateLimit,
    auth,
    urlOf,
    maxPerPage: options.maxPerPage ?? Number.POSITIVE_INFINITY,
    referrers: options.referrers ?? true,
    failed: (error: unknown) => void mistakes.push(error),
  };
  const serving = new Set<Promise<void>>();
  const open = (host: Host, address: string) =>
    openListener(address, (request, response) => {
      const served = serveRequest(given, host, request, response).finally(() => serving.delete(served));
      serving.add(served);
    });
  const listeners: Record<Host, Listener> = {
    registry: await open('registry', '127.0.0.1'),
    'other-port': await open('other-port', '127.0.0.1'),
    'other-host': await open('other-host', '127.0.0.2'),
  };

  function urlOf(host: Host): string {
    return listeners[host].url;
  }

  async function refuseConnections(): Promise<void> {
    await Promise.all(Object.values(listeners).map((listener) => listener.stop()));
    await Promise.all(serving);
  }

  return {
    ...content,
    ...faults,
    ...recorder,
    url: urlOf('registry'),
    urlOf,
    addImage: (repository, image) => addImage(content, repository, image),
    addIndex: (repository, index) => addIndex(content, repository, index),
    addReferrer: (repository, referrer) => addReferrer(content, repository, referrer),
    addSchema1Image: (repository, image) => addSchema1Image(content, repository, image),
    auth,
    rateLimit,
    refuseConnections,
    async acceptConnections() {
      await Promise.all(Object.values(listeners).map((listener) => listener.resume()));
    },
    async close() {
      await refuseConnections();
      if (mistakes.length > 0) throw new AggregateError(mistakes, 'the fake upstream itself has failed');
    },
  };
}
