// Content that can be read from any offset, so that a blob of gigabytes takes no memory.
import { createCipheriv, createHash } from 'node:crypto';
import { type Digest, type DigestAlgorithm, parseDigest } from '@cistern/oci';

export interface Body {
  /** Size in bytes. */
  readonly size: number;
  /** If set, bodies with the same identity have the same bytes. */
  readonly identity?: string;
  /** Returns the bytes from `start` up to `endExclusive`, in chunks of at most 256 KiB. */
  read(start: number, endExclusive: number): Iterable<Buffer>;
}

/** Pseudo-random bytes. The same `size` and `seed` always give the same bytes. They do not compress. */
export interface SeededBytes {
  readonly size: number;
  readonly seed: number | string;
}

const chunkBytes = 256 * 1024;
const cipherBlockBytes = 16;
const rotatedBytes = 1024 * 1024;
/** Odd, so that every block up to the millionth has another rotation. The products stay exact. */
const rotationStep = 618_033;

export function bytesBody(bytes: Uint8Array): Body {
  const buffer = Buffer.from(bytes);
  return {
    size: buffer.length,
    *read(start, endExclusive) {
      for (let at = start; at < endExclusive; at += chunkBytes)
        yield buffer.subarray(at, Math.min(at + chunkBytes, endExclusive));
    },
  };
}

/**
 * Uses AES in counter mode over zeros. This is fast, and any offset can be reached without computing the bytes before
 * it.
 */
export function seededBody({ size, seed }: SeededBytes): Body {
  const key = createHash('sha256')
    .update(`${typeof seed}:${seed}`)
    .digest()
    .subarray(0, 16);
  return {
    size,
    identity: `seeded ${typeof seed} ${seed} ${size}`,
    *read(start, endExclusive) {
      if (start >= endExclusive) return;
      const counter = Buffer.alloc(cipherBlockBytes);
      counter.writeBigUInt64BE(BigInt(Math.floor(start / cipherBlockBytes)), 8);
      const cipher = createCipheriv('aes-128-ctr', key, counter);
      cipher.update(Buffer.alloc(start % cipherBlockBytes));
      const zeros = Buffer.alloc(Math.min(chunkBytes, endExclusive - start));
      for (let at = start; at < endExclusive; at += zeros.length)
        yield cipher.update(zeros.subarray(0, Math.min(zeros.length, endExclusive - at)));
    },
  };
}

/**
 * Repeats one pseudo-random MiB, each time rotated by another offset. Nothing is computed, so it suits bodies of many
 * gigabytes. All blocks of 1 MiB differ up to 1 TiB, so bytes at a wrong position are wrong bytes.
 */
export function rotatedBody({ size, seed }: SeededBytes): Body {
  const block = Buffer.concat([...seededBody({ size: rotatedBytes, seed }).read(0, rotatedBytes)]);
  const twice = Buffer.concat([block, block]);
  return {
    size,
    identity: `rotated ${typeof seed} ${seed} ${size}`,
    *read(start, endExclusive) {
      for (let at = start; at < endExclusive;) {
        const within = at % rotatedBytes;
        const rotation = (((at - within) / rotatedBytes) * rotationStep) % rotatedBytes;
        const length = Math.min(endExclusive - at, chunkBytes - (within % chunkBytes));
        yield twice.subarray(rotation + within, rotation + within + length);
        at += length;
      }
    },
  };
}

/** Whether `bytes` are the bytes of the body at `at`. */
export function isOfBody(body: Body, at: number, bytes: Buffer): boolean {
  if (at + bytes.length > body.size) return false;
  let compared = 0;
  for (const chunk of body.read(at, at + bytes.length)) {
    if (chunk.compare(bytes, compared, compared + chunk.length) !== 0) return false;
    compared += chunk.length;
  }
  return true;
}

export function concatBodies(parts: readonly Body[]): Body {
  return {
    size: parts.reduce((total, part) => total + part.size, 0),
    *read(start, endExclusive) {
      let partStart = 0;
      for (const part of parts) {
        const from = Math.max(start - partStart, 0);
        const to = Math.min(endExclusive - partStart, part.size);
        if (from < to) yield* part.read(from, to);
        partStart += part.size;
      }
    },
  };
}

/** Returns the same bytes with all bits of the byte at `offset` inverted. */
export function flipByte(body: Body, offset: number): Body {
  return {
    size: body.size,
    *read(start, endExclusive) {
      let at = start;
      for (const chunk of body.read(start, endExclusive)) {
        const within = offset - at;
        at += chunk.length;
        if (within < 0 || within >= chunk.length) yield chunk;
        else {
          const flipped = Buffer.from(chunk);
          flipped.writeUInt8(flipped.readUInt8(within) ^ 0xff, within);
          yield flipped;
        }
      }
    },
  };
}

/** Truncates the body to `size`, or pads it with other bytes. */
export function resizeBody(body: Body, size: number): Body {
  if (size > body.size) return concatBodies([body, seededBody({ size: size - body.size, seed: 'padding' })]);
  return { size, read: (start, endExclusive) => body.read(start, Math.min(endExclusive, size)) };
}

// Hashing a blob of gigabytes takes seconds, and the tests of one process need the same blobs repeatedly.
const knownDigests = new Map<string, Digest>();

export function digestOfBody(body: Body, algorithm: DigestAlgorithm): Digest {
  const key = body.identity === undefined ? undefined : `${algorithm} ${body.identity}`;
  const known = key === undefined ? undefined : knownDigests.get(key);
  if (known !== undefined) return known;
  const hash = createHash(algorithm);
  for (const chunk of body.read(0, body.size)) hash.update(chunk);
  const digest = parseDigest(`${algorithm}:${hash.digest('hex')}`);
  if (key !== undefined) knownDigests.set(key, digest);
  return digest;
}
