// Starts nginx as a cache. It shows the limit of this machine, because nginx does not inspect the content.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ensureDebianPackages, freePort, makeCertificateFiles, startProcess } from '@cistern/test-servers';
import type { Contender } from './contender.ts';

export interface NginxOptions {
  readonly upstreamUrl: string;
  readonly hasLog: boolean;
  /** Serves over TLS with its own certificate. */
  readonly isSecure?: boolean;
}

/** Installs the package if it is missing. The caller closes it. */
export async function startNginx({ upstreamUrl, hasLog, isSecure = false }: NginxOptions): Promise<Contender> {
  await ensureDebianPackages(['nginx-light']);
  const directory = await mkdtemp(join(tmpdir(), 'cistern-nginx-'));
  const port = await freePort();
  await mkdir(join(directory, 'cache'));
  const file = join(directory, 'nginx.conf');
  const certificate = isSecure ? await makeCertificateFiles(directory) : undefined;
  const url = `${isSecure ? 'https' : 'http'}://127.0.0.1:${port}`;
  const log = hasLog ? `${directory}/access.log` : 'off';
  await writeFile(file, configuration({ directory, port, upstreamUrl, log, certificate }));
  const nginx = await startProcess({
    command: '/usr/sbin/nginx',
    args: ['-c', file],
    ready: isSecure ? { port } : { http: `${url}/v2/`, status: [200] },
    removeAfter: [directory],
  });
  return { url, pids: [await workerOf(nginx.pid)], close: () => nginx.stop() };
}

type CertificateFiles = Awaited<ReturnType<typeof makeCertificateFiles>>;

interface Settings {
  readonly directory: string;
  readonly port: number;
  readonly upstreamUrl: string;
  readonly log: string;
  readonly certificate: CertificateFiles | undefined;
}

function configuration({ directory, port, upstreamUrl, log, certificate }: Settings): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${directory}/${name};`)
    .join(' ');
  const secure =
    certificate === undefined
      ? ''
      : `ssl_certificate ${certificate.certFile}; ssl_certificate_key ${certificate.keyFile};`;
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `daemon off; ${user} worker_processes 1; pid ${directory}/pid; error_log ${directory}/error.log;
events { worker_connections 4096; }
http {
  access_log ${log}; sendfile on; tcp_nopush on; keepalive_requests 100000000; ${temporary}
  proxy_cache_path ${directory}/cache levels=1:2 keys_zone=cache:32m max_size=20g inactive=1d use_temp_path=off;
  server {
    listen 127.0.0.1:${port}${certificate === undefined ? '' : ' ssl'}; ${secure}
    location / {
      proxy_pass ${upstreamUrl}; proxy_cache cache; proxy_cache_lock on; proxy_cache_lock_timeout 60s;
      proxy_cache_lock_age 60s; proxy_cache_valid 200 1d; proxy_cache_methods GET HEAD; proxy_cache_convert_head off;
      proxy_cache_key $request_method$uri; proxy_ignore_headers Cache-Control Expires Vary;
    }
  }
}
`;
}

/** Returns the worker's process id. The master only supervises the worker. */
async function workerOf(master: number): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=,args=', '--ppid', String(master)]);
    const line = stdout.split('\n').find((text) => text.includes('worker process'));
    if (line !== undefined) return Number.parseInt(line, 10);
    // real-time: polls for the worker process of nginx; a count of attempts limits it
    await delay(50);
  }
  throw new Error('nginx has started no worker');
}
