// The requests that the simulated S3 server supports: only those of the product's adapter.
import { listObjects, listUploads, makeBucket, readLifecycle, writeLifecycle } from './bucket-answers.ts';
import { copyObject, readObject, removeObject, removeObjects, writeObject } from './object-answers.ts';
import type { S3Request } from './parse-request.ts';
import { type S3Answer, emptyAnswer, errorAnswer } from './s3-answer.ts';
import type { S3Bucket, S3Contents } from './s3-contents.ts';
import { abortUpload, beginUpload, completeUpload, listParts, writePart } from './upload-answers.ts';

/** Executes the request immediately and completely. `body` is the whole body of the request. */
export function answerRequest(
  contents: S3Contents,
  request: S3Request,
  body: Buffer,
  isUndeletable: (key: string) => boolean = () => false,
): S3Answer {
  const { method, bucket: name, key, query } = request;
  if (name === '' || isExpired(query)) return errorAnswer('AccessDenied');
  if (method === 'PUT' && key === '' && !query.has('lifecycle')) return makeBucket(contents, name);
  const bucket = contents.buckets.get(name);
  if (bucket === undefined) return errorAnswer('NoSuchBucket');
  if (key === '' && method === 'POST' && query.has('delete'))
    return removeObjects(contents, bucket, body, isUndeletable);
  if (key === '') return answerOfBucket(bucket, request, body);
  if (query.has('uploads') || query.has('uploadId')) return answerOfUpload(contents, bucket, request, body);
  if (method === 'HEAD' || method === 'GET') return readObject(bucket, request);
  if (method === 'DELETE') return removeObject(contents, bucket, key);
  if (method !== 'PUT') return errorAnswer('NotImplemented');
  if (request.headers['x-amz-copy-source'] !== undefined) return copyObject(contents, bucket, request);
  return writeObject(contents, bucket, request, body);
}

function answerOfBucket(bucket: S3Bucket, { method, query }: S3Request, body: Buffer): S3Answer {
  if (method === 'HEAD') return emptyAnswer(200);
  if (method === 'PUT') return writeLifecycle(bucket, body);
  if (method !== 'GET') return errorAnswer('NotImplemented');
  if (query.has('lifecycle')) return readLifecycle(bucket);
  if (query.has('uploads')) return listUploads(bucket, query);
  return query.get('list-type') === '2' ? listObjects(bucket, query) : errorAnswer('NotImplemented');
}

function answerOfUpload(contents: S3Contents, bucket: S3Bucket, request: S3Request, body: Buffer): S3Answer {
  const { method, query } = request;
  if (method === 'POST' && query.has('uploads')) return beginUpload(contents, bucket, request);
  if (method === 'POST') return completeUpload(contents, bucket, request, body);
  if (method === 'PUT') return writePart(bucket, request, body);
  if (method === 'GET') return listParts(bucket, request);
  return method === 'DELETE' ? abortUpload(contents, bucket, request) : errorAnswer('NotImplemented');
}

/** Reports whether a signed URL has expired. */
function isExpired(query: URLSearchParams): boolean {
  const expires = query.get('X-Amz-Expires');
  const [, ...at] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get('X-Amz-Date') ?? '') ?? [];
  if (expires === null || at.length === 0) return false;
  const [year, month, day, hour, minute, second] = at.map(Number);
  return Date.now() > Date.UTC(year!, month! - 1, day, hour, minute, second) + Number(expires) * 1000;
}
