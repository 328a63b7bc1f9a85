// Loads the decisions of the index, one Lua file each. Redis runs a script as one step. Each script is prefixed with
// the shared code.
import { readFile } from 'node:fs/promises';

const scriptNames = [
  'acquire-lease',
  'add-audit',
  'add-pulls',
  'adopt-blob',
  'adopt-tag',
  'begin-deletions',
  'claim-fill',
  'complete-shard',
  'count-pulls',
  'done-fill',
  'end-deletions',
  'failed-fill',
  'heartbeat-fill',
  'list-nodes',
  'most-popular',
  'put-blob',
  'put-links',
  'put-record',
  'put-tag',
  'read-clock',
  'read-fill',
  'release-lease',
  'remove-blob',
  'remove-link',
  'remove-record',
  'remove-tag',
  'report-node',
  'count-workers',
  'running-fill',
  'settle-shard',
  'show-fill',
  'touch-blobs',
  'verify-blob',
] as const;

export type ScriptName = (typeof scriptNames)[number];

/**
 * Returns the scripts in the form of ioredis' option `scripts`. Each becomes a command whose first argument is the
 * number of keys.
 */
export async function loadScripts(): Promise<Record<ScriptName, { readonly lua: string }>> {
  const shared = await read('shared');
  const scripts = scriptNames.map(async (name) => [name, { lua: `${shared}\n${await read(name)}` }] as const);
  return Object.fromEntries(await Promise.all(scripts)) as Record<ScriptName, { readonly lua: string }>;
}

async function read(name: string): Promise<string> {
  return readFile(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8');
}
