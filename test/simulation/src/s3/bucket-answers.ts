// Answers the requests about a bucket of the simulated S3 server.
import { type S3Answer, emptyAnswer, errorAnswer, escapeXml, xmlAnswer, xmlDate } from './s3-answer.ts';
import { type S3Bucket, type S3Contents, createBucket } from './s3-contents.ts';

const mostAtOnce = 1000;

export function makeBucket({ buckets }: S3Contents, name: string): S3Answer {
  if (buckets.has(name)) return errorAnswer('BucketAlreadyOwnedByYou');
  buckets.set(name, createBucket());
  return emptyAnswer(200, { location: `/${name}` });
}

export function readLifecycle({ lifecycle }: S3Bucket): S3Answer {
  if (lifecycle === undefined) return errorAnswer('NoSuchLifecycleConfiguration');
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: lifecycle };
}

export function writeLifecycle(bucket: S3Bucket, rules: Buffer): S3Answer {
  bucket.lifecycle = rules;
  return emptyAnswer(200);
}

/** Implements ListObjectsV2 without delimiters. */
export function listObjects({ objects }: S3Bucket, query: URLSearchParams): S3Answer {
  if ((query.get('delimiter') ?? '') !== '') return errorAnswer('NotImplemented');
  const prefix = query.get('prefix') ?? '';
  const limit = Math.min(mostAtOnce, Number(query.get('max-keys') ?? mostAtOnce));
  const token = query.get('continuation-token');
  const after = token === null ? '' : Buffer.from(token, 'base64url').toString();
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
  const page = keys.slice(0, limit);
  const isTruncated = page.length < keys.length;
  const next = Buffer.from(page.at(-1) ?? '').toString('base64url');
  const encode = query.get('encoding-type') === 'url' ? encodeKey : escapeXml;
  const items = page.map((key) => {
    const { bytes, etag, modifiedAtMs } = objects.get(key)!;
    const size = `<Size>${bytes.length}</Size><ETag>&quot;${etag}&quot;</ETag>`;
    return `<Contents><Key>${encode(key)}</Key><LastModified>${xmlDate(modifiedAtMs)}</LastModified>${size}</Contents>`;
  });
  const token_ = isTruncated ? `<NextContinuationToken>${next}</NextContinuationToken>` : '';
  return xmlAnswer(
    `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${token_}${items.join('')}</ListBucketResult>`,
  );
}

/** Implements ListMultipartUploads without delimiters. */
export function listUploads({ uploads }: S3Bucket, query: URLSearchParams): S3Answer {
  const prefix = query.get('prefix') ?? '';
  const limit = Math.min(mostAtOnce, Number(query.get('max-uploads') ?? mostAtOnce));
  const afterKey = query.get('key-marker') ?? '';
  const afterId = query.get('upload-id-marker') ?? '';
  const isAfter = (key: string, id: string) => key > afterKey || (key === afterKey && afterId !== '' && id > afterId);
  const found = [...uploads]
    .filter(([id, { key }]) => key.startsWith(prefix) && isAfter(key, id))
    .sort(([oneId, one], [otherId, other]) => compare(one.key, other.key) || compare(oneId, otherId));
  const page = found.slice(0, limit);
  const items = page.map(
    ([id, { key, begunAtMs }]) =>
      `<Upload><Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId><Initiated>${xmlDate(begunAtMs)}</Initiated></Upload>`,
  );
  const last = page.at(-1);
  const isTruncated = page.length < found.length && last !== undefined;
  const next = isTruncated
    ? `<NextKeyMarker>${escapeXml(last[1].key)}</NextKeyMarker><NextUploadIdMarker>${last[0]}</NextUploadIdMarker>`
    : '';
  return xmlAnswer(
    `<ListMultipartUploadsResult><IsTruncated>${isTruncated}</IsTruncated>${next}${items.join('')}</ListMultipartUploadsResult>`,
  );
}

function compare(one: string, other: string): number {
  return Number(one > other) - Number(one < other);
}

function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll('%2F', '/');
}
