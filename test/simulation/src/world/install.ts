// Replaces Node's timers, clocks, randomness and network with the world, for all code that is loaded afterwards.
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { matchesGlob } from 'node:path';
import { dividedDescriptors, resetDescriptors } from './files/file-descriptors.ts';
import { dividedFiles } from './files/promised-files.ts';
import { resetFileSystem } from './files/file-system.ts';
import { VirtualDate, clock, clockSkewsMs } from './clock.ts';
import { countCryptography } from './outside-work.ts';
import { resetNetwork } from './network/network-state.ts';
import { installTlsAddresses, simulatedConnect, simulatedTlsConnect } from './network/simulated-connect.ts';
import { installServers } from './network/simulated-server.ts';
import { mathRandom, randomFunctions, resetRandomness } from './randomness.ts';
import { resetSchedule } from './schedule.ts';
import { timeoutSignal, timerFunctions, timerPromises } from './timers.ts';

/** Must be called only once per process. */
export function installWorld(): void {
  const require = createRequire(import.meta.url);
  // At the first call Node loads its matcher and draws random numbers.
  matchesGlob('a', 'a');
  Object.assign(globalThis, timerFunctions, { Date: VirtualDate });
  Object.assign(require('node:timers') as object, timerFunctions);
  Object.assign(require('node:timers/promises') as object, timerPromises);
  Object.assign(require('node:crypto') as object, randomFunctions);
  Object.assign(Math, { random: mathRandom });
  Object.defineProperty(performance, 'now', { value: clock.performanceNow, configurable: true, writable: true });
  Object.defineProperty(AbortSignal, 'timeout', { value: timeoutSignal, configurable: true, writable: true });
  const files = require('node:fs/promises') as Parameters<typeof dividedFiles>[0];
  Object.assign(files, dividedFiles(files));
  const descriptors = require('node:fs') as Parameters<typeof dividedDescriptors>[0];
  Object.assign(descriptors, dividedDescriptors(descriptors));
  const net = require('node:net') as Record<string, unknown>;
  Object.assign(net, { connect: simulatedConnect, createConnection: simulatedConnect });
  const tls = require('node:tls') as { connect: Parameters<typeof simulatedTlsConnect>[0] };
  Object.assign(tls, { connect: simulatedTlsConnect(tls.connect) });
  countCryptography();
  installServers();
  installTlsAddresses();
  syncBuiltinESMExports();
}

/** Starts a new world: time 0, no planned events, no servers, and random numbers from `seed`. */
export function resetWorld(seed: number): void {
  resetSchedule(seed);
  clockSkewsMs.clear();
  resetNetwork(seed);
  resetFileSystem(seed);
  resetDescriptors();
  resetRandomness(seed);
}
