// Sending clients to the store for blobs, in place of the bytes.
import type { z } from 'zod';
import { duration, flag, listOf, network, section, serverUrl } from '../values/values.ts';
import type { SectionContext } from './context.ts';

export const storageRedirectSection = section('Sending clients to the store for blobs, in place of the bytes.', {
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

export interface StorageRedirectConfig {
  /** Public URL of the store, without path; `undefined`: the one that Cistern itself uses. */
  readonly endpoint: string | undefined;
  /** In CIDR notation. */
  readonly exceptNetworks: readonly string[];
  readonly expiresMs: number;
}

const path = 'storage.redirect';
const weekMs = 7 * 24 * 3_600_000;

/** `undefined`: clients get all bytes from Cistern. */
export function buildStorageRedirect(
  redirect: z.output<typeof storageRedirectSection>,
  isS3: boolean,
  context: SectionContext,
): StorageRedirectConfig | undefined {
  const { disable, endpoint, except, expires } = redirect;
  if (disable) {
    if (endpoint !== undefined || except.length > 0)
      context.warn(path, 'has no effect: set storage.redirect.disable to false to send clients to the store');
    return undefined;
  }
  if (!isS3) context.report(`${path}.disable`, 'false needs storage.s3: clients can be sent to no other store');
  if (expires < 1000 || expires > weekMs) context.report(`${path}.expires`, 'must be from 1s to 168h, as S3 has it');
  return { endpoint, exceptNetworks: except, expiresMs: expires };
}
