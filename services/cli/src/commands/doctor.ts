// `cistern doctor` tests whether clients on this machine can pull through a cache, and explains each failure.
import { splitFirstComponent } from '@cistern/oci';
import { type Command, Option } from 'commander';
import { parseCacheAddress } from '@cistern/client-config';
import { CommandError, explain } from '../terminal/command-error.ts';
import { clientFiles, examineFiles } from '../doctor/client-files.ts';
import { type Finding, examine } from '../doctor/examine.ts';
import { createSendRequest } from '../http/send-request.ts';
import { readAuthority } from '../http/trusted-authorities.ts';
import { addJson, type JsonOptions } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface DoctorOptions extends JsonOptions {
  readonly image: string;
  readonly user?: string;
  readonly ca?: string;
  readonly client?: string;
  readonly root: string;
}

export function addDoctor(program: Command, terminal: Terminal): void {
  addJson(program.command('doctor'))
    .argument('<url>', 'URL of the cache for clients')
    .description(
      'Test from this machine whether clients can pull through a cache, and explain each failure. Exits 1 if any check fails',
    )
    .option('--image <image>', 'image to pull, with its registry', 'docker.io/library/busybox:latest')
    .option('--user <name>', 'user to log in as; the password comes from CISTERN_PASSWORD')
    .option('--ca <file>', 'PEM file of a CA to trust, in addition to those of this machine')
    .addOption(
      new Option('--client <client>', 'also check the files of this client on this machine').choices(
        Object.keys(clientFiles),
      ),
    )
    .option('--root <directory>', "root of the client's files, for a disk that is mounted elsewhere", '/')
    .action((url: string, options: DoctorOptions) => visit(url, options, terminal));
}

async function visit(url: string, options: DoctorOptions, terminal: Terminal): Promise<void> {
  const { image, user, ca, client, root } = options;
  const cache = await explain(() => parseCacheAddress(url, undefined));
  const { upstream, repository, tag } = parseImage(image);
  const password = terminal.env['CISTERN_PASSWORD'];
  if (user !== undefined && password === undefined)
    throw new CommandError('--user needs a password. Set CISTERN_PASSWORD.');
  const account = user === undefined || password === undefined ? undefined : { user, password };
  const send = createSendRequest(cache.url, ca === undefined ? undefined : readAuthority(ca));
  const checks: object[] = [];
  const report = ({ check, isOk, message }: Finding) => {
    checks.push({ check, result: isOk ? 'ok' : 'fail', message });
    if (options.json !== true) terminal.stdout.write(`${isOk ? 'ok  ' : 'FAIL'}  ${check.padEnd(16)}  ${message}\n`);
    if (!isOk) terminal.exitCode = 1;
  };
  if (client !== undefined) report({ check: client, ...examineFiles(client, { cache, upstream, root }) });
  await examine({ url: cache.url, send, account, upstream, repository, tag }, report);
  if (options.json === true) terminal.stdout.write(`${JSON.stringify({ url: cache.url, checks })}\n`);
}

function parseImage(image: string) {
  const { first: upstream, rest = '' } = splitFirstComponent(image);
  const [, repository, tag = 'latest'] = /^([^:@]+)(?::([^:@]+))?$/.exec(rest) ?? [];
  if (repository === undefined || !/[.:]|^localhost$/.test(upstream))
    throw new CommandError(
      `${JSON.stringify(image)} is not an image with its registry. Write it like docker.io/library/busybox:latest.`,
    );
  return { upstream, repository, tag };
}
