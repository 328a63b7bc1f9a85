// Checks whether the addresses of a configuration are free, or are those of a node that runs.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { access, constants } from 'node:fs/promises';
import type { Config } from '@cistern/config';
import type { ListenAddress } from '@cistern/runtime/process';
import { describeAddress } from '../node/describe-config.ts';
import { askListener, type ListenerKind } from './ask-listener.ts';
import { type Check, checkOf, fail, type Finding, ok, warn } from './finding.ts';

export function listenerChecks({ http, worker, admin, cluster }: Config): readonly Check[] {
  const { debug, tls, proxyProtocol } = http;
  const requiresCertificate = (tls?.clientAuthorities.length ?? 0) > 0 && tls?.clientCertificateIsOptional !== true;
  const listeners: readonly Listener[] = [
    {
      setting: 'http.addr',
      address: http.address,
      kind: 'pulls',
      isSecure: tls !== undefined,
      mayBeSilent: requiresCertificate || proxyProtocol,
    },
    { setting: 'http.debug.addr', address: debug.address, kind: 'health', isOptional: !debug.explicit },
    {
      setting: 'worker.addr',
      address: cluster === undefined ? undefined : worker.address,
      kind: 'fills',
      isSecure: worker.tls !== undefined,
      mayBeSilent: worker.tls?.ca !== undefined,
    },
    { setting: 'admin.addr', address: admin.address, kind: 'admin', isOptional: !admin.explicit },
  ];
  return listeners.flatMap(({ address, ...listener }) =>
    address === undefined ? [] : [checkOf(listener.setting, () => checkListener({ ...listener, address }))],
  );
}

interface Listener {
  readonly setting: string;
  readonly address: ListenAddress | undefined;
  readonly kind: ListenerKind;
  /** True for TLS. */
  readonly isSecure?: boolean;
  /** True if a node starts without this listener. */
  readonly isOptional?: boolean;
  /** True if a node may answer nothing: to a client without a certificate, or without a PROXY header. */
  readonly mayBeSilent?: boolean;
}

async function checkListener(listener: Listener & { readonly address: ListenAddress }): Promise<Finding> {
  const { setting, address } = listener;
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
      return judgeUse(where, listener, await askListener(listener.kind, address, listener.isSecure === true));
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

/** Judges an address in use by what listens there. */
function judgeUse(
  where: string,
  { setting, isOptional = false, mayBeSilent = false }: Listener,
  found: 'cistern' | 'other' | 'silent',
): Finding {
  if (found === 'cistern') return ok(setting, `${where} is in use by a running node of Cistern`);
  if (found === 'silent' && mayBeSilent)
    return warn(
      setting,
      `${where} is in use, and does not answer without a client certificate or a PROXY header. Check that a node of Cistern listens there.`,
    );
  const program = found === 'silent' ? 'a program that does not answer as Cistern' : 'another program';
  if (isOptional)
    return warn(
      setting,
      `${where} is in use by ${program}, so a node starts without it. Set ${setting} to another port.`,
    );
  return fail(setting, `${where} is in use by ${program}. Stop that program, or set ${setting} to another port.`);
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
