// Replaces the size of segments, so that the blobs of a run have several. All blobs of a run still have fewer segments
// than an S3 upload may have parts.
export const leastSegmentBytes = 65_536;

export const segmentBytesOf = (_size: number, least = leastSegmentBytes): number => least;

export const segmentCount = (size: number, segmentBytes: number): number => Math.max(1, Math.ceil(size / segmentBytes));
