// Writes lines together that arrive within some milliseconds. Under load, one write per turn of the event loop costs
// more than the rest of the line, because each write wakes a thread.

/** The destination of the lines, in order. The bytes are not reused before `written` has counted them. */
interface Output {
  write(bytes: Buffer): unknown;
}

export interface LineBuffer {
  write(text: string): void;
  /** Reports that so many more bytes have left the process. */
  written(bytes: number): void;
  /** Writes the remaining lines. Call it when the process ends, so that only a killed process loses its last lines. */
  flush(): void;
}

/** A human reader does not notice this delay. */
const delayMs = 10;
const enoughBytes = 64 * 1024;
/**
 * The number of buffers that are reused. A slower output leaves the others as garbage. Some of them become old before
 * they are written, and V8 marks its whole heap to collect them.
 */
const maxBuffers = 8;
/** A UTF-16 unit has at most three bytes. */
const maxBytesOf = (text: string) => text.length * 3;

/** Creates a buffer of lines. It encodes them immediately, because every garbage collection would move waiting strings. */
export function createLineBuffer(output: Output): LineBuffer {
  let waiting: Buffer | undefined;
  let used = 0;
  let timer: NodeJS.Timeout | undefined;
  const idle: Buffer[] = [];
  /** `end` is the total of written bytes once this buffer is written. */
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
