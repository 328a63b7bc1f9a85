// Checks whether the addresses of a configuration are free, or are those of a node that runs.
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { access, constants } from 'node:fs/promises';
import type { Config } from '@cistern/config';
import type { ListenAddress } from '@cistern/runtime/process';
import { describeAddress } from '../node/describe-config.ts';
import { type Check, checkOf, fail, type Finding, ok, warn } from './finding.ts';

export function listenerChecks({ http, worker, admin, cluster }: Config): readonly Check[] {
  const { debug } = http;
  // The listener for metrics and health shows whether a node of this configuration runs here.
  let isOurs: Promise<boolean> | undefined;
  const nodeRuns = () => (isOurs ??= debug.address === undefined ? Promise.resolve(false) : isNode(debug.address));
  const listeners: readonly (readonly [string, ListenAddress | undefined, isOptional: boolean])[] = [
    ['http.addr', http.address, false],
    ['http.debug.addr', debug.address, !debug.explicit],
    ['worker.addr', cluster === undefined ? undefined : worker.address, false],
    ['admin.addr', admin.address, !admin.explicit],
  ];
  return listeners.flatMap(([setting, address, isOptional]) =>
    address === undefined ? [] : [checkOf(setting, () => checkListener(setting, address, { isOptional, nodeRuns }))],
  );
}

interface ListenerOptions {
  /** True if a node starts without this listener. */
  readonly isOptional: boolean;
  nodeRuns(): Promise<boolean>;
}

async function checkListener(
  setting: string,
  address: ListenAddress,
  { isOptional, nodeRuns }: ListenerOptions,
): Promise<Finding> {
  const where = describeAddress(address);
  if (address.kind === 'unix') {
    await access(dirname(address.path), constants.W_OK);
    return ok(setting, `${where} can be created`);
  }
  const code = await tryListening(address);
  switch (code) {
    case undefined:
      return ok(setting, `${where} is free`);
    case 'EADDRINUSE':
      if (await nodeRuns()) return ok(setting, `${where} is in use by a running node of Cistern`);
      if (isOptional)
        return warn(setting, `${where} is in use, so a node starts without it. Set ${setting} to another port.`);
      return fail(
        setting,
        `${where} is in use. Stop the program that listens there, or set ${setting} to another port.`,
      );
    case 'EACCES':
      return fail(setting, `user ${process.getuid?.()} may not listen on ${where}. Use a port of 1024 or more.`);
    case 'EADDRNOTAVAIL':
      return fail(setting, `${where} is no address of this machine. Set ${setting} to one, or write only ":port".`);
    case 'ENOTFOUND':
      return fail(setting, `the host name of ${where} cannot be resolved. Check ${setting} and DNS.`);
    default:
      return fail(setting, `nothing can listen on ${where} (${code}).`);
  }
}

type TcpAddress = Extract<ListenAddress, { readonly kind: 'tcp' }>;

/** Resolves to the error code if nothing can listen there. Listens only for a moment. */
async function tryListening({ host, port }: TcpAddress): Promise<string | undefined> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    server.close();
  }
}

const limitMs = 3000;

/** Resolves to true if the health endpoint of a node of Cistern answers there. */
function isNode(address: ListenAddress): Promise<boolean> {
  if (address.kind === 'unix') return Promise.resolve(false);
  const { host, port } = address;
  const hostname = host === undefined || host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const signal = AbortSignal.timeout(limitMs);
  request({ hostname, port, path: '/readyz', agent: false, signal }, (answer) => {
    const chunks: Buffer[] = [];
    answer
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('error', () => resolve(false))
      .on('end', () => resolve(Buffer.concat(chunks).includes('"failing"')));
  })
    .on('error', () => resolve(false))
    .end();
  return promise;
}
