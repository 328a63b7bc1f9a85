// Signals of simulated processes: `kill -9`, SIGSTOP and SIGCONT.
import { fileSystem } from './files/file-system.ts';
import { network } from './network/network-state.ts';
import type { Owner } from './owner.ts';
import { plannedBy, release } from './schedule.ts';

/**
 * Kills a process, whose code then never runs again. The simulated system closes its sockets, servers and files. Files
 * keep the written data.
 */
export function killProcess(owner: Owner): void {
  owner.state = 'dead';
  owner.held.length = 0;
  for (const [key, server] of network.servers) {
    if (server.owner !== owner) continue;
    network.servers.delete(key);
    server.endKeepAlive();
  }
  for (const socket of network.sockets) if (socket.owner === owner) socket.abandon();
  for (const entry of fileSystem.open) if (entry.owner === owner) fileSystem.open.delete(entry);
}

/** Describes what a process left open although it had to end without a kill. */
export function leftOf(owner: Owner): string[] {
  return [
    ...plannedBy(owner),
    ...[...network.sockets]
      .filter((socket) => socket.owner === owner)
      .map(({ remotePort }) => `a socket to ${remotePort}`),
    ...[...network.servers].filter(([, server]) => server.owner === owner).map(([key]) => `a server on ${key}`),
    ...[...fileSystem.open].filter((entry) => entry.owner === owner).map(({ path }) => `the open file ${path}`),
  ];
}

/** Freezes a process. Its due events wait. Packets for it arrive as far as their windows have space. */
export function freezeProcess(owner: Owner): void {
  if (owner.state === 'running') owner.state = 'frozen';
}

export function wakeProcess(owner: Owner): void {
  if (owner.state !== 'frozen') return;
  owner.state = 'running';
  release(owner);
}
