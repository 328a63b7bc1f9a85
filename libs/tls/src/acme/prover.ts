// How names are proven to the authority: by answers of the frontends, or by records in the DNS.
import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type AcmeBoard, type Proof, writeProofs } from './acme-state.ts';

export interface Prover {
  /** Resolves when the authority may look. */
  present(proofs: readonly Proof[], signal: AbortSignal): Promise<void>;
  /** After `present`, whether that has succeeded or not. */
  cleanUp(proofs: readonly Proof[]): Promise<void>;
}

/** For `http-01` and `tls-alpn-01`. `settleMs`: by then every frontend has looked at the board. */
export function frontendProver({ board, settleMs }: { readonly board: AcmeBoard; readonly settleMs: number }): Prover {
  return {
    async present(proofs, signal) {
      await writeProofs(board, proofs);
      await delay(settleMs, undefined, { signal });
    },
    cleanUp: () => board.remove('challenges'),
  };
}

export interface DnsProverOptions {
  /** Called as `<program> present|cleanup <name of the record> <value>`; ends with 0. */
  readonly program: string;
  /** How long it takes until the authority sees a new record. */
  readonly waitMs: number;
}

const run = promisify(execFile);
const hookTimeoutMs = 120_000;

/** For `dns-01`, by an executable of the operator's, whatever the provider. */
export function dnsProver({ program, waitMs }: DnsProverOptions): Prover {
  const call = async (action: 'present' | 'cleanup', { host, answer }: Proof, signal?: AbortSignal) => {
    const options = { timeout: hookTimeoutMs, killSignal: 'SIGKILL', signal } as const;
    try {
      await run(program, [action, `_acme-challenge.${host}`, answer], options);
    } catch (error) {
      signal?.throwIfAborted();
      const { code, killed, stderr = '' } = error as NodeJS.ErrnoException & { killed?: boolean; stderr?: string };
      const why = killed === true ? `did not end within ${hookTimeoutMs / 1000} s` : `ended with ${code}`;
      throw new Error(`${program} ${action} ${why}: ${stderr.trim().slice(-500)}`, { cause: error });
    }
  };
  return {
    async present(proofs, signal) {
      // One after the other: a wildcard and its domain have two values at one name, and tools replace sets of records.
      for (const proof of proofs) await call('present', proof, signal);
      await delay(waitMs, undefined, { signal });
    },
    async cleanUp(proofs) {
      for (const proof of proofs) await call('cleanup', proof);
    },
  };
}
