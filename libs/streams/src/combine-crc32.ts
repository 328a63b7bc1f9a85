// Computes the CRC-32 of two consecutive runs of bytes from the CRC-32 of each run. It calculates with polynomials over GF(2), as
// crc32_combine of zlib does.

/** The polynomial of CRC-32 in reflected form, in which bit 31 is x^0. */
const polynomial = 0xed_b8_83_20;
const one = 0x80_00_00_00;
/** x^(2^n) modulo the polynomial, by n. The values repeat after these, because the polynomial is irreducible. */
const squares = Array.from({ length: 32 }, () => one >>> 1);
for (let n = 1; n < squares.length; n += 1) squares[n] = multiply(squares[n - 1]!, squares[n - 1]!);

function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = one, factor = b; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= factor;
    factor = (factor & 1) === 0 ? factor >>> 1 : (factor >>> 1) ^ polynomial;
  }
  return product >>> 0;
}

/** Returns x^(8 length) modulo the polynomial. */
function powerOf(length: number): number {
  let power = one;
  for (let left = length, n = 3; left > 0; left = Math.floor(left / 2), n += 1)
    if (left % 2 === 1) power = multiply(squares[n % squares.length]!, power);
  return power;
}

/** The last result of `powerOf`. It is cached because most runs have the same length. */
let last = { length: 0, power: one };

/** Returns the CRC-32 of a run with CRC-32 `first` followed by one with CRC-32 `second` and `length` bytes. */
export function combineCrc32(first: number, second: number, length: number): number {
  if (first === 0) return second;
  if (last.length !== length) last = { length, power: powerOf(length) };
  return (multiply(last.power, first) ^ second) >>> 0;
}

export interface Segmented {
  /** The size of all segments except the last. */
  readonly segmentBytes: number;
  /** Size of the whole blob. */
  readonly size: number;
}

/**
 * Returns the checksums of segments that are `together` times as long as those of `crcs`. A result is unset if the checksum of
 * one of its parts is unset.
 */
export function combineSegments(
  crcs: readonly (number | undefined)[],
  { segmentBytes, size }: Segmented,
  together: number,
): (number | undefined)[] {
  return Array.from({ length: Math.ceil(crcs.length / together) }, (_, at) => {
    let combined = 0;
    for (let index = at * together; index < Math.min(crcs.length, (at + 1) * together); index += 1) {
      const crc = crcs[index];
      if (crc === undefined) return undefined;
      combined = combineCrc32(combined, crc, Math.min(segmentBytes, size - index * segmentBytes));
    }
    return combined;
  });
}
