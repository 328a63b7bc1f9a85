// Replaces the size of segments: the blobs of a run have several. None has more than an upload may have.
export const leastSegmentBytes = 65_536;

export const segmentBytesOf = (_size: number, least = leastSegmentBytes): number => least;

export const segmentCount = (size: number, segmentBytes: number): number => Math.max(1, Math.ceil(size / segmentBytes));
