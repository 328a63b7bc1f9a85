/** Inclusive, as in RFC 9110 section 14: `start <= end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}
