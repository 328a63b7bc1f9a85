// Starts Debian's pebble, which is Let's Encrypt's ACME server for tests. pebble really validates the proofs. Its DNS
// server resolves every name to this machine.
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificateFiles } from '../certificate-files.ts';
import { ensureDebianPackages } from '../ensure-debian-packages.ts';
import { freePort } from '../free-port.ts';
import { type SupervisedProcess, startProcess } from '../start-process.ts';

export interface PebbleOptions {
  /** The port for `http-01`, instead of 80. `tlsPort` is the port for `tls-alpn-01`, instead of 443. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** Validity of issued certificates in seconds; default one hour. */
  readonly validForSeconds?: number;
  /**
   * HMAC keys in base64url by key id (`kid`), for external account binding. Only clients with one of them can create an
   * account. Default: no restriction.
   */
  readonly externalAccounts?: Readonly<Record<string, string>>;
}

export interface Pebble {
  readonly directoryUrl: string;
  /** The PEM file of the CA that issued the certificate of pebble's own HTTPS server, for NODE_EXTRA_CA_CERTS. */
  readonly caFile: string;
  /** The path of an executable for `dns-01` that sets and removes records in the DNS server. */
  readonly dnsHook: string;
  /** Returns the number of certificates that were issued so far, including those of killed processes. */
  issued(): number;
  /** Sends SIGKILL. */
  kill(): Promise<void>;
  /** Starts another process at the same address after `kill`. The new process has none of the previous accounts. */
  start(): Promise<void>;
  close(): Promise<void>;
}

const dnsOnly = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', '', '-defaultIPv6', ''];

/** Installs the package if it is missing. The caller closes pebble. */
export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  const { httpPort, tlsPort, validForSeconds = 3600, externalAccounts } = options;
  await ensureDebianPackages(['pebble']);
  const directory = await mkdtemp(join(tmpdir(), 'cistern-pebble-'));
  await mkdir(join(directory, 'tls'));
  const { caFile, certFile, keyFile } = await makeCertificateFiles(join(directory, 'tls'));
  const [port, dnsPort, managementPort] = [await freePort(), await freePort(), await freePort()];
  const dns = await startProcess({
    command: 'pebble-challtestsrv',
    args: [...dnsOnly, '-dns01', `127.0.0.1:${dnsPort}`, '-management', `127.0.0.1:${managementPort}`],
    ready: { port: managementPort },
    removeAfter: [directory],
  });
  const configFile = join(directory, 'pebble.json');
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    certificate: certFile,
    privateKey: keyFile,
    httpPort,
    tlsPort,
    certificateValidityPeriod: validForSeconds,
    retryAfter: { authz: 1, order: 1 },
    externalAccountBindingRequired: externalAccounts !== undefined,
    externalAccountMACKeys: externalAccounts ?? {},
  };
  await writeFile(configFile, JSON.stringify({ pebble }));
  const dnsHook = join(directory, 'dns-hook');
  await writeFile(dnsHook, hookOf(managementPort), { mode: 0o755 });
  const outputFile = join(directory, 'pebble.log');
  const run = () =>
    startProcess({
      command: 'pebble',
      args: ['-config', configFile, '-dnsserver', `127.0.0.1:${dnsPort}`],
      // pebble waits at most one second before it checks a proof, and never reuses an earlier check. As by default, it
      // rejects some good nonces.
      env: { PEBBLE_VA_SLEEPTIME: '1', PEBBLE_AUTHZREUSE: '0' },
      outputFile,
      ready: { port },
    });
  let current: SupervisedProcess = await run();
  return {
    directoryUrl: `https://127.0.0.1:${port}/dir`,
    caFile,
    dnsHook,
    issued: () => current.outputLines().filter((line) => /Issued certificate/.test(line)).length,
    kill: async () => void (await current.kill()),
    async start() {
      current = await run();
    },
    async close() {
      await current.kill();
      await dns.stop();
    },
  };
}

function hookOf(managementPort: number): string {
  return `#!/bin/bash
set -euo pipefail
case $1 in
  present) action=set-txt body='{"host":"'$2'.","value":"'$3'"}' ;;
  cleanup) action=clear-txt body='{"host":"'$2'."}' ;;
esac
exec 3<>/dev/tcp/127.0.0.1/${managementPort}
printf 'POST /%s HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n%s' "$action" "\${#body}" "$body" >&3
read -r _ status _ <&3
[ "$status" = 200 ]
`;
}
