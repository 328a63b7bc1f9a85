// Replaces the size of segments, so that the blobs of a run have several. No blob has more segments than an upload may
// have.
export const leastSegmentBytes = 65_536;

export const segmentBytesOf = (_size: number, least = leastSegmentBytes): number => least;

export const segmentCount = (size: number, segmentBytes: number): number => Math.max(1, Math.ceil(size / segmentBytes));
