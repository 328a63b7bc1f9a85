// Decides when a started process counts as ready.
import { get } from 'node:http';
import { connect } from 'node:net';

/**
 * `port`: ready when the port accepts connections at `host` (default 127.0.0.1). `http`: ready when a GET of this URL
 * returns `status`, or one of several (default 200). `logLine`: ready when a line of the process's output matches.
 * `check`: ready when it resolves to true; a rejection means "not yet".
 */
export type Readiness =
  | { readonly port: number; readonly host?: string }
  | { readonly http: string; readonly status?: number | readonly number[] }
  | { readonly logLine: RegExp }
  | { readonly check: () => Promise<boolean> };

const probeTimeoutMs = 1000;

export async function isReady(readiness: Readiness, outputLines: () => readonly string[]): Promise<boolean> {
  if ('port' in readiness) return accepts(readiness.port, readiness.host ?? '127.0.0.1');
  if ('http' in readiness) return answers(readiness.http, [readiness.status ?? 200].flat());
  if ('logLine' in readiness) return outputLines().some((line) => readiness.logLine.test(line));
  return readiness.check().catch(() => false);
}

function accepts(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: probeTimeoutMs });
    const settle = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}

function answers(url: string, statuses: readonly number[]): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: probeTimeoutMs }, (response) => {
      response.resume();
      resolve(statuses.includes(response.statusCode ?? 0));
    });
    request.once('error', () => resolve(false));
    request.once('timeout', () => request.destroy(new Error('no answer in time')));
  });
}
