// The objects and uploads of the generating S3 server. It keeps the bytes of small objects. It keeps sizes of
// large ones, and numbers of their parts.
// real-time: objects have a time, as in S3; nothing compares it
import { createHash, randomUUID } from 'node:crypto';
import { type Body, isOfBody } from '@cistern/fake-upstream';
import { segmentBytesOf, segmentCount } from '@cistern/oci';

export interface StoredObject {
  /** Size in bytes. */
  readonly size: number;
  readonly modifiedAt: Date;
  read(start: number, endExclusive: number): Iterable<Buffer>;
}

export interface Part {
  readonly size: number;
  readonly etag: string;
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly begunAt: Date;
  readonly parts: Map<number, Part>;
}

export interface ReceivedBody {
  take(chunk: Buffer): void;
  /** Returns the fault of the body, if it has one. `signed` is the signed SHA-256, in hex. */
  end(length: number, signed: string | undefined): string | undefined;
}

export type Objects = ReturnType<typeof createObjects>;

/** `generated` holds the required contents of objects whose keys end in `<name>/data`. */
export function createObjects(generated: ReadonlyMap<string, Body>) {
  const objects = new Map<string, StoredObject>();
  const uploads = new Map<string, Upload>();

  const bodyOf = (key: string): Body | undefined => {
    const [, name = ''] = /([^/]+)\/data$/.exec(key) ?? [];
    return generated.get(name);
  };

  return {
    objects,
    uploads,
    bodyOf,
    begin(key: string): Upload {
      const upload = { id: randomUUID(), key, begunAt: new Date(), parts: new Map<number, Part>() };
      uploads.set(upload.id, upload);
      return upload;
    },
    /** Compares a part with the object's bytes at its position. Part numbers start at 1. */
    receivePart: ({ key }: Upload, number: number): ReceivedBody => {
      const body = bodyOf(key);
      return receive(body, body === undefined ? 0 : (number - 1) * segmentBytesOf(body.size));
    },
    receiveWhole: (key: string): ReceivedBody => receive(bodyOf(key), 0),
    /** Makes a generated object visible. Returns the fault of its parts, if they have one. */
    complete({ id, key, parts }: Upload): string | undefined {
      const body = bodyOf(key);
      if (body === undefined) return `an upload of ${key}, which is not a generated blob`;
      const sum = [...parts.values()].reduce((bytes, { size }) => bytes + size, 0);
      const count = segmentCount(body.size, segmentBytesOf(body.size));
      if (parts.size !== count || sum !== body.size)
        return `${parts.size} parts of ${sum} bytes instead of ${count} of ${body.size}`;
      objects.set(key, { size: body.size, modifiedAt: new Date(), read: body.read });
      uploads.delete(id);
      return undefined;
    },
    put(key: string, bytes: Buffer): void {
      const read = (start: number, endExclusive: number) => [bytes.subarray(start, endExclusive)];
      objects.set(key, { size: bytes.length, modifiedAt: new Date(), read });
    },
  };
}

/** Compares received bytes with the body, beginning at `start`. */
function receive(body: Body | undefined, start: number): ReceivedBody {
  const hash = createHash('sha256');
  let at = start;
  let wrongAt: number | undefined;
  return {
    take(chunk) {
      if (body !== undefined && wrongAt === undefined && !isOfBody(body, at, chunk)) wrongAt = at;
      hash.update(chunk);
      at += chunk.length;
    },
    end(length, signed) {
      if (wrongAt !== undefined) return `a wrong byte at or after ${wrongAt}`;
      if (at - start !== length) return `${at - start} bytes at ${start} instead of ${length}`;
      if (signed !== undefined && hash.digest('hex') !== signed)
        return `a SHA-256 that differs from the signed one at ${start}`;
      return undefined;
    },
  };
}
