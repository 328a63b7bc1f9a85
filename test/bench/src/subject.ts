// What is measured: a running cache of the fake upstream, by its address and its process.
import { readFileSync } from 'node:fs';
import { startCistern, startDockerRegistry } from '@cistern/test-services';

export interface Subject {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  close(): Promise<unknown>;
}

export type StartSubject = (upstreamUrl: string) => Promise<Subject>;

export const subjects: Readonly<Record<'cistern' | 'docker-registry', StartSubject>> = {
  async cistern(upstreamUrl) {
    const cistern = await startCistern({ config: { upstreams: { 'docker.io': { url: upstreamUrl } } } });
    return { name: 'cistern', url: cistern.url, pid: cistern.pid, close: () => cistern.stop() };
  },
  async 'docker-registry'(upstreamUrl) {
    const registry = await startDockerRegistry({ proxy: { remoteurl: upstreamUrl } });
    return { name: 'docker-registry', url: registry.url, pid: registry.process.pid, close: () => registry.close() };
  },
};

/** Seconds of CPU that the process has used so far, on Linux with its customary 100 ticks a second. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resident memory in bytes, at its highest so far. */
export function peakMemoryBytes(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
