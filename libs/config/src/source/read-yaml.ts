// Parses YAML into plain maps, lists and text. Every scalar stays the text that the user wrote (YAML's failsafe schema,
// with null and merge keys). As in registry:2, the type of the key decides what the text means.
import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';

/**
 * Loads the YAML parser synchronously and only on demand, because most configurations do not need the parser (decision
 * 0044).
 */
const loadYaml = (): typeof Yaml => createRequire(import.meta.url)('yaml');

export type RawValue = string | null | RawValue[] | RawMap;
export interface RawMap {
  [key: string]: RawValue;
}

/** Throws an Error whose message has one line for each syntax error, with the line and column of the error. */
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

// The library appends an excerpt of the file, which might show a password.
function firstLine(message: string): string {
  return message.split('\n')[0]?.replace(/:$/, '') ?? message;
}

export function isRawMap(value: RawValue | undefined): value is RawMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
