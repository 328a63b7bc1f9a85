// Starts Ceph's S3 gateway on its own Ceph cluster.
import { type SupervisedProcess, startProcess } from '../start-process.ts';
import { type CephCluster, startCephCluster } from './start-ceph-cluster.ts';
import type { S3 } from './start-s3.ts';

export interface GatewayOptions {
  /** The address to listen on. */
  readonly host: '127.0.0.1' | '0.0.0.0';
  readonly port: number;
  /** The keys of the account that exists from the start. */
  readonly accessKey: string;
  readonly secretKey: string;
}

const firstAccount = 's3-1';

/** Installs missing packages. The caller closes the server. */
export async function startGateway(options: GatewayOptions): Promise<S3> {
  const { port, accessKey, secretKey } = options;
  const cluster = await startCephCluster();
  let gateway: SupervisedProcess | undefined;
  const stop = async () => {
    await gateway?.kill();
    gateway = undefined;
  };
  const close = async () => {
    await stop();
    await cluster.close();
  };
  const start = async () => {
    gateway ??= await runGateway(cluster, options);
  };
  let accounts = 0;
  const addAccount: S3['addAccount'] = async (keys) => {
    const name = `s3-${(accounts += 1)}`;
    const given = [`--access-key=${keys.accessKey}`, `--secret-key=${keys.secretKey}`, '--max-buckets=0'];
    await cluster.tool('radosgw-admin', 'user', 'create', `--uid=${name}`, `--display-name=${name}`, ...given);
    return `arn:aws:iam:::user/${name}`;
  };
  const setFull: S3['setFull'] = (isFull) =>
    cluster.tool(
      'radosgw-admin',
      'quota',
      isFull ? 'enable' : 'disable',
      '--quota-scope=user',
      `--uid=${firstAccount}`,
    );
  try {
    await addAccount({ accessKey, secretKey });
    // This quota has no effect until it is enabled.
    await cluster.tool('radosgw-admin', 'quota', 'set', '--quota-scope=user', `--uid=${firstAccount}`, '--max-size=1');
    await start();
    return {
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      accessKey,
      secretKey,
      controllable: true,
      stop,
      start,
      addAccount,
      freeze: () => gateway?.sendSignal('SIGSTOP'),
      thaw: () => gateway?.sendSignal('SIGCONT'),
      setFull,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function runGateway(
  { configurationFile, environment }: CephCluster,
  { host, port }: GatewayOptions,
): Promise<SupervisedProcess> {
  // Without tcp_nodelay most small responses take 40 ms.
  const frontend = `beast endpoint=${host}:${port} tcp_nodelay=1`;
  return startProcess({
    command: 'radosgw',
    args: ['-c', configurationFile, '-f', '-n', 'client.rgw', '--rgw-frontends', frontend],
    env: environment,
    ready: { http: `http://127.0.0.1:${port}/` },
  });
}
