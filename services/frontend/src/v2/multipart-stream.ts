// Several ranges of one blob as one stream of bytes, framed as multipart/byteranges.
import type { MultipartByteranges } from '@cistern/oci';
import type { BlobStream, OpenedBlob } from '@cistern/pull-through';

/** The ranges are opened one after another, so that a thousand of them hold one reader. Whoever calls it closes it. */
export async function openMultipartStream(blob: OpenedBlob, frame: MultipartByteranges): Promise<BlobStream> {
  const [first, ...others] = frame.parts;
  if (first === undefined) throw new Error('a multipart answer has at least one part');
  let current = await blob.read(first.range);
  const { cache } = current;
  const waiting = others.values();
  let pending: Uint8Array | undefined = first.header;
  let closed = false;
  let atEnd = false;

  /** The next part's header, or what stands after the last. */
  const advance = async (): Promise<Uint8Array> => {
    current.close();
    const part = waiting.next().value;
    if (part === undefined) {
      atEnd = true;
      return frame.end;
    }
    const opened = await blob.read(part.range);
    if (closed) opened.close();
    current = opened;
    return part.header;
  };

  return {
    cache,
    async next() {
      if (pending !== undefined) {
        const header = pending;
        pending = undefined;
        return header;
      }
      if (atEnd) return undefined;
      return (await current.next()) ?? advance();
    },
    close() {
      closed = true;
      current.close();
    },
  };
}
