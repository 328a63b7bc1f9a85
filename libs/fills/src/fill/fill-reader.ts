// Followers: readers at any offset of a fill in flight. They never slow it down, they wait only for their own bytes. One
// that needs bytes which come elsewhere now gets `SourceInterrupted`.
import { type SourceReader, SourceInterrupted } from '@cistern/streams';
import type { FillBody } from './fill-body.ts';

export interface FillReaderOptions {
  readonly body: FillBody;
  readonly from: number;
  readonly toExclusive: number;
  /** Whether the blob's end waits for verification. A small range is unverified by nature and does not wait. */
  readonly verified: boolean;
  /** Told when the reader has to wait: somebody may fetch that part sooner. */
  readonly onWait: (offset: number, toExclusive: number) => void;
  readonly onClose: () => void;
}

export function openFillReader({
  body,
  from,
  toExclusive,
  verified,
  onWait,
  onClose,
}: FillReaderOptions): SourceReader {
  const closing = new AbortController();
  let position = from;
  const checkOpen = () => {
    if (closing.signal.aborted) throw new Error('the reader was closed');
  };
  return {
    async read(into) {
      for (;;) {
        checkOpen();
        if (position >= toExclusive) return 0;
        const end = verified ? body.readableEnd(position) : body.presentEnd(position);
        const length = Math.min(into.length, end - position, toExclusive - position);
        if (length > 0) {
          const read = await body.spool.read(position, into.subarray(0, length));
          checkOpen();
          position += read;
          return read;
        }
        if (body.moved) throw new SourceInterrupted('somebody else goes on with the fill');
        if (body.presentEnd(position) === position) onWait(position, toExclusive);
        await body.changeAt(position, closing.signal);
      }
    },
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      onClose();
    },
    verification: verified ? async () => (body.verified ? 'proven' : body.failed ? 'lost' : 'open') : undefined,
  };
}
