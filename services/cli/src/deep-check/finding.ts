// The findings of checks: one line each, with the setting, what was found, and what to do.

export interface Finding {
  /** The path of the setting, such as `redis.addrs`. */
  readonly setting: string;
  /** `warn` means that the cache works, but not as an operator expects. */
  readonly result: 'ok' | 'warn' | 'fail';
  /** What was found. For `warn` and `fail` also what to do. */
  readonly message: string;
}

/** Never rejects. */
export type Check = () => Promise<readonly Finding[]>;

export const ok = (setting: string, message: string): Finding => ({ setting, result: 'ok', message });
export const warn = (setting: string, message: string): Finding => ({ setting, result: 'warn', message });
export const fail = (setting: string, message: string): Finding => ({ setting, result: 'fail', message });

/** Returns a check with one finding, or with the findings that `run` resolves to. A rejection becomes a `fail` of `setting`. */
export function checkOf(setting: string, run: () => Promise<Finding | readonly Finding[]>): Check {
  return async () => {
    try {
      return [await run()].flat();
    } catch (error) {
      return [fail(setting, (error as Error).message)];
    }
  };
}

export function lineOf({ setting, result, message }: Finding, width: number): string {
  const label = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' }[result];
  // A message can contain the response of another server, and a terminal would obey its control characters.
  return `${label}  ${setting.padEnd(width)}  ${message.replaceAll(/\p{Cc}+/gu, ' ')}\n`;
}
