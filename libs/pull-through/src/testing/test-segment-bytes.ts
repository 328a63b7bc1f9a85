/** Segments are small in tests, so that blobs of some megabytes have several of them. */
export const testSegmentBytes = 1024 * 1024;
