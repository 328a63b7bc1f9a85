// Records for the conformance suite.
import assert from 'node:assert/strict';
import { digestOf, parseRepositoryName, parseTag, type Digest } from '@cistern/oci';
import type { BlobRecord, ManifestRecord } from '../blobs.ts';
import type { FillClaim, FillIndex, FillRecord } from '../fills.ts';
import type { Link, RepositoryKey } from '../links.ts';
import type { TagRecord } from '../tags.ts';

export function sampleDigest(seed: string, algorithm: 'sha256' | 'sha512' = 'sha256'): Digest {
  return digestOf(Buffer.from(seed), algorithm);
}

export function repositoryKey(upstream: string, repository: string): RepositoryKey {
  return { upstream, repository: parseRepositoryName(repository) };
}

export const nginx = repositoryKey('docker.io', 'library/nginx');

export function sampleTag(tag: string, fields: Partial<TagRecord> = {}): TagRecord {
  return {
    ...nginx,
    schema: 1,
    tag: parseTag(tag),
    digest: sampleDigest(tag),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    size: 1609,
    sequence: 1,
    firstSeenAtMs: 1_700_000_000_000,
    changedAtMs: 1_700_000_000_001,
    checkedAtMs: 1_700_000_000_002,
    lastPulledAtMs: 0,
    pulls: 0,
    lastTriedAtMs: 1_700_000_000_003,
    origin: 'upstream',
    ...fields,
  };
}

export function sampleManifest(seed: string, fields: Partial<ManifestRecord> = {}): ManifestRecord {
  return {
    schema: 1,
    digest: sampleDigest(seed),
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    size: 4_194_304,
    storedAtMs: 1_700_000_000_000,
    ...fields,
  };
}

export function sampleBlobRecord(seed: string, fields: Partial<BlobRecord> = {}): BlobRecord {
  return {
    schema: 1,
    digest: sampleDigest(seed),
    size: 20_000_000_000,
    state: 'present',
    verified: true,
    storedAtMs: 1_700_000_000_000,
    lastPulledAtMs: 1_700_000_000_000,
    ...fields,
  };
}

export function sampleLink(key: RepositoryKey, seed: string, fields: Partial<Link> = {}): Link {
  return { ...key, digest: sampleDigest(seed), kind: 'blob', ...fields };
}

export function sampleClaim(seed: string, fields: Partial<FillClaim> = {}): FillClaim {
  return {
    digest: sampleDigest(seed),
    fillId: `fill-${seed}`,
    owner: `owner-${seed}`,
    address: 'http://worker-1:5002',
    class: 'interactive',
    source: nginx,
    replaces: 0,
    leaseMs: 60_000,
    ...fields,
  };
}

/** Claims a fill and returns its record. Fails the test if the claim is refused or must wait. */
export async function claimed(fills: FillIndex, claim: FillClaim): Promise<FillRecord> {
  const record = await fills.claim(claim);
  assert.ok(record !== undefined && !('unsettledForMs' in record), 'the claim was refused');
  return record;
}

/** Checks that two records are equal. A field that is `undefined` equals a missing field. */
export function assertSameRecord(actual: unknown, expected: unknown): void {
  assert.deepEqual(withoutUndefined(actual), withoutUndefined(expected));
}

/** Checks that a result of `fromMemory` is `undefined` or equal to the result of a read. */
export function assertFromMemory(actual: unknown, expected: unknown): void {
  if (actual !== undefined) assertSameRecord(actual, expected);
}

function withoutUndefined(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
