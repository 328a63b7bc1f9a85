/** Of a segment in tests: blobs of some megabytes have several, so that their borders are crossed. */
export const testSegmentBytes = 1024 * 1024;
