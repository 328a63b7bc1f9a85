// Loads one frozen configuration from the file and the environment, or throws one error with every problem
// (decision 0003).
import { readFileSync } from 'node:fs';
import type { Environment } from '@cistern/runtime/process';
import { buildConfig, type Config, keyTree, rootShape, type SectionValues, type Settings } from './build-config.ts';
import { applyEnvironment, nameVariables } from './source/environment.ts';
import { isRawMap, readYaml, type RawMap, type RawValue } from './source/read-yaml.ts';
import { screenKeys } from './source/screen-keys.ts';
import { ConfigError, hideUserInfo, joinPath, type Findings, type Problem } from './source/problems.ts';

export interface LoadConfigOptions {
  /**
   * The path of the configuration file. Unset means the value of `REGISTRY_CONFIGURATION_PATH`. If both are unset, no
   * configuration file is read.
   */
  readonly path?: string | undefined;
  /** The process's environment. */
  readonly env: Environment;
  /** Reads the configuration file and the files that it names. */
  readonly readFile?: (path: string) => string;
  /**
   * `rootDirectory` is the directory of the store if the configuration names no store. It is the directory of the index
   * if `storage.s3` sets no `indexdirectory`.
   */
  readonly defaults: { readonly rootDirectory: string };
}

/** Throws `ConfigError` with every problem. The result is deeply frozen. */
export function loadConfig(options: LoadConfigOptions): Config {
  const { env, defaults, readFile = (path) => readFileSync(path, 'utf8') } = options;
  const path = options.path ?? (env['REGISTRY_CONFIGURATION_PATH'] || undefined);
  const source = path ?? 'The configuration';
  const findings: Findings = { problems: [], warnings: [] };
  const raw = path === undefined ? {} : readSource(path, readFile);
  const written = applyEnvironment(raw, env, keyTree, findings.warnings);
  expandShorthands(raw);
  const screened = screenKeys(raw, keyTree, findings);
  const sections = Object.keys(rootShape) as (keyof typeof rootShape)[];
  const values = sections.map((key) => [key, checkSection(key, screened[key], findings.problems)] as const);
  const config = buildConfig(Object.fromEntries(values) as SectionValues, {
    report: (at, message) => {
      if (!findings.problems.some((problem) => problem.path === at)) findings.problems.push({ path: at, message });
    },
    warn: (at, message) => void findings.warnings.push({ path: at, message }),
    isPresent: (section) => section in screened,
    readFile,
    env,
    defaults,
  });
  const hide = hideUserInfo(raw);
  if (findings.problems.length > 0) {
    const problems = findings.problems.map((problem) => nameVariables(hide(problem), written));
    throw new ConfigError(source, problems);
  }
  // The cast is safe, because each section that could not be built has reported a problem, which is thrown above.
  return deepFreeze({
    ...(config as Omit<Config, 'warnings' | 'settings'>),
    warnings: findings.warnings.map(hide),
    settings: Object.fromEntries(values.map(([key, checked]) => [key, checked?.value])) as Settings,
  });
}

function readSource(path: string, readFile: (path: string) => string): RawMap {
  const fail = (message: string) =>
    new ConfigError(
      path,
      message.split('\n').map((line) => ({ path: '', message: line })),
    );
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES') throw fail(`the file cannot be read (${code ?? message})`);
    const user = process.getuid?.();
    throw fail(
      `the file cannot be read by user ${user}, which runs this process (EACCES); give that user the right to read it`,
    );
  }
  let raw;
  try {
    raw = readYaml(text);
  } catch (error) {
    throw fail((error as Error).message);
  }
  if (raw === null) return {};
  if (!isRawMap(raw)) throw fail('must be a map of sections, for example log, http and storage');
  return raw;
}

/** Expands `storage: inmemory` to `storage: { inmemory: {} }`, and likewise `auth`, as registry:2 does. */
function expandShorthands(raw: RawMap): void {
  for (const key of ['storage', 'auth']) {
    const value = raw[key];
    if (typeof value === 'string' && value !== '') raw[key] = { [value]: null };
  }
}

/**
 * Returns the values of a section. Reports invalid values and omits them, so that the checks of the other values still
 * run. Returns `undefined` if the section does not fit its schema without the invalid values either.
 */
function checkSection(key: keyof typeof rootShape, value: RawValue | undefined, problems: Problem[]) {
  const result = rootShape[key].safeParse(value);
  if (result.success) return { value: result.data };
  for (const { path, message } of result.error.issues) problems.push({ path: joinPath([key, ...path]), message });
  const rest = structuredClone(value);
  for (const { path } of result.error.issues) removeAt(rest, path);
  const second = rootShape[key].safeParse(isRawMap(rest) ? rest : undefined);
  return second.success ? { value: second.data } : undefined;
}

/** Removes the value at a path. If the value is in a list, removes the whole list. */
function removeAt(value: RawValue | undefined, [key, ...rest]: readonly PropertyKey[]): void {
  if (!isRawMap(value) || typeof key !== 'string') return;
  const child = value[key];
  if (rest.length > 0 && isRawMap(child)) removeAt(child, rest);
  else delete value[key];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value))
    for (const item of Object.values(Object.freeze(value))) deepFreeze(item);
  return value;
}
