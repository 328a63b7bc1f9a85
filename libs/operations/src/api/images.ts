// The responses about images: lists, details, and the results of operators' actions.
import { z } from 'zod';
import { bytes, count, type Described, failure, time } from './values.ts';

const upstream = z.string().describe("The upstream's name.");
const repository = z.string().describe('The name within the upstream.');
const name = z.string().describe('The name as docker pull takes it.');
const digest = z.string().describe('sha256:…');
const state = z
  .enum(['fresh', 'due', 'stale', 'not cached'])
  .describe(
    'due: older than its TTL, and confirmed with the next pull. stale: due, and the last confirmation failed. ' +
      'not cached: only an image index is cached, and no platform of it.',
  );
const lastPulledAt = time('When it was last pulled').nullable();
const pinned = z.boolean().describe('Whether it is never evicted.');
const fetchedAt = time('When the tag last changed to this digest in the cache');
const confirmedAt = time('When the upstream last confirmed it').nullable();
const tag = z.string();

const cachedImage = z.object({
  upstream,
  repository,
  tag,
  name,
  digest,
  fetchedAt,
  confirmedAt,
  state,
  lastPulledAt,
  pinned,
});

export const imagePage = z.object({
  images: z.array(cachedImage),
  cursor: z
    .string()
    .describe('The cursor of the next page; null on the last page. A page with a cursor may be short or empty.')
    .nullable(),
});

const platform = z.object({
  platform: z.string().describe('os/architecture or os/architecture/variant.').nullable(),
  digest,
  bytes: bytes.describe('Bytes of the whole platform, as far as they are known.'),
  cachedBytes: bytes.describe('Bytes that are cached.'),
  layers: z.array(
    z.object({ digest, bytes, mediaType: z.string(), cached: z.boolean().describe('Whether the layer is cached.') }),
  ),
});

const freshness = z.object({
  firstSeenAt: time('When the cache first saw the tag'),
  fetchedAt,
  confirmedAt,
  lastTriedAt: time('When the cache last requested it from the upstream').nullable(),
  lastFailure: z.string().describe('The error kind of that request; null after a success.').nullable(),
  pulls: count,
  ttlMs: z.number().describe('How long the tag is fresh after a confirmation; null for ever.').nullable(),
  staleWhileRevalidateMs: z
    .number()
    .describe('How long after ttlMs the tag is served immediately and confirmed afterwards; null for ever.')
    .nullable(),
  staleIfErrorMs: z
    .number()
    .describe('How long the tag is served while its confirmation fails; null for ever.')
    .nullable(),
});

export const imageDetails = z.object({
  image: z.string().describe('The full name.'),
  upstream,
  repository,
  tag: tag.nullable(),
  digest,
  mediaType: z.string(),
  tags: z.array(tag).describe('Tags of the repository that name the same digest.'),
  state: state.describe('The state of the tag. An image by digest never changes, so it is fresh or not cached.'),
  platforms: z.array(platform).describe('Empty if the manifest is not cached.'),
  lastPulledAt,
  freshness: freshness.describe('Null for an image by digest, which never changes.').nullable(),
  pinned,
});

const score = z.number().describe('The sum of all pulls, each weighted by its age: a pull counts half after a day.');

const popularImage = z.object({
  upstream,
  repository,
  tag,
  name,
  score,
  platforms: z
    .array(z.object({ platform: z.string(), score }))
    .describe('The pulled platforms of the repository, for all its tags.'),
});

export const topImages = z.object({ images: z.array(popularImage).describe('The highest score first.') });

export const purgeAnswer = z.object({
  purged: z.object({
    tags: count,
    manifests: count.describe('Manifests whose bytes were removed. Manifests that other images refer to stay.'),
    blobs: count.describe('Blobs whose bytes were removed. Blobs that other images refer to stay.'),
  }),
});

export const purgePlanLine = z.object({
  tag: z.string().describe('The full name of a tag that the purge would remove.').optional(),
  result: z
    .object({
      tags: count,
      manifests: count.describe('Manifests whose bytes would be removed.'),
      blobs: count.describe('Blobs whose bytes would be removed.'),
      bytes: bytes.describe('Bytes of these manifests and blobs.'),
    })
    .optional(),
  error: failure.optional(),
});

export const refreshAnswer = z.object({
  image: z.string().describe('The full name.'),
  before: z.string().describe('The digest that the tag named before, in the cache.').nullable(),
  after: z.string().describe('The digest that the tag names now.').nullable(),
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
export type PurgePlanLine = Described<typeof purgePlanLine>;
export type RefreshAnswer = Described<typeof refreshAnswer>;
export type PrewarmLine = Described<typeof prewarmLine>;
