// Time limits for Redis commands of a node under test. On a machine that also runs other tests, a healthy Redis can
// need longer than the default of `redis.commandtimeout`.

export const commandTimeoutMs = {
  /** Much longer than the default of `redis.commandtimeout`, for tests in which Redis does not fail. */
  patient: 10_000,
  /** For tests in which Redis hangs. */
  hanging: 1000,
} as const;
