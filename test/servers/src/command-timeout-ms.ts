// Time limits for Redis commands of a node under test. On a machine that runs other tests too, a healthy Redis may need
// longer than the product's default.

export const commandTimeoutMs = {
  /** Much longer than the default of `redis.commandtimeout`, for tests in which Redis does not fail. */
  patient: 10_000,
  /** For tests with a Redis that hangs. */
  hanging: 1000,
} as const;
