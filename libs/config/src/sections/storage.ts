// Where blobs and manifests are kept.
import type { z } from 'zod';
import { filePath, flag, openSection, section, text, wholeNumber } from '../values.ts';
import type { SectionContext } from './context.ts';

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
    inmemory: openSection('Keeps everything in memory and forgets it on exit; for tests.', {}).optional(),
    cache: section('Accepted for registry:2: blob records are always cached.', {
      blobdescriptor: text('Accepted for registry:2.').optional(),
      blobdescriptorsize: wholeNumber('Accepted for registry:2.', { min: 0, max: 1e12 }).optional(),
      layerinfo: text('Accepted for registry:2; the old name of `blobdescriptor`.').optional(),
    }),
    tag: section('Accepted for registry:2: looking tags up needs no limit here.', {
      concurrencylimit: wholeNumber('Accepted for registry:2.', { min: 0, max: 1e6 }).optional(),
    }),
    redirect: section('Sending clients to the store for blobs.', {
      disable: flag('Must be `true`: clients always get blobs from the cache itself.').prefault('true'),
    }),
  },
);

export type StorageConfig =
  | { readonly kind: 'filesystem'; readonly rootDirectory: string }
  | { readonly kind: 'memory' };

export function buildStorage(storage: z.output<typeof storageSection>, context: SectionContext): StorageConfig {
  if (storage.filesystem && storage.inmemory)
    context.report('storage', 'must name one store, not filesystem and inmemory together');
  if (!storage.redirect.disable)
    context.report(
      'storage.redirect.disable',
      'false is not supported by this version; remove the key or set it to true',
    );
  if (storage.inmemory) return { kind: 'memory' };
  return { kind: 'filesystem', rootDirectory: storage.filesystem?.rootdirectory ?? context.defaults.rootDirectory };
}
