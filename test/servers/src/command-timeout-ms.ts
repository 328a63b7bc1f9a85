// How long what is under test waits for an answer of Redis. On a machine that runs other tests too, a healthy Redis may need
// longer than the product gives it.

export const commandTimeoutMs = {
  /** Much longer than the default of `redis.commandtimeout`: Redis is not what fails. */
  patient: 10_000,
  /** For what is to be tried with a Redis that hangs. */
  hanging: 1000,
} as const;
