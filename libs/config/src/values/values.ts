// Creates the schemas of keys, by type of the value. Every scalar of the file is read as the text that the user wrote.
// As in registry:2, the type of the key decides what the text means: `password: 0123` is four characters, and
// `enabled: yes` is true.
import { parsePlatformName } from '@cistern/oci';
import { z } from 'zod';
import { parseNetwork, parseProxyUrl, parseRegistryUrl, parseServerUrl } from './addresses.ts';
import { createSecret } from './secrets.ts';
import { parseDuration, parseSize } from './units.ts';

/** The entry of a key in the reference page. `keyDocs` has the entry of each schema. */
export interface KeyDoc {
  readonly type: string;
  readonly description: string;
  /** Describes the default if the schema has no default value. */
  readonly defaultText?: string;
}

export const keyDocs = z.registry<KeyDoc>();

type Doc = string | { readonly text: string; readonly default: string };

export type SizeOrPercentage = { readonly bytes: number } | { readonly percent: number };

function describeInput(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  return typeof input === 'string' ? 'text' : 'a section with keys';
}

function mustBe(type: string) {
  return {
    error: ({ code, input }: { readonly code?: string; readonly input?: unknown }) => {
      if (code === 'unrecognized_keys') return undefined;
      return input === undefined ? `is required: ${type}` : `must be ${type}, not ${describeInput(input)}`;
    },
  };
}

function docOf(type: string, doc: Doc) {
  return typeof doc === 'string'
    ? { type, description: doc }
    : { type, description: doc.text, defaultText: doc.default };
}

/**
 * Returns a function that creates the schema of a key from its description. `parse` throws an Error for an invalid
 * value; the message is shown after the key.
 */
function valueOf<T>(type: string, article: string, parse: (text: string) => T) {
  return (doc: Doc) =>
    z
      .string(mustBe(`${article} ${type}`))
      .transform((text, context) => {
        try {
          return parse(text);
        } catch (error) {
          context.issues.push({ code: 'custom', message: (error as Error).message, input: text });
          return z.NEVER;
        }
      })
      .register(keyDocs, docOf(type, doc));
}

function parseFlag(text: string): boolean {
  if (/^(?:true|yes|on|y)$/i.test(text)) return true;
  if (/^(?:false|no|off|n)$/i.test(text)) return false;
  throw new Error(`must be true or false, not "${text}"`);
}

const parsePathOf = (noun: string) => (text: string) => {
  if (text === '' || text.includes('\0')) throw new Error(`must be ${noun}`);
  return text;
};

function parseHelperName(value: string): string {
  if (!/^[\w.-]+$/.test(value)) throw new Error('must be the name of a helper, for example ecr-login');
  return value.replace(/^docker-credential-/, '');
}

/**
 * Converts a pattern of platforms to lower case. A pattern that names one platform with its variant is also
 * normalized, because patterns are compared with normalized names: `linux/arm64/v8` becomes `linux/arm64`.
 */
function parsePlatformPattern(value: string): string {
  const parts = value.toLowerCase().split('/');
  if (parts.length < 2 || parts.length > 3 || parts.some((part) => !/^[\w.*?[\]{},!-]+$/.test(part)))
    throw new Error(`must be a pattern of platforms such as linux/amd64 or windows/*, not "${value}"`);
  return (parts.length === 3 ? parsePlatformName(parts.join('/')) : undefined) ?? parts.join('/');
}

export const text = valueOf('text', 'a', (value) => value);
export const flag = valueOf('true or false', 'either', parseFlag);
export const helperName = valueOf('name', 'a', parseHelperName);
export const program = valueOf('program', 'a', parsePathOf('a program, for example docker-credential-ecr-login'));
export const filePath = valueOf('path', 'a', parsePathOf('a path'));
export const duration = valueOf('duration', 'a', parseDuration);
/** Parses a duration, or `forever` as `Infinity`. */
export const durationOrForever = valueOf('duration or `forever`', 'a', (value) =>
  value.toLowerCase() === 'forever' ? Infinity : parseDuration(value),
);
export const size = valueOf('size', 'a', parseSize);
/** Parses bytes or a percentage. */
export const sizeOrPercentage = valueOf('size or percentage', 'a', (value): SizeOrPercentage => {
  const [, percent] = /^(\d+(?:\.\d+)?) ?%$/.exec(value) ?? [];
  if (percent === undefined) return { bytes: parseSize(value) };
  if (Number(percent) >= 100) throw new Error(`"${value}" must be less than 100%`);
  return { percent: Number(percent) };
});
/** Parses a percentage, `all` as 100, or `none` as 0. */
export const percentageOrAll = valueOf('`all`, `none` or percentage', 'one of', (value) => {
  if (value.toLowerCase() === 'all') return 100;
  if (value.toLowerCase() === 'none') return 0;
  const [, percent] = /^(\d+(?:\.\d+)?) ?%$/.exec(value) ?? [];
  if (percent === undefined || Number(percent) > 100)
    throw new Error(`must be all, none, or a percentage such as 1%, not "${value}"`);
  return Number(percent);
});
export const network = valueOf('network', 'a', parseNetwork);
export const platformPattern = valueOf('pattern', 'a', parsePlatformPattern);
export const registryUrl = valueOf('URL', 'a', parseRegistryUrl);
export const serverUrl = valueOf('URL', 'a', parseServerUrl);
export const proxyUrl = valueOf('URL', 'a', (value) => createSecret(parseProxyUrl(value)));
export const secret = valueOf('secret', 'a', createSecret);

export function wholeNumber(doc: Doc, { min, max }: { readonly min: number; readonly max: number }) {
  return valueOf('whole number', 'a', (value) => {
    const number = Number(value);
    if (!/^-?\d+$/.test(value) || number < min || number > max)
      throw new Error(`must be a whole number from ${min} to ${max}, not "${value}"`);
    return number;
  })(doc);
}

export function choice<const C extends string>(doc: Doc, choices: readonly C[]) {
  const type = choices.map((allowed) => `\`${allowed}\``).join(', ');
  return valueOf(type, 'one of', (value) => {
    const chosen = choices.find((allowed) => allowed.toLowerCase() === value.toLowerCase());
    if (chosen === undefined) throw new Error(`must be one of ${choices.join(', ')}, not "${value}"`);
    return chosen;
  })(doc);
}

/** Creates the schema of a list. A single text counts as a list of one item. */
export function listOf<T extends z.ZodType>(doc: Doc, item: T) {
  const type = 'list';
  return z
    .preprocess(
      (input) => (typeof input === 'string' ? [input] : input),
      z.array(item, mustBe(`a ${type}`)).register(keyDocs, docOf(type, doc)),
    )
    .register(keyDocs, docOf(type, doc));
}

/** Creates the schema of a map whose keys the user chooses. */
export function mapOf<T extends z.ZodType>(doc: Doc, item: T) {
  return z.record(z.string(), item, mustBe('a section with keys')).register(keyDocs, docOf('map', doc));
}

/** Creates the schema of a section, a map with fixed keys. An absent section counts as an empty one. */
export function section<S extends z.ZodRawShape>(doc: Doc, shape: S) {
  return openSection(doc, shape).prefault({} as never);
}

/** Creates the schema of a section whose presence has a meaning. An absent section does not count as an empty one. */
export function openSection<S extends z.ZodRawShape>(doc: Doc, shape: S) {
  return z.strictObject(shape, mustBe('a section with keys')).register(keyDocs, docOf('section', doc));
}
