// Where blobs and manifests are kept.
import type { z } from 'zod';
import { filePath, openSection, section, text, wholeNumber } from '../values/values.ts';
import type { SectionContext } from './context.ts';
import { buildS3, s3Section, type S3Config } from './s3.ts';
import { maxBytesKey, minFreeKey, watermarksSection } from './storage-limits.ts';
import { storageRedirectSection } from './storage-redirect.ts';
import { storageScrubSection } from './storage-scrub.ts';

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

export type StorageConfig =
  | { readonly kind: 'filesystem'; readonly rootDirectory: string }
  | { readonly kind: 'memory' }
  | S3Config;

export function buildStorage(storage: z.output<typeof storageSection>, context: SectionContext): StorageConfig {
  const named = (['filesystem', 's3', 'inmemory'] as const).filter((driver) => storage[driver] !== undefined);
  if (named.length > 1) context.report('storage', `must name one store, not ${named.join(' and ')} together`);
  const { filesystem, s3, inmemory } = storage;
  if (s3 !== undefined) return buildS3(s3, context);
  if (inmemory !== undefined) return { kind: 'memory' };
  return { kind: 'filesystem', rootDirectory: filesystem?.rootdirectory ?? context.defaults.rootDirectory };
}
