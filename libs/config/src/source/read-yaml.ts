// YAML to plain maps, lists and text. Every scalar stays the text the user wrote (YAML's failsafe schema, with null and
// merge keys), as registry:2 reads it: the type of the key decides, not the look of the value.
import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';

/** Most configurations need no parser of YAML, and those that do need it at once (decision 0044). */
const loadYaml = (): typeof Yaml => createRequire(import.meta.url)('yaml');

export type RawValue = string | null | RawValue[] | RawMap;
export interface RawMap {
  [key: string]: RawValue;
}

/** Throws an Error whose message has a line for each syntax error, with its line and column. */
export function readYaml(text: string): RawValue {
  const document = loadYaml().parseDocument(text, {
    schema: 'failsafe',
    customTags: ['null', 'merge'],
    stringKeys: true,
  });
  if (document.errors.some(({ code }) => code === 'MULTIPLE_DOCS'))
    throw new Error('must be one YAML document, without `---` inside');
  if (document.errors.length > 0)
    throw new Error([...new Set(document.errors.map(({ message }) => firstLine(message)))].join('\n'));
  return (document.toJS() ?? null) as RawValue;
}

// The library adds an excerpt of the file below, which might show a password.
function firstLine(message: string): string {
  return message.split('\n')[0]?.replace(/:$/, '') ?? message;
}

export function isRawMap(value: RawValue | undefined): value is RawMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
