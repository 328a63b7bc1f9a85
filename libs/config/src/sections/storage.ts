// The section `storage`: the store of blobs and manifests, its limits, the redirects of clients to the store, and the
// scrub.
import { join } from 'node:path';
import type { z } from 'zod';
import {
  duration,
  filePath,
  flag,
  listOf,
  network,
  openSection,
  section,
  serverUrl,
  size,
  sizeOrPercentage,
  text,
  wholeNumber,
} from '../values/values.ts';
import type { SectionContext } from './context.ts';
import { buildS3, s3Section, type S3Config } from './s3.ts';

const maxBytesKey = size({
  text: 'The maximum size of all blobs and manifests in the store. The least recently pulled ones are evicted to enforce it. Pinned images are kept.',
  default: 'limited only by `storage.minfree`',
}).optional();

const minFreeKey = sizeOrPercentage({
  text: 'Free space on the file system of the store, as a size or in percent; only for `storage.filesystem`. The least recently pulled content is evicted to keep it, even all of it if other files fill the disk. A blob that still does not fit is rejected with 503 before its first byte.',
  default: '10 % of the file system, at most 20GiB, and at most half of the space that other files leave',
}).optional();

const watermarksSection = section('The bounds of eviction, in percent of the limit by `maxbytes` and `minfree`.', {
  high: wholeNumber(
    'Eviction begins when the store holds more than this. The rest is for content that arrives meanwhile.',
    {
      min: 1,
      max: 100,
    },
  ).prefault('95'),
  low: wholeNumber('Eviction ends when the store holds no more than this.', {
    min: 0,
    max: 99,
  }).prefault('85'),
});

const storageRedirectSection = section('Redirects of clients to the store for blobs.', {
  disable: flag(
    'With `false` the response for a stored blob is 307 with a signed URL of the store. Clients must be able to reach the store. Only for `storage.s3`. The default differs from registry:2.',
  ).prefault('true'),
  endpoint: serverUrl({
    text: 'The URL of the store for clients.',
    default: 'the URL that Cistern uses',
  }).optional(),
  except: listOf('Networks of clients that are not redirected.', network('Addresses of clients.')).prefault([]),
  expires: duration('The lifetime of a signed URL.').prefault('20m'),
});

const storageScrubSection = section(
  'The scrub: one of the workers reads the whole store periodically and verifies digests. Damaged content is quarantined and fetched again.',
  {
    enabled: flag('Enables the scrub.').prefault('true'),
    bandwidth: size('The rate of reading, in bytes per second.').prefault('10MiB'),
    every: duration('The time from the start of one scrub to the next, if it does not take longer.').prefault('168h'),
  },
);

const forgetAfterKey = duration(
  'Tags, links and lists whose manifests are evicted expire when their upstream has not confirmed them for this time. The oldest expire earlier if their number exceeds ten times the number of cached names. Names of pinned images are kept.',
).prefault('720h');

const registryRoot = '/var/lib/registry';

export const storageSection = section(
  {
    text: 'The store, exactly one. Shorthands such as `storage: inmemory` work too.',
    default: "the filesystem, in Cistern's own directory",
  },
  {
    filesystem: openSection('A directory with the layout of registry:2. Existing content is used.', {
      rootdirectory: filePath('The directory. It is created.').prefault(registryRoot),
      maxthreads: wholeNumber('Accepted for registry:2, without effect: reads need no such limit.', {
        min: 0,
        max: 1e6,
      }).optional(),
    }).optional(),
    s3: s3Section.optional(),
    inmemory: openSection('Keeps everything in memory and loses it on exit, for tests.', {}).optional(),
    maxbytes: maxBytesKey,
    minfree: minFreeKey,
    watermarks: watermarksSection,
    forgetafter: forgetAfterKey,
    redirect: storageRedirectSection,
    scrub: storageScrubSection,
    cache: section('Accepted for registry:2, without effect: blob records are always cached.', {
      blobdescriptor: text('Accepted for registry:2.').optional(),
      blobdescriptorsize: wholeNumber('Accepted for registry:2.', { min: 0, max: 1e12 }).optional(),
      layerinfo: text('Accepted for registry:2, the old name of `blobdescriptor`.').optional(),
    }),
    tag: section('Accepted for registry:2, without effect: reading tags needs no limit.', {
      concurrencylimit: wholeNumber('Accepted for registry:2.', { min: 0, max: 1e6 }).optional(),
    }),
  },
);

type StorageSection = z.output<typeof storageSection>;

type StorageConfig =
  | { readonly kind: 'filesystem'; readonly rootDirectory: string }
  | { readonly kind: 'memory' }
  | S3Config;

/** The space that eviction keeps free on the store's file system is the smallest of these three values. */
interface MinFreeConfig {
  /** The share of the file system, from 0 to 1. */
  readonly share: number;
  readonly maxBytes: number;
  /** The share of the store's bytes and the free bytes together, from 0 to 1. */
  readonly shareOfLeft: number;
}

const defaultMinFree: MinFreeConfig = { share: 0.1, maxBytes: 20 * 1024 ** 3, shareOfLeft: 0.5 };

const weekMs = 7 * 24 * 3_600_000;

const minScrubBytesPerSecond = 64 * 1024;
const minScrubEveryMs = 10_000;
const minForgetAfterMs = 1_000;

/** The parts of the configuration that come from the section `storage`. */
export type StorageSlices = Readonly<ReturnType<typeof buildStorage>>;

export function buildStorage(storage: StorageSection, context: SectionContext) {
  return {
    storage: storeOf(storage, context),
    storageLimits: buildStorageLimits(storage, context),
    storageForgetAfterMs: buildForgetAfter(storage, context),
    /** `undefined` means that clients get every byte from Cistern. */
    storageRedirect: buildStorageRedirect(storage, context),
    /** `undefined` means that the store is not scrubbed. */
    storageScrub: buildStorageScrub(storage, context),
  };
}

/**
 * Returns the directory for the index and the other files of a single process. Returns `undefined` for a store in
 * memory.
 */
export function indexDirectory(storage: StorageConfig): string | undefined {
  if (storage.kind === 'memory') return undefined;
  return join(storage.kind === 'filesystem' ? storage.rootDirectory : storage.indexDirectory, 'cistern');
}

function storeOf(storage: StorageSection, context: SectionContext): StorageConfig {
  const named = (['filesystem', 's3', 'inmemory'] as const).filter((driver) => storage[driver] !== undefined);
  if (named.length > 1) context.report('storage', `must name one store, not ${named.join(' and ')} together`);
  const { filesystem, s3, inmemory } = storage;
  if (s3 !== undefined) return buildS3(s3, context);
  if (inmemory !== undefined) return { kind: 'memory' };
  return { kind: 'filesystem', rootDirectory: filesystem?.rootdirectory ?? context.defaults.rootDirectory };
}

function buildStorageLimits(
  { maxbytes = Infinity, minfree, watermarks: { high, low }, s3, inmemory }: StorageSection,
  context: SectionContext,
) {
  const isFilesystem = s3 === undefined && inmemory === undefined;
  if (low >= high)
    context.report('storage.watermarks.low', `must be less than storage.watermarks.high, which is ${high}`);
  if (maxbytes === 0) context.report('storage.maxbytes', 'must be more than 0; remove it for a store without a limit');
  if (minfree !== undefined && !isFilesystem)
    context.warn('storage.minfree', 'has no effect: it applies only to storage.filesystem');
  return {
    /** Infinity means no limit. */
    maxBytes: maxbytes,
    /** The watermarks as shares of the limit, from 0 to 1. */
    highShare: high / 100,
    lowShare: low / 100,
    /** `undefined` means that the store is not on a file system. */
    minFree: isFilesystem ? minFreeOf(minfree) : undefined,
  };
}

function minFreeOf(given: StorageSection['minfree']): MinFreeConfig {
  if (given === undefined) return defaultMinFree;
  if ('bytes' in given) return { share: 1, maxBytes: given.bytes, shareOfLeft: 1 };
  return { share: given.percent / 100, maxBytes: Infinity, shareOfLeft: 1 };
}

function buildForgetAfter({ forgetafter }: StorageSection, context: SectionContext): number {
  if (forgetafter < minForgetAfterMs) context.report('storage.forgetafter', 'must be at least 1s');
  return forgetafter;
}

/** Returns `undefined` if clients are not redirected, and so get all bytes from Cistern. */
function buildStorageRedirect({ redirect, s3 }: StorageSection, context: SectionContext) {
  const { disable, endpoint, except, expires } = redirect;
  if (disable) {
    if (endpoint !== undefined || except.length > 0)
      context.warn(
        'storage.redirect',
        'has no effect: set storage.redirect.disable to false to redirect clients to the store',
      );
    return undefined;
  }
  if (s3 === undefined)
    context.report(
      'storage.redirect.disable',
      'false needs storage.s3, because clients can be redirected to no other store',
    );
  if (expires < 1000 || expires > weekMs)
    context.report('storage.redirect.expires', 'must be from 1s to 168h, the limits of S3');
  return {
    /** The public URL of the store, without path. `undefined` means the URL that Cistern itself uses. */
    endpoint,
    /** Networks of clients that are not redirected, in CIDR notation. */
    exceptNetworks: except,
    expiresMs: expires,
  };
}

/** Returns `undefined` if the store is not scrubbed. */
function buildStorageScrub({ scrub: { enabled, bandwidth, every } }: StorageSection, context: SectionContext) {
  if (bandwidth < minScrubBytesPerSecond)
    context.report('storage.scrub.bandwidth', 'must be at least 64KiB, because a slower scrub never ends');
  if (every < minScrubEveryMs) context.report('storage.scrub.every', 'must be at least 10s');
  return enabled ? { bytesPerSecond: bandwidth, everyMs: every } : undefined;
}
