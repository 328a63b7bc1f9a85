// The shapes of what the image routes take and give.
import { byteCount, count, flag, list, number, object, optional, orNull, text, time } from './json-schema.ts';

const upstream = text("The upstream's name.");
const repository = text('Within the upstream.');
const digest = text('sha256:…');
const fresh = text('stale: served, and confirmed behind the answer; expired: upstream is asked first.', {
  enum: ['fresh', 'stale', 'expired'],
});
const pulled = orNull(time('When it was last pulled'));
const pinned = flag('Whether it is never evicted.');
const fetchedAt = time('When the tag began to name this digest here');
const confirmedAt = orNull(time('When upstream last confirmed it'));

export const imageQuery = object({
  search: optional(text('Part of the full name, such as nginx or library/nginx:1.', { maxLength: 512 })),
  upstream: optional(text('Only what is from this upstream.', { maxLength: 255 })),
  limit: optional({ type: 'integer', minimum: 1, maximum: 1000, default: 100 }),
  cursor: optional(text('As the page before gave it.', { maxLength: 2048 })),
});

export const imagePage = object({
  images: list(
    object({
      upstream,
      repository,
      tag: text(),
      name: text('As docker pull writes it.'),
      digest,
      fetchedAt,
      confirmedAt,
      fresh,
      lastPulledAt: pulled,
      pinned,
    }),
  ),
  cursor: orNull(text('For the next page; null: that was all. A page may be short, or empty, and have one.')),
});

export const detailsQuery = object({
  image: { ...text('For example nginx:1.27 or quay.io/org/app@sha256:….', { maxLength: 512 }), minLength: 1 },
});

const layer = object({ digest, bytes: byteCount(), mediaType: text(), cached: flag('Whether its bytes are here.') });

export const imageDetails = object({
  image: text('The name in full.'),
  upstream,
  repository,
  tag: orNull(text()),
  digest,
  mediaType: text(),
  tags: list(text(), 'Of the repository that name the same.'),
  platforms: list(
    object({
      platform: orNull(text('os/architecture or os/architecture/variant.')),
      digest,
      bytes: byteCount('Bytes of all that it is made of, as far as that is known.'),
      cachedBytes: byteCount('Of these here.'),
      layers: list(layer),
    }),
    'Empty while the manifest is not here.',
  ),
  lastPulledAt: pulled,
  freshness: orNull(
    object(
      {
        fresh,
        firstSeenAt: time('When the tag was first seen here'),
        fetchedAt,
        confirmedAt,
        lastTriedAt: orNull(time('When upstream was last asked')),
        lastFailure: orNull(text('The kind of error with which that ended.')),
        pulls: count(),
        ttlMs: orNull(number('For so long it is fresh; null: for ever.')),
        staleWhileRevalidateMs: orNull(number('For so long after that it is served at once; null: for ever.')),
        staleIfErrorMs: orNull(number('For so long it is served while upstream cannot be asked; null: for ever.')),
      },
      'Null for a digest, which never changes.',
    ),
  ),
  pinned,
});

export const topQuery = object({ limit: optional({ type: 'integer', minimum: 1, maximum: 1000, default: 20 }) });

const score = number('Pulls of late: one counts half after a day.');

export const topImages = object({
  images: list(
    object({
      upstream,
      repository,
      tag: text(),
      name: text('As docker pull writes it.'),
      score,
      platforms: list(object({ platform: text(), score }), 'Of the repository, whatever the tag.'),
    }),
    'The most pulled first.',
  ),
});
