// Proves to the CA that we control the names, by responses of the frontends or by DNS records.
import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type AcmeBoard, type Proof, writeProofs } from './acme-state.ts';

export interface Prover {
  /** Publishes proofs. Resolves when the CA can check them. */
  present(proofs: readonly Proof[], signal: AbortSignal): Promise<void>;
  /** Removes the proofs. Called after `present`, even if `present` rejected. */
  cleanUp(proofs: readonly Proof[]): Promise<void>;
}

/**
 * Creates a prover for `http-01` and `tls-alpn-01`. `settleMs` is the time in which every frontend has read the proofs
 * on the board.
 */
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
  /**
   * The path of an executable, which runs as `<program> present|cleanup <name of the record> <value>`. It must exit
   * with 0.
   */
  readonly program: string;
  /** The time after which the CA can see a new record. */
  readonly waitMs: number;
}

const run = promisify(execFile);
const hookTimeoutMs = 120_000;

/** Creates a prover for `dns-01`. The prover runs an executable of the operator, so it supports every DNS provider. */
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
      // The calls are sequential. A wildcard and its domain need two values at one DNS name. Tools that replace all
      // values of a name could lose one of two concurrent changes.
      for (const proof of proofs) await call('present', proof, signal);
      await delay(waitMs, undefined, { signal });
    },
    async cleanUp(proofs) {
      for (const proof of proofs) await call('cleanup', proof);
    },
  };
}
