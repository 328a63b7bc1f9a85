// The command line: one file per command, and help that teaches.
import { Command } from 'commander';
import { addCheckConfig } from './commands/check-config.ts';
import { addServe } from './commands/serve.ts';
import type { Terminal } from './terminal.ts';
import { version } from './version.ts';

const examples = `
Examples:
  cistern serve                          cache Docker Hub, Quay, GHCR and others on port 5000
  cistern serve config.yml               run a registry:2 pull-through configuration as it is
  cistern serve --addr 127.0.0.1:5000 --data /srv/cache
  REGISTRY_PROXY_REMOTEURL=https://quay.io cistern serve
  cistern check-config config.yml        tell everything that is wrong with a configuration
`;

/** Parses `process.argv` unless told otherwise. */
export function buildProgram(terminal: Terminal): Command {
  const program = new Command('cistern')
    .description('A pull-through cache for container images: pulled once from upstream, then served from here.')
    .version(version)
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .addHelpText('after', examples)
    .showHelpAfterError('(see cistern --help)');
  addServe(program, terminal);
  addCheckConfig(program, terminal);
  return program;
}
