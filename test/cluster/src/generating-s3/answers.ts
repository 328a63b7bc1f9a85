// The XML of the S3 responses that the cache needs.
import type { StoredObject, Upload } from './objects.ts';

export const initiated = (id: string): string =>
  `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`;

export const completed =
  '<CompleteMultipartUploadResult><Location>l</Location><ETag>"e"</ETag></CompleteMultipartUploadResult>';

export const noneRemoved = '<DeleteResult></DeleteResult>';

export function error(code: string, message: string): string {
  return `<Error><Code>${code}</Code><Message>${escape(message)}</Message></Error>`;
}

export function listing(objects: Iterable<readonly [string, StoredObject]>): string {
  const contents = [...objects].map(
    ([key, { size, modifiedAt }]) =>
      `<Contents><Key>${escape(key)}</Key><LastModified>${modifiedAt.toISOString()}</LastModified><ETag>"e"</ETag><Size>${size}</Size></Contents>`,
  );
  return `<ListBucketResult><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`;
}

export function listedUploads(uploads: Iterable<Upload>): string {
  const entries = [...uploads].map(
    ({ id, key, begunAt }) =>
      `<Upload><Key>${escape(key)}</Key><UploadId>${id}</UploadId><Initiated>${begunAt.toISOString()}</Initiated></Upload>`,
  );
  return `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${entries.join('')}</ListMultipartUploadsResult>`;
}

/** Lists at most a thousand parts after the number `after`. */
export function listedParts({ parts, begunAt }: Upload, after: number): string {
  const later = [...parts].filter(([number]) => number > after).toSorted(([one], [other]) => one - other);
  const page = later.slice(0, 1000);
  const entries = page.map(
    ([number, { size, etag }]) =>
      `<Part><PartNumber>${number}</PartNumber><LastModified>${begunAt.toISOString()}</LastModified><ETag>"${etag}"</ETag><Size>${size}</Size></Part>`,
  );
  const next = `<NextPartNumberMarker>${page.at(-1)?.[0] ?? after}</NextPartNumberMarker>`;
  return `<ListPartsResult><IsTruncated>${later.length > page.length}</IsTruncated>${next}${entries.join('')}</ListPartsResult>`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
