// Bytes that came before anybody had a buffer for them: little, but some always.

export interface EarlyBytes {
  readonly length: number;
  /** Keeps a copy. */
  add(bytes: Uint8Array): void;
  /** Moves what fits into the start of `into`, and returns how many bytes. */
  take(into: Uint8Array): number;
}

export function createEarlyBytes(): EarlyBytes {
  const pieces: Uint8Array[] = [];
  let length = 0;
  return {
    get length() {
      return length;
    },
    add(bytes) {
      if (bytes.length === 0) return;
      pieces.push(Buffer.from(bytes));
      length += bytes.length;
    },
    take(into) {
      let filled = 0;
      for (let piece = pieces[0]; piece !== undefined && filled < into.length; piece = pieces[0]) {
        const part = piece.subarray(0, into.length - filled);
        into.set(part, filled);
        filled += part.length;
        if (part.length === piece.length) pieces.shift();
        else pieces[0] = piece.subarray(part.length);
      }
      length -= filled;
      return filled;
    },
  };
}
