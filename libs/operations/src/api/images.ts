// The answers about images: lists of them, one in detail, and what operators have done to them.
import { z } from 'zod';
import { bytes, count, type Described, failure, time } from './values.ts';

const upstream = z.string().describe("The upstream's name.");
const repository = z.string().describe('Within the upstream.');
const name = z.string().describe('As docker pull writes it.');
const digest = z.string().describe('sha256:…');
const fresh = z
  .enum(['fresh', 'stale', 'expired'])
  .describe('stale: served, and confirmed behind the answer; expired: upstream is asked first.');
const lastPulledAt = time('When it was last pulled').nullable();
const pinned = z.boolean().describe('Whether it is never evicted.');
const fetchedAt = time('When the tag began to name this digest here');
const confirmedAt = time('When upstream last confirmed it').nullable();
const tag = z.string();

const cachedImage = z.object({
  upstream,
  repository,
  tag,
  name,
  digest,
  fetchedAt,
  confirmedAt,
  fresh,
  lastPulledAt,
  pinned,
});

export const imagePage = z.object({
  images: z.array(cachedImage),
  cursor: z
    .string()
    .describe('For the next page; null: that was all. A page may be short, or empty, and have one.')
    .nullable(),
});

const platform = z.object({
  platform: z.string().describe('os/architecture or os/architecture/variant.').nullable(),
  digest,
  bytes: bytes.describe('Bytes of all that it is made of, as far as that is known.'),
  cachedBytes: bytes.describe('Those of them that are cached.'),
  layers: z.array(
    z.object({ digest, bytes, mediaType: z.string(), cached: z.boolean().describe('Whether its bytes are here.') }),
  ),
});

const freshness = z.object({
  fresh,
  firstSeenAt: time('When the tag was first seen here'),
  fetchedAt,
  confirmedAt,
  lastTriedAt: time('When upstream was last asked').nullable(),
  lastFailure: z.string().describe('The kind of error with which that ended.').nullable(),
  pulls: count,
  ttlMs: z.number().describe('For so long it is fresh; null: for ever.').nullable(),
  staleWhileRevalidateMs: z
    .number()
    .describe('For so long after that it is served at once; null: for ever.')
    .nullable(),
  staleIfErrorMs: z
    .number()
    .describe('For so long it is served while upstream cannot be asked; null: for ever.')
    .nullable(),
});

export const imageDetails = z.object({
  image: z.string().describe('The name in full.'),
  upstream,
  repository,
  tag: tag.nullable(),
  digest,
  mediaType: z.string(),
  tags: z.array(tag).describe('Tags of the repository that name the same.'),
  platforms: z.array(platform).describe('Empty while the manifest is not here.'),
  lastPulledAt,
  freshness: freshness.describe('Null for a digest, which never changes.').nullable(),
  pinned,
});

const score = z.number().describe('Recent pulls: each counts half after a day.');

const popularImage = z.object({
  upstream,
  repository,
  tag,
  name,
  score,
  platforms: z.array(z.object({ platform: z.string(), score })).describe('Those of the repository, whatever the tag.'),
});

export const topImages = z.object({ images: z.array(popularImage).describe('The most pulled first.') });

export const purgeAnswer = z.object({
  purged: z.object({
    tags: count,
    manifests: count.describe('Manifests whose bytes are gone; those that others refer to stay.'),
    blobs: count.describe('Likewise.'),
  }),
});

export const refreshAnswer = z.object({
  image: z.string().describe('The name in full.'),
  before: z.string().describe('The digest that the tag named here until now.').nullable(),
  after: z.string().describe('The digest that it names.').nullable(),
});

export const prewarmLine = z.object({
  progress: z.object({ blobs: count, blobsHere: count, bytes, bytesHere: bytes }).optional(),
  result: z
    .object({
      digest: z.string().optional(),
      blobs: count,
      bytes,
      fetchedBlobs: count,
      fetchedBytes: bytes,
      failure: z.object({ kind: z.string(), message: z.string() }).optional(),
    })
    .optional(),
  error: failure.optional(),
});

export type CachedImage = Described<typeof cachedImage>;
export type ImagePage = Described<typeof imagePage>;
export type Platform = Described<typeof platform>;
export type ImageDetails = Described<typeof imageDetails>;
export type TopImages = Described<typeof topImages>;
export type PurgeAnswer = Described<typeof purgeAnswer>;
export type RefreshAnswer = Described<typeof refreshAnswer>;
export type PrewarmLine = Described<typeof prewarmLine>;
