// Starts Debian's pebble, Let's Encrypt's ACME server for tests, with real validation. Its DNS resolves every name to
// this machine.
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificateFiles } from '../certificate-files.ts';
import { ensureDebianPackages } from '../ensure-debian-packages.ts';
import { freePort } from '../free-port.ts';
import { type SupervisedProcess, startProcess } from '../start-process.ts';

export interface PebbleOptions {
  /** Ports for `http-01` and `tls-alpn-01`, instead of 80 and 443. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** Validity of its certificates in seconds; default one hour. */
  readonly validForSeconds?: number;
  /**
   * Keys in base64url by name, for external account binding: only these may create an account. Default: no restriction.
   */
  readonly externalAccounts?: Readonly<Record<string, string>>;
}

export interface Pebble {
  readonly directoryUrl: string;
  /** PEM file of the authority of its own HTTPS, for NODE_EXTRA_CA_CERTS. */
  readonly caFile: string;
  /** An executable for `dns-01` that sets and removes records of its DNS. */
  readonly dnsHook: string;
  /** Returns the number of issued certificates so far, over all of its processes. */
  issued(): number;
  /** Sends SIGKILL. */
  kill(): Promise<void>;
  /** Starts another process at the same address after `kill`, without the accounts of the first. */
  start(): Promise<void>;
  close(): Promise<void>;
}

const dnsOnly = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', '', '-defaultIPv6', ''];

/** Installs the package if it is missing. The caller closes it. */
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
      // It waits one second at most before it checks a proof, and always checks. As by default, it rejects some good
      // nonces.
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
