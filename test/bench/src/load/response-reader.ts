// Reads the responses of one connection without an HTTP client, whose work would be larger than that of the server.

const [headEnd, status] = ['\r\n\r\n', 'HTTP/1.1 200 '];

export interface Expected {
  readonly method: 'GET' | 'HEAD';
  /** Bytes of the body, which a HEAD only announces. */
  readonly size: number;
}

/**
 * Returns a function that takes each piece of the connection and returns whether a response is complete. It throws if
 * the status is not 200, the length is not the expected one, or bytes follow the response.
 */
export function createResponseReader({ method, size }: Expected): (piece: Buffer) => boolean {
  const bodyBytes = method === 'HEAD' ? 0 : size;
  let pending: Buffer | undefined;
  /** Missing bytes of the body. `undefined` while the head is incomplete. */
  let missing: number | undefined;

  return (piece) => {
    let bytes = piece.length;
    if (missing === undefined) {
      const known = pending === undefined ? piece : Buffer.concat([pending, piece]);
      const end = known.indexOf(headEnd);
      // The next piece may reuse the memory of this one.
      pending = end === -1 ? Buffer.from(known) : undefined;
      if (end === -1) return false;
      checkHead(known.toString('latin1', 0, end), size);
      missing = bodyBytes;
      bytes = known.length - end - headEnd.length;
    }
    missing -= bytes;
    if (missing < 0) throw new Error(`sent ${-missing} bytes too many`);
    if (missing > 0) return false;
    missing = undefined;
    return true;
  };
}

function checkHead(head: string, size: number): void {
  if (!head.startsWith(status)) throw new Error(`returned "${head.slice(0, head.indexOf('\r'))}"`);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (Number(length) !== size) throw new Error(`announced ${length ?? 'no'} bytes, not ${size}`);
}
