// Creates sample records.
import assert from 'node:assert/strict';
import type { BlobRecord, CacheIndex, FillClaim, FillRecord, Link, RepositoryKey, TagRecord } from '@cistern/index';
import { digestOf, parseRepositoryName, parseTag, type Digest } from '@cistern/oci';

export function repositoryKey(repository: string): RepositoryKey {
  return { upstream: 'docker.io', repository: parseRepositoryName(repository) };
}

export const nginx = repositoryKey('library/nginx');

export function digestFor(seed: string): Digest {
  return digestOf(Buffer.from(seed), 'sha256');
}

export function tagRecord(tag: string, fields: Partial<TagRecord> = {}): TagRecord {
  return {
    ...nginx,
    schema: 1,
    tag: parseTag(tag),
    digest: digestFor(tag),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    size: 1609,
    sequence: 1,
    firstSeenAtMs: 1,
    changedAtMs: 2,
    checkedAtMs: 3,
    lastPulledAtMs: 0,
    pulls: 0,
    lastTriedAtMs: 4,
    lastFailure: undefined,
    warning: undefined,
    origin: 'upstream',
    ...fields,
  };
}

export function blobRecord(seed: string, fields: Partial<BlobRecord> = {}): BlobRecord {
  return {
    schema: 1,
    digest: digestFor(seed),
    size: 10,
    state: 'present',
    verified: true,
    storedAtMs: 1_700_000_000_000.25,
    lastPulledAtMs: 1,
    ...fields,
  };
}

export function link(seed: string, key: RepositoryKey = nginx): Link {
  return { ...key, digest: digestFor(seed), kind: 'blob', size: 10, mediaType: undefined };
}

/** Claims a fill and returns its record. The claim must succeed. */
export async function claimed({ fills }: Pick<CacheIndex, 'fills'>, wanted: FillClaim): Promise<FillRecord> {
  const record = await fills.claim(wanted);
  assert.ok(record !== undefined && !('unsettledForMs' in record), 'the claim was rejected');
  return record;
}

export function claim(seed: string, owner: string, fields: Partial<FillClaim> = {}): FillClaim {
  return {
    digest: digestFor(seed),
    fillId: `fill-of-${owner}`,
    owner,
    address: 'http://worker-1:5002',
    class: 'interactive',
    source: nginx,
    replaces: 0,
    leaseMs: 4000,
    ...fields,
  };
}
