// Lines that come within some milliseconds, written together: under load a write for each turn of the event loop, with the
// thread that does it woken each time, costs more than all the rest of a line.

/** Where lines go to. The bytes are not touched afterwards. */
interface Output {
  write(bytes: Buffer): unknown;
}

export interface WriteTogether {
  write(text: string): void;
  /** Writes what is left. To be called when the process ends: only what kills it at once loses its last lines. */
  flush(): void;
}

/** Nobody who watches sees it. */
const delayMs = 10;
const enoughBytes = 64 * 1024;
/** A UTF-16 unit is three bytes at most. */
const maxBytesOf = (text: string) => text.length * 3;

/** Lines become bytes at once: strings that wait would be moved by every garbage collection meanwhile. */
export function writeTogether(output: Output): WriteTogether {
  let waiting: Buffer | undefined;
  let used = 0;
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === undefined) return;
    const bytes = waiting.subarray(0, used);
    waiting = undefined;
    used = 0;
    output.write(bytes);
  }

  return {
    write(text) {
      if (used + maxBytesOf(text) > enoughBytes) flush();
      if (maxBytesOf(text) > enoughBytes) {
        output.write(Buffer.from(text));
        return;
      }
      waiting ??= Buffer.allocUnsafe(enoughBytes);
      used += waiting.write(text, used);
      timer ??= setTimeout(flush, delayMs).unref();
    },
    flush,
  };
}
