// The store: where blobs and manifests are kept, how much it may hold, whether clients are sent to it, and how it is scrubbed.
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
  text: 'Bytes of blobs and manifests that the store may hold. What nobody has pulled for longest is removed to make room; pinned images stay.',
  default: 'any number that leaves `storage.minfree`',
}).optional();

const minFreeKey = sizeOrPercentage({
  text: 'What stays free of the file system that holds the store, as a size or in percent of the file system; `storage.filesystem` only. The least recently pulled is evicted for it, down to nothing where other files take the room; a blob that does not fit even then is refused with 503 before its first byte.',
  default: '10 % of the file system, at most 20GiB, and at most half of what other files leave',
}).optional();

const watermarksSection = section('Parts of what the store may hold by `maxbytes` and `minfree`, in percent.', {
  high: wholeNumber(
    'Room is made when the store holds more than this part. What is left is for what arrives meanwhile.',
    {
      min: 1,
      max: 100,
    },
  ).prefault('95'),
  low: wholeNumber('So much is removed then that the store holds no more than this part.', {
    min: 0,
    max: 99,
  }).prefault('85'),
});

const storageRedirectSection = section('Sending clients to the store for blobs, in place of the bytes.', {
  disable: flag(
    'With `false` a blob that is stored is answered by 307 and a signed URL of the store, which clients then have to reach; `storage.s3` only. The default is not that of registry:2.',
  ).prefault('true'),
  endpoint: serverUrl({
    text: 'The URL of the store as clients reach it.',
    default: 'as Cistern does',
  }).optional(),
  except: listOf(
    'Networks of clients that get the bytes from Cistern all the same.',
    network('Addresses of clients.'),
  ).prefault([]),
  expires: duration('How long a signed URL is valid.').prefault('20m'),
});

const storageScrubSection = section(
  'The store is read through again and again, by one worker of all: what is not what its digest says goes into quarantine and is fetched again.',
  {
    enabled: flag('Switches it on or off.').prefault('true'),
    bandwidth: size('Bytes a second that are read.').prefault('10MiB'),
    every: duration('How often it begins anew, unless it takes longer.').prefault('168h'),
  },
);

const forgetAfterKey = duration(
  'Names whose manifests are evicted are forgotten when their upstream has not confirmed them for so long: tags, links and lists. The same goes, oldest first, for what is more than ten times the number of names that are cached. Names of pinned images stay.',
).prefault('720h');

const registryRoot = '/var/lib/registry';

export const storageSection = section(
  {
    text: 'One store. `storage: inmemory` and the like are taken too.',
    default: 'the filesystem, in a directory of its own',
  },
  {
    filesystem: openSection("A directory laid out as registry:2's, whose content is used where there is some.", {
      rootdirectory: filePath('The directory; it is created.').prefault(registryRoot),
      maxthreads: wholeNumber('Accepted for registry:2; reads need no such limit here.', {
        min: 0,
        max: 1e6,
      }).optional(),
    }).optional(),
    s3: s3Section.optional(),
    inmemory: openSection('Keeps everything in memory and forgets it on exit; for tests.', {}).optional(),
    maxbytes: maxBytesKey,
    minfree: minFreeKey,
    watermarks: watermarksSection,
    forgetafter: forgetAfterKey,
    redirect: storageRedirectSection,
    scrub: storageScrubSection,
    cache: section('Accepted for registry:2: blob records are always cached.', {
      blobdescriptor: text('Accepted for registry:2.').optional(),
      blobdescriptorsize: wholeNumber('Accepted for registry:2.', { min: 0, max: 1e12 }).optional(),
      layerinfo: text('Accepted for registry:2; the old name of `blobdescriptor`.').optional(),
    }),
    tag: section('Accepted for registry:2: looking tags up needs no limit here.', {
      concurrencylimit: wholeNumber('Accepted for registry:2.', { min: 0, max: 1e6 }).optional(),
    }),
  },
);

type StorageSection = z.output<typeof storageSection>;

type StorageConfig =
  | { readonly kind: 'filesystem'; readonly rootDirectory: string }
  | { readonly kind: 'memory' }
  | S3Config;

/** What stays free: the least of the three. */
interface MinFreeConfig {
  /** Of the file system, from 0 to 1. */
  readonly share: number;
  readonly maxBytes: number;
  /** Of what the store holds and what is free, from 0 to 1. */
  readonly shareOfLeft: number;
}

const defaultMinFree: MinFreeConfig = { share: 0.1, maxBytes: 20 * 1024 ** 3, shareOfLeft: 0.5 };

const weekMs = 7 * 24 * 3_600_000;

const minScrubBytesPerSecond = 64 * 1024;
const minScrubEveryMs = 10_000;
const minForgetAfterMs = 1_000;

/** The slices of the configuration that the section makes. */
export type StorageSlices = Readonly<ReturnType<typeof buildStorage>>;

export function buildStorage(storage: StorageSection, context: SectionContext) {
  return {
    storage: storeOf(storage, context),
    storageLimits: buildStorageLimits(storage, context),
    storageForgetAfterMs: buildForgetAfter(storage, context),
    /** `undefined`: clients get every byte from Cistern. */
    storageRedirect: buildStorageRedirect(storage, context),
    /** `undefined`: the store is not read through. */
    storageScrub: buildStorageScrub(storage, context),
  };
}

/** Where a single process has what is its alone; `undefined`: it has no directory. */
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
  if (maxbytes === 0)
    context.report('storage.maxbytes', 'must be more than 0; leave it out for a store without a limit');
  if (minfree !== undefined && !isFilesystem)
    context.warn('storage.minfree', 'has no effect: it is for storage.filesystem');
  return {
    /** Infinity: any number. */
    maxBytes: maxbytes,
    /** Parts of what the store may hold, from 0 to 1. */
    highShare: high / 100,
    lowShare: low / 100,
    /** `undefined`: the store has no file system of its own. */
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

/** `undefined`: clients get all bytes from Cistern. */
function buildStorageRedirect({ redirect, s3 }: StorageSection, context: SectionContext) {
  const { disable, endpoint, except, expires } = redirect;
  if (disable) {
    if (endpoint !== undefined || except.length > 0)
      context.warn(
        'storage.redirect',
        'has no effect: set storage.redirect.disable to false to send clients to the store',
      );
    return undefined;
  }
  if (s3 === undefined)
    context.report('storage.redirect.disable', 'false needs storage.s3: clients can be sent to no other store');
  if (expires < 1000 || expires > weekMs)
    context.report('storage.redirect.expires', 'must be from 1s to 168h, as S3 has it');
  return {
    /** Public URL of the store, without path; `undefined`: the one that Cistern itself uses. */
    endpoint,
    /** In CIDR notation. */
    exceptNetworks: except,
    expiresMs: expires,
  };
}

/** `undefined`: the store is not read through. */
function buildStorageScrub({ scrub: { enabled, bandwidth, every } }: StorageSection, context: SectionContext) {
  if (bandwidth < minScrubBytesPerSecond)
    context.report('storage.scrub.bandwidth', 'must be at least 64KiB: with less it comes to no end');
  if (every < minScrubEveryMs) context.report('storage.scrub.every', 'must be at least 10s');
  return enabled ? { bytesPerSecond: bandwidth, everyMs: every } : undefined;
}
