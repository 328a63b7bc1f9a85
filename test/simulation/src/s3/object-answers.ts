// Answers the requests about an object of the simulated S3 server.
import { createHash } from 'node:crypto';
import { type S3Request, parseRange } from './parse-request.ts';
import { type S3Answer, type S3ErrorCode, emptyAnswer, errorAnswer, xmlAnswer, xmlDate } from './s3-answer.ts';
import { type S3Bucket, type S3Contents, md5, putObject } from './s3-contents.ts';

const defaultType = 'binary/octet-stream';

/** Answers HEAD and GET. */
export function readObject({ objects }: S3Bucket, { key, query, headers }: S3Request): S3Answer {
  const object = objects.get(key);
  if (object === undefined) return errorAnswer('NoSuchKey');
  const size = object.bytes.length;
  const range = parseRange(headers.range, size);
  if (range === 'unsatisfiable') return errorAnswer('InvalidRange');
  const common = {
    'accept-ranges': 'bytes',
    'content-type': query.get('response-content-type') ?? object.type,
    etag: `"${object.etag}"`,
    'last-modified': new Date(object.modifiedAtMs).toUTCString(),
  };
  if (range === undefined) return { status: 200, headers: common, body: object.bytes };
  const { start, endExclusive } = range;
  return {
    status: 206,
    headers: { ...common, 'content-range': `bytes ${start}-${endExclusive - 1}/${size}` },
    body: object.bytes.subarray(start, endExclusive),
  };
}

export function writeObject(contents: S3Contents, bucket: S3Bucket, request: S3Request, body: Buffer): S3Answer {
  const wrong = findWrongBody(request, body);
  if (wrong !== undefined) return errorAnswer(wrong);
  const type = request.headers['content-type'] ?? defaultType;
  const { etag } = putObject(contents, bucket, request.key, { bytes: body, etag: md5(body), type });
  return emptyAnswer(200, { etag: `"${etag}"` });
}

/** Checks the length of the body of an object or part, and the hash with which its request was signed. */
export function findWrongBody({ headers }: S3Request, body: Buffer): S3ErrorCode | undefined {
  const { 'content-length': length, 'x-amz-content-sha256': sha256 = '' } = headers;
  if (length === undefined) return 'MissingContentLength';
  if (Number(length) !== body.length) return 'IncompleteBody';
  if (typeof sha256 !== 'string' || sha256.startsWith('STREAMING')) return 'NotImplemented';
  const isRight = !/^[0-9a-f]{64}$/.test(sha256) || createHash('sha256').update(body).digest('hex') === sha256;
  return isRight ? undefined : 'XAmzContentSHA256Mismatch';
}

export function copyObject(contents: S3Contents, bucket: S3Bucket, { key, headers }: S3Request): S3Answer {
  const source = decodeURIComponent(String(headers['x-amz-copy-source'])).replace(/^\//, '');
  const [name = '', ...sourceKey] = source.split('/');
  const from = contents.buckets.get(name);
  if (from === undefined) return errorAnswer('NoSuchBucket');
  const object = from.objects.get(sourceKey.join('/'));
  if (object === undefined) return errorAnswer('NoSuchKey');
  const { etag, modifiedAtMs } = putObject(contents, bucket, key, object);
  const result = `<LastModified>${xmlDate(modifiedAtMs)}</LastModified><ETag>&quot;${etag}&quot;</ETag>`;
  return xmlAnswer(`<CopyObjectResult>${result}</CopyObjectResult>`);
}

/** Succeeds even if the object does not exist, as S3 does. */
export function removeObject(contents: S3Contents, { objects }: S3Bucket, key: string): S3Answer {
  objects.delete(key);
  contents.onRemoved?.(key);
  return emptyAnswer(204);
}

/**
 * Implements DeleteObjects in quiet mode: the response names the keys that were not removed. `isUndeletable` selects
 * keys that the server refuses to remove.
 */
export function removeObjects(
  contents: S3Contents,
  bucket: S3Bucket,
  body: Buffer,
  isUndeletable: (key: string) => boolean,
): S3Answer {
  const keys = [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key!);
  if (keys.length === 0 || keys.length > 1000) return errorAnswer('MalformedXML');
  const refused = keys.filter(isUndeletable);
  for (const key of keys) if (!refused.includes(key)) removeObject(contents, bucket, key);
  const errors = refused.map(
    (key) => `<Error><Key>${key}</Key><Code>AccessDenied</Code><Message>No.</Message></Error>`,
  );
  return xmlAnswer(`<DeleteResult>${errors.join('')}</DeleteResult>`);
}
