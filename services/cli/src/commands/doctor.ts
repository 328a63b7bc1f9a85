// `cistern doctor`: whether clients here can pull through a cache, and if not, why.
import { readFileSync } from 'node:fs';
import { splitFirstComponent } from '@cistern/oci';
import { type Command, Option } from 'commander';
import { parseCacheAddress } from '@cistern/client-config';
import { CommandError, explain } from '../terminal/command-error.ts';
import { clientFiles, examineFiles } from '../doctor/client-files.ts';
import { type Finding, examine } from '../doctor/examine.ts';
import { createSendRequest } from '../doctor/send-request.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface DoctorOptions {
  readonly image: string;
  readonly user?: string;
  readonly ca?: string;
  readonly client?: string;
  readonly root: string;
}

export function addDoctor(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .argument('<url>', 'the cache as clients reach it')
    .description(
      'Try from this machine what clients need of a cache, and say what is wrong. Exit code 1 if anything is',
    )
    .option('--image <image>', 'what to pull, with its registry', 'docker.io/library/busybox:latest')
    .option('--user <name>', 'who to log in as; the password comes from CISTERN_PASSWORD')
    .option('--ca <file>', 'the certificate of the authority, if this machine does not know it')
    .addOption(
      new Option('--client <client>', 'look whether its files on this machine lead to the cache, too').choices(
        Object.keys(clientFiles),
      ),
    )
    .option('--root <directory>', 'where these files lie, for a machine whose disk is mounted elsewhere', '/')
    .action((url: string, options: DoctorOptions) => visit(url, options, terminal));
}

async function visit(url: string, options: DoctorOptions, terminal: Terminal): Promise<void> {
  const { image, user, ca, client, root } = options;
  const cache = await explain(() => parseCacheAddress(url, undefined));
  const { upstream, repository, tag } = parseImage(image);
  const password = terminal.env['CISTERN_PASSWORD'];
  if (user !== undefined && password === undefined) throw new CommandError('Put the password into CISTERN_PASSWORD.');
  const account = user === undefined || password === undefined ? undefined : { user, password };
  const send = createSendRequest(cache.url, ca === undefined ? undefined : readAuthority(ca));
  const report = ({ what, isWell, says }: Finding) => {
    terminal.stdout.write(`${isWell ? 'ok   ' : 'WRONG'}  ${what.padEnd(16)}  ${says}\n`);
    if (!isWell) terminal.exitCode = 1;
  };
  if (client !== undefined) report({ what: client, ...examineFiles(client, { cache, upstream, root }) });
  await examine({ url: cache.url, send, account, upstream, repository, tag }, report);
}

function parseImage(image: string) {
  const { first: upstream, rest = '' } = splitFirstComponent(image);
  const [, repository, tag = 'latest'] = /^([^:@]+)(?::([^:@]+))?$/.exec(rest) ?? [];
  if (repository === undefined || !/[.:]|^localhost$/.test(upstream))
    throw new CommandError(
      `${JSON.stringify(image)} is no image with its registry, such as docker.io/library/busybox:latest`,
    );
  return { upstream, repository, tag };
}

function readAuthority(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
