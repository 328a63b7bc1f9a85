// Builds the table of upstreams, including registry:2's single upstream (`proxy`). Also chooses the default upstream,
// and checks that no name means two upstreams.
import type { z } from 'zod';
import { builtInUpstreams, dockerHub, upstreamNameOf } from './built-in-upstreams.ts';
import { duration, openSection, program, registryUrl, secret, section, text } from '../values/values.ts';
import type { SectionContext } from './context.ts';
import type { CredentialConfig } from './upstream-credentials.ts';
import {
  buildUpstream,
  defaultUpstreamEntry,
  type UpstreamConfig,
  type UpstreamEntry,
  type upstreamsSection,
} from './upstreams.ts';

export const proxySection = section(
  'The single upstream of a registry:2 configuration. It is the default upstream and is named after its host; Docker Hub is `docker.io`. Without `upstreams` an unknown `ns` is ignored, as in registry:2.',
  {
    remoteurl: registryUrl('The URL of the registry.').optional(),
    username: text('The account to pull with.').optional(),
    password: secret('The password or token of the account.').optional(),
    exec: openSection('A credential helper instead of a user name and a password, as in registry 3.x.', {
      command: program('The name or path of the program. It runs with the argument `get`.'),
      lifetime: duration({
        text: 'How long its output is used. With `0s` it runs whenever credentials are needed.',
        default: 'five minutes, or until the upstream rejects the credentials',
      }).optional(),
    }).optional(),
  },
);

interface Row {
  readonly name: string;
  /** The path of the entry in the file, for reports of problems. */
  readonly path: string;
  readonly entry: UpstreamEntry;
  /** An account in addition to those of the entry. */
  readonly helper?: CredentialConfig | undefined;
}

/** Returns `proxy` and `upstreams` as one table. If neither names an upstream, returns the built-in upstreams. */
export function buildUpstreamTable(
  given: {
    readonly proxy: z.output<typeof proxySection>;
    readonly upstreams: z.output<typeof upstreamsSection>;
    /** The value for upstreams whose entry does not set `offline`. */
    readonly offline: boolean;
  },
  context: SectionContext,
): readonly UpstreamConfig[] {
  const rows = rowsOf(given);
  for (const { name, path } of rows) checkName(name, path, context);
  const defaultName = chooseDefault(rows, context);
  const takesAnyNamespace = rows.length === 1 && rows[0]?.path === 'proxy';
  const table = rows.map(({ name, entry, path, helper }) => {
    const upstream = buildUpstream(name, { ...entry, offline: entry.offline ?? given.offline }, path, context);
    const credentials = helper === undefined ? upstream.credentials : [helper, ...upstream.credentials];
    return { ...upstream, credentials, isDefault: name === defaultName, takesAnyNamespace };
  });
  checkUnique(rows, table, context);
  return addDotlessAliases(table);
}

function rowsOf({ proxy, upstreams = {} }: Omit<Parameters<typeof buildUpstreamTable>[0], 'offline'>): readonly Row[] {
  const rows: Row[] = Object.entries(upstreams).map(([name, entry]) => ({ name, path: `upstreams.${name}`, entry }));
  const single = proxyEntry(proxy);
  if (single) rows.unshift({ ...single, path: 'proxy' });
  if (rows.length > 0) return rows;
  return Object.keys(builtInUpstreams).map((name) => ({
    name,
    path: `upstreams.${name}`,
    entry: defaultUpstreamEntry(),
  }));
}

const namePattern = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?(?::\d{1,5})?$/;

function checkName(name: string, path: string, context: SectionContext): void {
  if (!namePattern.test(name) || name === 'v2')
    context.report(
      path,
      'is not a valid name: use lower-case letters, digits, ".", "_" and "-", for example the host of the registry',
    );
  else if (upstreamNameOf(name) !== name) context.report(path, `is Docker Hub: use its name ${dockerHub}`);
}

function chooseDefault(rows: readonly Row[], context: SectionContext): string | undefined {
  const chosen = rows.filter(({ entry }) => entry.default === true);
  for (const { path } of chosen.slice(1))
    context.report(
      path === 'proxy' ? path : `${path}.default`,
      `only one upstream can be the default, and ${chosen[0]?.path} already is`,
    );
  const fallback = rows.length === 1 ? rows[0] : rows.find(({ name }) => name === dockerHub);
  return (chosen[0] ?? (fallback?.entry.default === false ? undefined : fallback))?.name;
}

function checkUnique(rows: readonly Row[], table: readonly UpstreamConfig[], context: SectionContext): void {
  for (const field of ['aliases', 'hosts'] as const) {
    const takenBy = new Map<string, string>();
    for (const [at, upstream] of table.entries()) {
      const path = rows[at]?.path ?? '';
      for (const name of field === 'aliases' ? [upstream.name, ...upstream.aliases] : upstream.hosts) {
        const other = takenBy.get(name);
        if (other !== undefined)
          context.report(
            name === upstream.name ? path : `${path}.${field}`,
            `"${name}" already means ${other}: choose another name`,
          );
        takenBy.set(name, path);
      }
    }
  }
}

/**
 * Adds to each upstream an alias with "-" instead of "." and ":", such as `ghcr-io`, unless another upstream has that
 * name. If the default upstream is not Docker Hub, adds no aliases, because an alias could hide a namespace of the
 * default upstream. Docker Hub has no such namespaces, because its namespaces contain no "-".
 */
function addDotlessAliases(table: readonly UpstreamConfig[]): readonly UpstreamConfig[] {
  const fallback = table.find(({ isDefault }) => isDefault);
  if (fallback !== undefined && fallback.name !== dockerHub) return table;
  const taken = new Set(table.flatMap(({ name, aliases }) => [name, ...aliases]));
  const dotless = table.map(({ name }) => name.replaceAll(/[.:]/g, '-'));
  const isFree = (alias: string) => !taken.has(alias) && dotless.indexOf(alias) === dotless.lastIndexOf(alias);
  return table.map((upstream, at) => {
    const added = dotless.slice(at, at + 1).filter(isFree);
    return { ...upstream, aliases: [...upstream.aliases, ...added] };
  });
}

/** Returns the entry for the section `proxy`, or `undefined` if it names no upstream. */
function proxyEntry(
  proxy: z.output<typeof proxySection>,
): { readonly name: string; readonly entry: UpstreamEntry; readonly helper: CredentialConfig | undefined } | undefined {
  if (proxy.remoteurl === undefined) return undefined;
  const { host } = new URL(proxy.remoteurl);
  const name = upstreamNameOf(host);
  // Only registry-1.docker.io serves images, but users often write another name of Docker Hub, which is replaced.
  const hub = name === dockerHub && host !== 'registry-1.docker.io' ? builtInUpstreams[dockerHub]?.url : undefined;
  const { exec } = proxy;
  return {
    name,
    helper: exec && {
      kind: 'helper',
      name: 'exec',
      setting: 'proxy.exec',
      alternate: undefined,
      program: exec.command,
      keepMs: exec.lifetime,
    },
    entry: defaultUpstreamEntry({
      url: hub ?? proxy.remoteurl,
      default: true,
      // The helper takes precedence over user name and password, as in registry 3.x.
      ...(exec === undefined && { username: proxy.username, password: proxy.password }),
    }),
  };
}
