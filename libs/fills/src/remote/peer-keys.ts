// Nodes of a cluster sign their messages about fills with keys derived from the cluster's secret. Redis and the network carry the
// messages, and cannot forge them (decision 0066).
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { FillRecord, RecordSignature } from '@cistern/index';
import { isSameSecret } from '@cistern/runtime';

/** The version of records, paths and frames. */
export const protocol = 2;

/**
 * The fields that a record's signature covers. A node that reads the record sends requests to this address. It accepts the
 * response as this digest and size, and trusts that this repository holds it.
 */
export type SignedFill = Pick<FillRecord, 'digest' | 'fillId' | 'address' | 'source' | 'size'>;

/** The two successful ends of a fill's bytes. */
export type EndKind = 'end' | 'stored';

/** Signs how the response to one request ended. */
export interface EndKeys {
  /** `sentBytes` counts the data, and `table` is the encoded table. Returns `macBytes` bytes. */
  sign(kind: EndKind, sentBytes: number, table: Uint8Array): Buffer;
  isRight(mac: Uint8Array, kind: EndKind, sentBytes: number, table: Uint8Array): boolean;
}

export type PeerKeys = ReturnType<typeof createPeerKeys>;

export const macBytes = 32;
/** A request is valid for this many minutes before and after the minute that it names. */
export const mostMinutesApart = 2;

const minuteMs = 60_000;

/** `clusterSecret` has 16 bytes or more. */
export function createPeerKeys(clusterSecret: string) {
  const signRecord = createSigner(clusterSecret, 'fill records');
  const signRequest = createSigner(clusterSecret, 'fill requests');
  const signEnd = createSigner(clusterSecret, 'fill ends');
  const signCheckpoint = createSigner(clusterSecret, 'fill checkpoints');
  const seal = (digest: string, text: string) => `${signCheckpoint([digest, text]).toString('base64url')}.${text}`;

  const signatureOf = ({ digest, fillId, address, source, size = -1 }: SignedFill) =>
    signRecord([protocol, digest, fillId, address, source.upstream, source.repository, size]).toString('base64url');

  const tokenOf = (address: string, path: string, minute: number) =>
    `Bearer ${minute}.${signRequest([address, path, minute]).toString('base64url')}`;

  return {
    signRecord: (fill: SignedFill): Required<RecordSignature> => ({ protocol, signature: signatureOf(fill) }),
    isSigned: (record: SignedFill & RecordSignature): boolean =>
      record.protocol === protocol && isSameSecret(record.signature, signatureOf(record)),
    /** Seals a checkpoint for the record of the fill of `digest`. */
    sealCheckpoint: seal,
    /** Returns the text. `undefined` means that no node of this cluster has sealed it for this digest. */
    openCheckpoint(digest: string, sealed: string): string | undefined {
      const text = sealed.slice(sealed.indexOf('.') + 1);
      return isSameSecret(sealed, seal(digest, text)) ? text : undefined;
    },
    /** Returns the `Authorization` header of `GET <address><path>`, where `path` includes the fill and its query. */
    authorize: (address: string, path: string, nowMs: number): string =>
      tokenOf(address, path, Math.floor(nowMs / minuteMs)),
    /** `outdated` means that a node of this cluster signed it, at another time. */
    check(
      authorization: string | undefined,
      { address, path, nowMs }: { readonly address: string; readonly path: string; readonly nowMs: number },
    ): 'right' | 'wrong' | 'outdated' {
      const minute = Number(/^Bearer (\d{1,12})\./.exec(authorization ?? '')?.[1]);
      if (!isSameSecret(authorization, tokenOf(address, path, minute))) return 'wrong';
      return Math.abs(minute - Math.floor(nowMs / minuteMs)) <= mostMinutesApart ? 'right' : 'outdated';
    },
    /** Returns the keys for the response to the request of `path`, about the fill of `digest`. */
    ends(digest: string, path: string): EndKeys {
      const sign: EndKeys['sign'] = (kind, sentBytes, table) => signEnd([kind, digest, path, sentBytes], table);
      return {
        sign,
        isRight: (mac, ...given) => mac.length === macBytes && timingSafeEqual(mac, sign(...given)),
      };
    },
  };
}

/** Signs fields, whose boundaries are unambiguous, and the bytes after them with HMAC-SHA-256. */
function createSigner(clusterSecret: string, purpose: string) {
  const key = new Uint8Array(hkdfSync('sha256', clusterSecret, '', `cistern peers v${protocol} ${purpose}`, macBytes));
  return (fields: readonly (string | number)[], bytes: Uint8Array = new Uint8Array(0)): Buffer =>
    createHmac('sha256', key)
      .update(`${JSON.stringify(fields)}\n`)
      .update(bytes)
      .digest();
}
