/** A small segment size, so that blobs of some megabytes have several segments in tests. */
export const testSegmentBytes = 1024 * 1024;
