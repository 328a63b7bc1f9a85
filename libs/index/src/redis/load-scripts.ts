// Loads the Lua scripts of the index, each from a file of its own. Redis runs a script atomically. Each script is
// prefixed with the code of `shared.lua`.
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
  'read-hashes',
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
 * Returns the scripts for ioredis' option `scripts`. ioredis makes each script a command, whose first argument is the
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
