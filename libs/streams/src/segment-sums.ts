// Computes the CRC-32 of each segment that a reader has forwarded. It is compared with the CRC-32 of the verified segment.
import { crc32 } from 'node:zlib';
import { type CrcTable, segmentCount } from '@cistern/oci';
import { type Segmented, combineCrc32, combineSegments } from './combine-crc32.ts';

export interface SegmentSumsOptions extends Segmented {
  /** The offset of the first added byte. */
  readonly from: number;
}

/** Computes the CRC-32 of segments whose bytes all arrive, in order. The bytes can come from several sources. */
export class SegmentSums {
  readonly #size: number;
  readonly #segmentBytes: number;
  /** The CRC-32 of each segment. Unset for segments that did not arrive completely. */
  readonly crcs: (number | undefined)[];
  #hasSome = false;
  #position: number;
  #index: number;
  /** The CRC-32 of the segment at `#position`. Unset means that some of its bytes were not added. */
  #sum: number | undefined;

  constructor({ size, segmentBytes, from }: SegmentSumsOptions) {
    this.#size = size;
    this.#segmentBytes = segmentBytes;
    this.crcs = Array.from<number | undefined>({ length: segmentCount(size, segmentBytes) });
    this.#position = from;
    this.#index = Math.floor(from / segmentBytes);
    if (from % segmentBytes === 0) this.#sum = 0;
  }

  /** Adds bytes. `known` is the CRC-32 of `bytes`, if it has been computed. */
  add(bytes: Uint8Array, known?: number): void {
    for (let at = 0; at < bytes.length && this.#position < this.#size;) {
      const part = this.#partOf(bytes, at);
      if (this.#sum !== undefined) {
        const own = part.length === bytes.length ? known : undefined;
        this.#sum = own === undefined ? crc32(part, this.#sum) : combineCrc32(this.#sum, own, part.length);
      }
      at += part.length;
      this.#advance(part.length);
    }
  }

  /**
   * Passes over bytes that are already verified. They are not compared, except at the end of a segment whose first bytes were
   * added.
   */
  passOver(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#position < this.#size;) {
      const part = this.#partOf(bytes, at);
      this.#sum = this.#isBegun() ? crc32(part, this.#sum) : undefined;
      at += part.length;
      this.#advance(part.length);
    }
  }

  /** True if there is nothing to compare. */
  get isEmpty(): boolean {
    return !this.#hasSome && !this.#isBegun();
  }

  /**
   * Returns whether all completely added segments match the table. A segment of the table can consist of several of these
   * segments.
   */
  matches(table: CrcTable): boolean {
    const [size, segmentBytes] = [this.#size, this.#segmentBytes];
    const together = table.segmentBytes / segmentBytes;
    if (!Number.isInteger(together) || table.crcs.length !== segmentCount(size, table.segmentBytes))
      return !this.#hasSome;
    const own = combineSegments(this.crcs, { segmentBytes, size }, together);
    return table.crcs.every((right, at) => own[at] === undefined || own[at] === right);
  }

  /** Returns the bytes from `at` on, up to the end of the segment at `#position`. */
  #partOf(bytes: Uint8Array, at: number): Uint8Array {
    return bytes.subarray(at, at + this.#endOfSegment() - this.#position);
  }

  #endOfSegment(): number {
    return Math.min(this.#size, (this.#index + 1) * this.#segmentBytes);
  }

  /** Returns true if bytes of the segment at `#position` have arrived, and all of them were added. */
  #isBegun(): boolean {
    return this.#sum !== undefined && this.#position > this.#index * this.#segmentBytes;
  }

  #advance(length: number): void {
    this.#position += length;
    if (this.#position < this.#endOfSegment()) return;
    this.crcs[this.#index] = this.#sum;
    this.#hasSome ||= this.#sum !== undefined;
    this.#index += 1;
    this.#sum = 0;
  }
}
