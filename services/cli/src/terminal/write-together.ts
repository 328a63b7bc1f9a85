// Lines that come within some milliseconds, written together: under load a write for each turn of the event loop, with the
// thread that does it woken each time, costs more than all the rest of a line.

/** Where lines go to, in order. The bytes are not touched before `written` has counted them. */
interface Output {
  write(bytes: Buffer): unknown;
}

export interface WriteTogether {
  write(text: string): void;
  /** So many bytes more have left the process. */
  written(bytes: number): void;
  /** Writes what is left. To be called when the process ends: only what kills it at once loses its last lines. */
  flush(): void;
}

/** Nobody who watches sees it. */
const delayMs = 10;
const enoughBytes = 64 * 1024;
/**
 * Buffers that are used again. Who is slower leaves garbage: some get old before they are written, and V8 marks its whole heap
 * for them.
 */
const maxBuffers = 8;
/** A UTF-16 unit is three bytes at most. */
const maxBytesOf = (text: string) => text.length * 3;

/** Lines become bytes at once: strings that wait would be moved by every garbage collection meanwhile. */
export function writeTogether(output: Output): WriteTogether {
  let waiting: Buffer | undefined;
  let used = 0;
  let timer: NodeJS.Timeout | undefined;
  const idle: Buffer[] = [];
  /** `end`: how many bytes have been written when the last of it has. */
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
