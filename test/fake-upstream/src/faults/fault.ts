// Everything that may go wrong with one answer. Fields combine: a slow answer with a wrong byte that stalls is one fault.
import type { Host } from '../target.ts';
import type { GateKeeper } from './gate.ts';
import type { Throttle } from './throttle.ts';

/** Counts of bytes are of this answer's body on the wire, whatever its range, unless they say otherwise. */
export interface Fault {
  // Before the headers.
  readonly delayMs?: number;
  /** The connection is reset instead of an answer. */
  readonly resetBeforeHeaders?: boolean;

  // Instead of the content.
  readonly status?: number;
  /** With `status`; default: an OCI error, which for 401 has the challenge of the configured authentication with it. */
  readonly body?: string | Buffer;
  /** 307 to the presigned address of the blob on another host, as registries with a CDN in front of their store do. */
  readonly redirectTo?: Exclude<Host, 'registry'>;

  // The content itself.
  /** Offset within the blob or manifest. */
  readonly flipByteAt?: number;
  /** The whole content is cut, or filled up with other bytes, to this size; every header agrees with it. */
  readonly size?: number;

  // The headers.
  /** Added or replaced, also on an answer with `status`; `null` removes. Names in lower case. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /**
   * `absent`: chunked. A number: whatever the body's real length is, after which the connection ends cleanly where the
   * two differ.
   */
  readonly contentLength?: number | 'absent';
  /** 200 with everything for a Range request. */
  readonly ignoreRange?: boolean;
  /** Sent compressed, with Content-Encoding, and chunked. */
  readonly gzip?: boolean;

  // The sending.
  readonly bytesPerSecond?: number;
  /** One throttle may hold several answers, whose sum it limits. */
  readonly throttle?: Throttle;
  readonly gate?: GateKeeper;
  /** The gate holds the headers too, until anything has been allowed. */
  readonly gateHeaders?: boolean;
  /** Then nothing more comes, and the connection stays. */
  readonly stallAfterBytes?: number;
  /** Then the connection ends cleanly (FIN), whatever Content-Length said. */
  readonly endAfterBytes?: number;
  /** Then the connection is reset (RST). The client may not get to see the last of those bytes. */
  readonly resetAfterBytes?: number;
}
