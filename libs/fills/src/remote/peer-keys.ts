// Nodes of a cluster sign their messages about fills with keys derived from the cluster's secret. Redis and the network transport
// these messages, but an attacker there cannot forge them (decision 0066).
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { FillRecord, RecordSignature } from '@cistern/index';
import { isSameSecret } from '@cistern/runtime';

/** The version of the protocol: of records, paths and frames. */
export const protocol = 2;

/**
 * The fields that a record's signature covers. A node that reads the record trusts these fields. It sends requests to this
 * address, and accepts the response as a blob with this digest and size. It also assumes that this repository holds the blob.
 */
export type SignedFill = Pick<FillRecord, 'digest' | 'fillId' | 'address' | 'source' | 'size'>;

/** The two ways in which a response can end successfully. */
export type EndKind = 'end' | 'stored';

/** Signs and checks the end of the response to one request. */
export interface EndKeys {
  /**
   * `sentBytes` is the number of data bytes in the response, and `table` is the encoded table. Returns a MAC of `macBytes` bytes.
   */
  sign(kind: EndKind, sentBytes: number, table: Uint8Array): Buffer;
  isRight(mac: Uint8Array, kind: EndKind, sentBytes: number, table: Uint8Array): boolean;
}

export type PeerKeys = ReturnType<typeof createPeerKeys>;

export const macBytes = 32;
/** A request contains the minute in which it was signed. It is valid for this many minutes before and after that minute. */
export const mostMinutesApart = 2;

const minuteMs = 60_000;

/** `clusterSecret` must have at least 16 bytes. */
export function createPeerKeys(clusterSecret: string) {
  const signRecord = createSigner(clusterSecret, 'fill records');
  const signRequest = createSigner(clusterSecret, 'fill requests');
  const signEnd = createSigner(clusterSecret, 'fill ends');
  const checkpointMac = createSigner(clusterSecret, 'fill checkpoints');
  const signCheckpoint = (digest: string, text: string) =>
    `${checkpointMac([digest, text]).toString('base64url')}.${text}`;

  const signatureOf = ({ digest, fillId, address, source, size = -1 }: SignedFill) =>
    signRecord([protocol, digest, fillId, address, source.upstream, source.repository, size]).toString('base64url');

  const tokenOf = (address: string, path: string, minute: number) =>
    `Bearer ${minute}.${signRequest([address, path, minute]).toString('base64url')}`;

  return {
    signRecord: (fill: SignedFill): Required<RecordSignature> => ({ protocol, signature: signatureOf(fill) }),
    isSigned: (record: SignedFill & RecordSignature): boolean =>
      record.protocol === protocol && isSameSecret(record.signature, signatureOf(record)),
    /** Signs the text of a checkpoint for the record of the fill of `digest`. The text stays readable. */
    signCheckpoint,
    /** Returns the text of a checkpoint. `undefined` means that no node of this cluster has signed it for this digest. */
    verifyCheckpoint(digest: string, signed: string): string | undefined {
      const text = signed.slice(signed.indexOf('.') + 1);
      return isSameSecret(signed, signCheckpoint(digest, text)) ? text : undefined;
    },
    /** Returns the `Authorization` header for `GET <address><path>`. `path` includes the query. */
    authorize: (address: string, path: string, nowMs: number): string =>
      tokenOf(address, path, Math.floor(nowMs / minuteMs)),
    /** `outdated` means that a node of this cluster signed the request, but too long before or after `nowMs`. */
    check(
      authorization: string | undefined,
      { address, path, nowMs }: { readonly address: string; readonly path: string; readonly nowMs: number },
    ): 'right' | 'wrong' | 'outdated' {
      const minute = Number(/^Bearer (\d{1,12})\./.exec(authorization ?? '')?.[1]);
      if (!isSameSecret(authorization, tokenOf(address, path, minute))) return 'wrong';
      return Math.abs(minute - Math.floor(nowMs / minuteMs)) <= mostMinutesApart ? 'right' : 'outdated';
    },
    /** Returns the functions that sign and check the end of the response to `path`, for the fill of `digest`. */
    ends(digest: string, path: string): EndKeys {
      const sign: EndKeys['sign'] = (kind, sentBytes, table) => signEnd([kind, digest, path, sentBytes], table);
      return {
        sign,
        isRight: (mac, ...given) => mac.length === macBytes && timingSafeEqual(mac, sign(...given)),
      };
    },
  };
}

/** Creates a function that signs fields and bytes with HMAC-SHA-256. JSON keeps the boundaries of the fields unambiguous. */
function createSigner(clusterSecret: string, purpose: string) {
  const key = new Uint8Array(hkdfSync('sha256', clusterSecret, '', `cistern peers v${protocol} ${purpose}`, macBytes));
  return (fields: readonly (string | number)[], bytes: Uint8Array = new Uint8Array(0)): Buffer =>
    createHmac('sha256', key)
      .update(`${JSON.stringify(fields)}\n`)
      .update(bytes)
      .digest();
}
