// Answers the requests about a multipart upload of the simulated S3 server.
import { findWrongBody } from './object-answers.ts';
import type { S3Request } from './parse-request.ts';
import { type S3Answer, type S3ErrorCode, emptyAnswer, errorAnswer, escapeXml, xmlAnswer } from './s3-answer.ts';
import { type S3Bucket, type S3Contents, type StoredPart, type Upload, md5, putObject } from './s3-contents.ts';

const maxPart = 10_000;
const mostPartsAtOnce = 1000;
const defaultType = 'binary/octet-stream';

export function beginUpload(contents: S3Contents, bucket: S3Bucket, { key, headers }: S3Request): S3Answer {
  // The id must be escaped in URLs, like the ids of some real servers.
  const id = `upload+${contents.nextUpload}/=`;
  contents.nextUpload += 1;
  const type = headers['content-type'] ?? defaultType;
  bucket.uploads.set(id, { key, type, begunAtMs: Date.now() - contents.uploadAgeMs, parts: new Map() });
  const result = `<Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId>`;
  return xmlAnswer(`<InitiateMultipartUploadResult>${result}</InitiateMultipartUploadResult>`);
}

export function writePart(bucket: S3Bucket, request: S3Request, body: Buffer): S3Answer {
  const upload = findUpload(bucket, request);
  if (upload === undefined) return errorAnswer('NoSuchUpload');
  const number = Number(request.query.get('partNumber'));
  if (!Number.isInteger(number) || number < 1 || number > maxPart) return errorAnswer('InvalidArgument');
  const wrong = findWrongBody(request, body);
  if (wrong !== undefined) return errorAnswer(wrong);
  const part = { bytes: body, etag: md5(body) };
  upload.parts.set(number, part);
  return emptyAnswer(200, { etag: `"${part.etag}"` });
}

/** Implements ListParts, with up to a thousand parts per page. */
export function listParts(bucket: S3Bucket, request: S3Request): S3Answer {
  const upload = findUpload(bucket, request);
  if (upload === undefined) return errorAnswer('NoSuchUpload');
  const after = Number(request.query.get('part-number-marker') ?? 0);
  const found = [...upload.parts].filter(([number]) => number > after).sort(([one], [other]) => one - other);
  const page = found.slice(0, mostPartsAtOnce);
  const items = page.map(
    ([number, { etag, bytes }]) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>&quot;${etag}&quot;</ETag><Size>${bytes.length}</Size></Part>`,
  );
  const isTruncated = page.length < found.length;
  const next = isTruncated ? `<NextPartNumberMarker>${page.at(-1)![0]}</NextPartNumberMarker>` : '';
  return xmlAnswer(
    `<ListPartsResult><IsTruncated>${isTruncated}</IsTruncated>${next}${items.join('')}</ListPartsResult>`,
  );
}

export function completeUpload(contents: S3Contents, bucket: S3Bucket, request: S3Request, body: Buffer): S3Answer {
  const upload = findUpload(bucket, request);
  if (upload === undefined) return errorAnswer('NoSuchUpload');
  const parts = chooseParts(upload, body.toString(), contents.minPartBytes);
  if (typeof parts === 'string') return errorAnswer(parts);
  const { key } = request;
  const hashes = Buffer.concat(parts.map(({ etag }) => Buffer.from(etag, 'hex')));
  const etag = `${md5(hashes)}-${parts.length}`;
  const bytes = Buffer.concat(parts.map((part) => part.bytes));
  bucket.uploads.delete(request.query.get('uploadId')!);
  putObject(contents, bucket, key, { bytes, etag, type: upload.type });
  const place = `<Location>/${request.bucket}/${escapeXml(key)}</Location><Key>${escapeXml(key)}</Key>`;
  return xmlAnswer(
    `<CompleteMultipartUploadResult>${place}<ETag>&quot;${etag}&quot;</ETag></CompleteMultipartUploadResult>`,
  );
}

export function abortUpload(contents: S3Contents, bucket: S3Bucket, request: S3Request): S3Answer {
  if (findUpload(bucket, request) === undefined) return errorAnswer('NoSuchUpload');
  const id = request.query.get('uploadId')!;
  bucket.uploads.delete(id);
  contents.onAborted?.(request.key, id);
  return emptyAnswer(204);
}

function findUpload({ uploads }: S3Bucket, { key, query }: S3Request): Upload | undefined {
  const upload = uploads.get(query.get('uploadId') ?? '');
  return upload?.key === key ? upload : undefined;
}

/** Returns the parts that the request names. They must be in ascending order. */
function chooseParts({ parts }: Upload, xml: string, minPartBytes: number): StoredPart[] | S3ErrorCode {
  const chosen: StoredPart[] = [];
  let before = 0;
  for (const [, named = ''] of xml.matchAll(/<Part>(.*?)<\/Part>/gs)) {
    const number = Number(/<PartNumber>\s*(\d+)\s*</.exec(named)?.[1]);
    const etag = /<ETag>\s*(?:"|&quot;)?([^"&<\s]*)/.exec(named)?.[1];
    if (Number.isNaN(number) || etag === undefined) return 'MalformedXML';
    if (number <= before) return 'InvalidPartOrder';
    before = number;
    const part = parts.get(number);
    if (part?.etag !== etag) return 'InvalidPart';
    chosen.push(part);
  }
  if (chosen.length === 0) return 'MalformedXML';
  return chosen.slice(0, -1).some(({ bytes }) => bytes.length < minPartBytes) ? 'EntityTooSmall' : chosen;
}
