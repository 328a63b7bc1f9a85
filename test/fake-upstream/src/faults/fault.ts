// All faults of one response. Fields can be combined: a slow response with a wrong byte that stalls is one fault.
import type { Host } from '../target.ts';
import type { GateKeeper } from './gate.ts';
import type { Throttle } from './throttle.ts';

/** Byte counts refer to the body of this response on the wire, whatever its range, unless the field says otherwise. */
export interface Fault {
  // Faults before the headers.
  readonly delayMs?: number;
  /** The connection is reset instead of a response. */
  readonly resetBeforeHeaders?: boolean;

  // Faults that replace the content.
  readonly status?: number;
  /**
   * The body for `status`. Default: an OCI error. For 401 it includes the challenge of the configured authentication.
   */
  readonly body?: string | Buffer;
  /**
   * Sends a 307 to the presigned URL of the blob on another host, as registries with a CDN in front of their store do.
   */
  readonly redirectTo?: Exclude<Host, 'registry'>;

  // Faults of the content itself.
  /** Offset of the wrong byte in the blob or manifest. */
  readonly flipByteAt?: number;
  /** The whole content is truncated or padded to this size. All headers match it. */
  readonly size?: number;

  // Faults of the headers.
  /** Headers to add or replace, also with `status`. `null` removes a header. Names are in lower case. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /**
   * `absent` sends the body chunked. A number replaces the real length of the body. If the two differ, the connection
   * ends cleanly after the body.
   */
  readonly contentLength?: number | 'absent';
  /** Responds to a Range request with 200 and the whole content. */
  readonly ignoreRange?: boolean;
  /** Sends the body compressed, with Content-Encoding, and chunked. */
  readonly gzip?: boolean;

  // Faults of the transfer.
  readonly bytesPerSecond?: number;
  /** One throttle may serve several responses and limit their sum. */
  readonly throttle?: Throttle;
  readonly gate?: GateKeeper;
  /** The gate also holds the headers, until any bytes have been allowed. */
  readonly gateHeaders?: boolean;
  /** After these bytes nothing more is sent, and the connection stays open. */
  readonly stallAfterBytes?: number;
  /** After these bytes the connection ends cleanly (FIN), even if Content-Length announces more. */
  readonly endAfterBytes?: number;
  /** After these bytes the connection is reset (RST). The client may not receive the last of them. */
  readonly resetAfterBytes?: number;
}
