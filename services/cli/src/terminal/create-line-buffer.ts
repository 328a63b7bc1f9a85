// Collects the lines of some milliseconds and writes them together. Each write wakes a thread. So under load, a write
// in each turn of the event loop costs more than all other work for its lines.

/** Receives the lines in order. The memory of `bytes` is not reused before `written` has counted all of `bytes`. */
interface Output {
  write(bytes: Buffer): unknown;
}

export interface LineBuffer {
  write(text: string): void;
  /** Records that the output has written `bytes` more bytes, so that their memory can be reused. */
  written(bytes: number): void;
  /** Writes the remaining lines. Call it when the process ends, so that only a killed process loses its last lines. */
  flush(): void;
}

/** The maximum time that a line waits. A human reader does not notice it. */
const delayMs = 10;
/** The size of a buffer. A full buffer is written without delay. */
const enoughBytes = 64 * 1024;
/**
 * The maximum number of buffers that are kept for reuse. If the output is slow, further buffers become garbage. Garbage
 * is expensive: a buffer that waits can reach V8's old generation, and V8 marks its whole heap to collect it there.
 */
const maxBuffers = 8;
/** A UTF-16 unit has at most three bytes. */
const maxBytesOf = (text: string) => text.length * 3;

/** Creates a buffer that encodes each line immediately, because every garbage collection would move waiting strings. */
export function createLineBuffer(output: Output): LineBuffer {
  let waiting: Buffer | undefined;
  let used = 0;
  let timer: NodeJS.Timeout | undefined;
  const idle: Buffer[] = [];
  /** The buffer is completely written when `writtenBytes` reaches `end`. */
  const underWay: { readonly buffer: Buffer; readonly end: number }[] = [];
  let passedBytes = 0;
  let writtenBytes = 0;

  function pass(bytes: Buffer): void {
    passedBytes += bytes.length;
    output.write(bytes);
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === undefined) return;
    const buffer = waiting;
    const bytes = buffer.subarray(0, used);
    waiting = undefined;
    used = 0;
    if (underWay.length < maxBuffers) underWay.push({ buffer, end: passedBytes + bytes.length });
    pass(bytes);
  }

  return {
    write(text) {
      if (used + maxBytesOf(text) > enoughBytes) flush();
      if (maxBytesOf(text) > enoughBytes) {
        pass(Buffer.from(text));
        return;
      }
      waiting ??= idle.pop() ?? Buffer.allocUnsafeSlow(enoughBytes);
      used += waiting.write(text, used);
      timer ??= setTimeout(flush, delayMs).unref();
    },
    written(bytes) {
      writtenBytes += bytes;
      while (underWay[0] !== undefined && underWay[0].end <= writtenBytes) idle.push(underWay.shift()!.buffer);
    },
    flush,
  };
}
