// The configuration file of a run's nodes.
import { otherHost } from './address-of.ts';
import { cacheAccount } from './callers.ts';

export const ttlMs = 3_000;
export const rememberAccessMs = 4_000;
export const scrubEveryMs = 30_000;

export interface ClusterFile {
  /** URLs of the open upstreams. */
  readonly hub: string;
  readonly second: string;
  /** URL of the upstream that verifies callers; `undefined` means that there is none. */
  readonly vault: string | undefined;
  readonly staleWhileRevalidateMs: number;
  readonly maxBytes: number;
  /** The limits of each worker and of each of its fills. */
  readonly spool: { readonly maxBytes: number; readonly perFillBytes: number };
  readonly isScrubbed: boolean;
  readonly forgetAfterMs: number;
  /** The sections about users and their rights. */
  readonly logins: string;
}

export function clusterFile(given: ClusterFile): string {
  const { spool } = given;
  const rule = `{ tags: ['*'], ttl: ${ttlMs}ms, stalewhilerevalidate: ${given.staleWhileRevalidateMs}ms }`;
  const common = `freshness: [${rule}], timeouts: { headers: 10s, body: 10s }`;
  const limit = given.maxBytes === Infinity ? '' : `maxbytes: ${given.maxBytes}, `;
  const { username, password } = cacheAccount;
  const guarded = `
  private.example:
    { url: '${given.vault}', access: verify, rememberaccess: ${rememberAccessMs}ms, username: ${username},
      password: ${password}, ${common} }
`;
  return `
storage: { ${limit}forgetafter: ${given.forgetAfterMs}ms, scrub: { enabled: ${given.isScrubbed}, every: ${scrubEveryMs}ms, bandwidth: 100MiB } }
worker: { spool: { maxbytes: ${spool.maxBytes}, perfill: ${spool.perFillBytes} } }
upstreams:
  docker.io: { url: '${given.hub}', ${common} }
  second.example: { url: '${given.second}', hosts: [${otherHost}], ${common} }
${given.vault === undefined ? '' : guarded}
${given.logins}`;
}
